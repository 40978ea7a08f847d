"""Logs that released versions wrote: read, folded and encoded today as on that day (F17)."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import msgspec
import pytest

from helium.core.events import KINDS, Event, LoggedEvent, decode_event, encode_event
from helium.core.fold import EMPTY, fold
from helium.core.items import Item, Part
from helium.features.runs.encoder import RunEventsEncoder
from tests.upgrade.freeze import DIGESTS, FIXTURES, SECOND, freeze, responses

FILES = sorted(path.relative_to(FIXTURES).as_posix() for path in FIXTURES.glob("*/*.json"))
NEW = "freeze a log of it: `python -m tests.upgrade.freeze`, with the version that will write it first"


def stored(file: str) -> dict[str, Any]:
    return json.loads((FIXTURES / file).read_text())


def log_of(fixture: dict[str, Any]) -> list[LoggedEvent]:
    """As it comes out of a database, where other writers have put spaces and escapes into the text."""
    return [
        LoggedEvent(
            seq=line["seq"],
            event=decode_event(json.dumps(line["event"])),
            created_at=SECOND + line["seq"],
        )
        for line in fixture["events"]
    ]


def lost(then: Any, now: Any, place: str = "") -> Iterator[str]:
    """What was there and is no longer, or is another. A later release may add fields, and nothing else."""
    if isinstance(then, dict) and isinstance(now, dict):
        known: dict[str, Any] = then
        for name, value in known.items():
            yield from lost(value, now.get(name, "(nothing)"), f"{place}.{name}")
    elif isinstance(then, list) and isinstance(now, list) and len(then) == len(now):
        for at, (one, other) in enumerate(zip(then, now, strict=True)):
            yield from lost(one, other, f"{place}[{at}]")
    elif then != now:
        yield f"{place}: {then!r} is now {now!r}"


def written(kind: type[msgspec.Struct]) -> str:
    return str(kind.__struct_config__.tag)


def values(found: Any) -> Iterator[dict[str, Any]]:
    """All objects in a JSON value."""
    if isinstance(found, dict):
        known: dict[str, Any] = found
        yield known
        found = list(known.values())
    if isinstance(found, list):
        for inner in found:
            yield from values(inner)


@pytest.mark.parametrize("file", FILES)
def test_guard_a_released_log_is_read_and_written_as_it_was(file: str) -> None:
    fixture = stored(file)

    for line, one in zip(fixture["events"], log_of(fixture), strict=True):
        assert msgspec.json.decode(encode_event(one.event)) == line["event"]


@pytest.mark.parametrize("file", FILES)
def test_a_released_log_folds_to_the_view_that_it_had(file: str) -> None:
    fixture = stored(file)

    assert list(lost(fixture["view"], fold(EMPTY, log_of(fixture)).as_json())) == []


@pytest.mark.parametrize("file", FILES)
def test_a_released_log_gives_the_same_responses_stream_with_the_same_numbers(file: str) -> None:
    fixture = stored(file)

    assert list(lost(fixture["responses"], responses(log_of(fixture)))) == []


@pytest.mark.parametrize("file", FILES)
def test_a_released_log_gives_the_same_stream_of_helium_s_own(file: str) -> None:
    fixture = stored(file)

    blocks = RunEventsEncoder().encode(log_of(fixture)).decode().split("\n\n")[:-1]

    told = [json.loads(block.split("\ndata: ", 1)[1]) for block in blocks]
    assert told == [
        {"seq": line["seq"], "at": one["at"], **line["event"]}
        for one, line in zip(told, fixture["events"], strict=True)
    ]


def test_guard_a_frozen_log_is_never_changed() -> None:
    now = [f"{hashlib.sha256((FIXTURES / file).read_bytes()).hexdigest()}  {file}" for file in FILES]

    assert sorted(DIGESTS.read_text().splitlines()) == sorted(now)


def test_freezing_again_changes_nothing() -> None:
    assert freeze("0.1.0", {Path(file).stem: {} for file in FILES if file.startswith("0.1.0/")}) == []


def test_every_kind_of_event_and_each_of_its_fields_is_in_a_frozen_log() -> None:
    said = {
        (line["event"]["type"], field)
        for file in FILES
        for line in stored(file)["events"]
        for field in line["event"]
    }
    known = {
        (written(kind), name) for kind in get_args(Event) for name in ("type", *kind.__struct_fields__)
    }

    assert {kind for kind, _ in known} == KINDS
    assert sorted(known - said) == [], NEW


def test_every_kind_of_item_and_part_and_each_of_its_fields_is_in_a_frozen_log() -> None:
    said = {
        (value.get("type"), field)
        for file in FILES
        for value in values(stored(file)["events"])
        for field in value
    }
    known = {
        (written(kind), name)
        for kind in (*get_args(Item), *get_args(Part))
        for name in kind.__struct_fields__
    }

    assert sorted(known - said) == [], NEW
