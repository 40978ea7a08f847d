"""The wire encoders: pure functions of the log, so every replay gives the same numbers."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

import msgspec
import pytest
from openai.types.responses import ResponseStreamEvent
from pydantic import TypeAdapter

from helium.core.events import LoggedEvent, UnknownEvent, decode_event
from helium.core.fold import EMPTY, fold
from helium.core.spec import AgentSpec
from helium.features.responses.encoder import ResponsesEncoder
from helium.features.runs.encoder import RunEventsEncoder

from .fakes import claimed_run
from .scenarios import SCENARIOS

CLOSES = ("response.completed", "response.failed", "response.incomplete")
OFFICIAL: TypeAdapter[Any] = TypeAdapter(ResponseStreamEvent)
Shown = list[tuple[str, dict[str, Any]]]


def parse(raw: bytes) -> Shown:
    """Server-sent events as a client reads them: name and data."""
    shown: Shown = []
    for block in raw.decode().split("\n\n")[:-1]:
        lines = dict(line.split(": ", 1) for line in block.split("\n"))
        shown.append((lines["event"], json.loads(lines["data"])))
    return shown


def response(log: Sequence[LoggedEvent], *, after: int = -1, by: int = 1000) -> Shown:
    """The protocol's events after a number, with the log given `by` so many events at a time."""
    encoder = ResponsesEncoder(claimed_run(UUID(int=9), spec=AgentSpec()).row, after=after)
    raw = b"".join(encoder.encode(log[start : start + by]) for start in range(0, len(log), by))
    return parse(raw)


@pytest.fixture(params=list(SCENARIOS))
async def log(request: pytest.FixtureRequest) -> list[LoggedEvent]:
    world, run_id = await SCENARIOS[request.param]()
    return world.log(run_id)


async def test_the_numbers_are_dense_and_do_not_depend_on_how_the_log_arrives(
    log: list[LoggedEvent],
) -> None:
    whole = response(log)

    assert [data["sequence_number"] for _, data in whole] == list(range(len(whole)))
    assert response(log, by=1) == response(log, by=3) == whole


async def test_a_resuming_viewer_gets_the_rest_and_nothing_else(log: list[LoggedEvent]) -> None:
    whole = response(log)

    for after in range(-1, len(whole)):
        assert response(log, after=after) == whole[after + 1 :]


async def test_every_event_is_one_of_the_official_clients(log: list[LoggedEvent]) -> None:
    for name, data in response(log):
        assert data["type"] == name
        error = data.get("response", {}).get("error")
        if error is not None:
            # The one liberty: their list of codes is closed, and ours says what happened.
            assert error == {"code": "model_auth", "message": "The key was refused."}
            error["code"] = "server_error"
        official = OFFICIAL.validate_python(data)
        assert official.type == name


async def test_every_item_that_is_begun_is_ended_before_the_response_is(log: list[LoggedEvent]) -> None:
    whole = response(log)
    if whole[-1][0] not in CLOSES:
        return  # the run waits for a person
    begun = [d["output_index"] for name, d in whole if name == "response.output_item.added"]
    ended = [d["output_index"] for name, d in whole if name == "response.output_item.done"]

    assert sorted(begun) == sorted(ended) == list(range(len(begun)))


async def test_the_last_event_holds_the_whole_answer(log: list[LoggedEvent]) -> None:
    whole = response(log)
    if whole[-1][0] not in CLOSES:
        return
    final = whole[-1][1]["response"]
    said = "".join(
        part.get("text", part.get("refusal", ""))
        for item in final["output"]
        if item["type"] == "message"
        for part in item["content"]
    )
    finished = "".join(
        data.get("text", data.get("refusal", ""))
        for name, data in whole
        if name in ("response.output_text.done", "response.refusal.done")
    )

    assert said == finished
    assert sum(name in CLOSES for name, _ in whole) == 1


async def test_the_native_stream_is_the_log_with_its_numbers(log: list[LoggedEvent]) -> None:
    encoder = RunEventsEncoder()

    raw = encoder.encode(log)

    shown = parse(b"\n\n".join(b"\n".join(b.split(b"\n")[1:]) for b in raw.split(b"\n\n")))
    back = [
        LoggedEvent(
            seq=data.pop("seq"),
            event=decode_event(json.dumps({k: v for k, v in data.items() if k != "at"})),
            created_at=log[0].created_at,
        )
        for _, data in shown
    ]
    assert [(one.seq, one.event) for one in back] == [(one.seq, one.event) for one in log]
    assert [block.split(b"\n")[0] for block in raw.split(b"\n\n")[:-1]] == [
        b"id: %d" % logged.seq for logged in log
    ]
    assert encoder.encode(log[:3]) + encoder.encode(log[3:]) == raw


async def test_guard_a_kind_of_event_that_a_later_release_added_changes_nothing_else(
    log: list[LoggedEvent],
) -> None:
    later = UnknownEvent("run.dreamt", b'{"type":"run.dreamt"}')
    whole = response(log)

    for place in range(1, len(log) + 1):
        after = [msgspec.structs.replace(logged, seq=logged.seq + 1) for logged in log[place:]]
        at = log[place - 1].created_at
        longer = [*log[:place], LoggedEvent(seq=place + 1, event=later, created_at=at), *after]

        assert response(longer, by=1) == whole
        assert fold(EMPTY, longer) == replace(fold(EMPTY, log), last_seq=len(longer))
