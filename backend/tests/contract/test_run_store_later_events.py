"""A log in which a later release has written kinds of events that this one does not know (F17)."""

import json
from uuid import UUID

import msgspec
import pytest

from helium.adapters.memory.run_record import Entry
from helium.core.events import LoggedEvent, UnknownEvent, encode_event, event_type
from helium.engine.tail import EventHub, is_final
from helium.features.runs.encoder import RunEventsEncoder
from helium.kit.clock import ManualClock
from tests.support.factories import a_write, delta, finish
from tests.support.sides import MemorySide, PostgresSide, Side, claimed, started

LATER = '{"type" : "run.dreamt", "of" : "sheep",\n "depth" : 1.0}'


async def rewrite(side: Side, run_id: UUID, seq: int, payload: str) -> None:
    """Let this event of the run be one that another release has written."""
    if isinstance(side, MemorySide):
        log = side.store.runs[run_id].log
        log[seq - 1] = Entry(log[seq - 1].epoch, payload.encode(), 0.0)
    else:
        assert isinstance(side, PostgresSide)
        statement = "update event set payload = $3::text::json where run_id = $1 and seq = $2"
        await side.database.execute(statement, run_id, seq, payload)


async def a_later_log(side: Side) -> UUID:
    """queued, started, delta, the unknown one, delta, completed."""
    new = await started(side)
    run = await claimed(side)
    await side.store.commit([a_write(run, *[delta()] * 3)])
    await side.store.commit([msgspec.structs.replace(finish(run), first_seq=6)])
    await rewrite(side, new.id, 4, LATER)
    return new.id


async def watched(side: Side, run_id: UUID, after: int) -> list[LoggedEvent]:
    """What a viewer gets who comes with this cursor, up to the end."""
    hub = EventHub(side.store, ManualClock(), poll_seconds=1.0, buffer_events=2)
    seen: list[LoggedEvent] = []
    with hub.follow(run_id, after) as viewer:
        while not is_final(seen) and len(seen) < 10:
            seen += await viewer.next(1.0)
    return seen


async def test_guard_a_viewer_gets_an_unknown_kind_at_its_place_and_all_that_follows(side: Side) -> None:
    run_id = await a_later_log(side)

    seen = await watched(side, run_id, 0)

    assert [(one.seq, event_type(one.event)) for one in seen] == [
        (1, "run.queued"),
        (2, "run.started"),
        (3, "item.delta"),
        (4, "run.dreamt"),
        (5, "item.delta"),
        (6, "run.completed"),
    ]
    assert encode_event(seen[3].event) == b'{"type":"run.dreamt","of":"sheep","depth":1.0}'


@pytest.mark.parametrize("after", [3, 4, 5])
async def test_each_number_beside_an_unknown_kind_is_a_cursor(side: Side, after: int) -> None:
    run_id = await a_later_log(side)

    seen = await watched(side, run_id, after)

    assert [one.seq for one in seen] == list(range(after + 1, 7))


async def test_helium_s_own_stream_passes_an_unknown_kind_on_as_one_event(side: Side) -> None:
    run_id = await a_later_log(side)
    (unknown,) = (await side.store.read({run_id: 3}, 1))[run_id]
    assert isinstance(unknown.event, UnknownEvent)

    name, kind, data, *rest = RunEventsEncoder().encode([unknown]).split(b"\n")

    told = json.loads(data.removeprefix(b"data: "))
    assert (name, kind, rest) == (b"id: 4", b"event: run.dreamt", [b"", b""])
    assert (told.pop("seq"), told) == (
        4,
        {"type": "run.dreamt", "at": told["at"], "of": "sheep", "depth": 1},
    )


@pytest.mark.parametrize("broken", ['{"type":"run.started"}', '{"kind":"run.started"}', "[]"])
async def test_what_no_release_writes_is_not_taken_for_a_later_kind(side: Side, broken: str) -> None:
    run_id = await a_later_log(side)
    await rewrite(side, run_id, 4, broken)

    with pytest.raises(msgspec.ValidationError):
        await side.store.read({run_id: 0}, 10)
