"""Watching runs: no event lost or repeated, whatever order the log and the writer speak in."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from uuid import UUID

from helium.adapters.memory.bus import MemoryBus
from helium.core.events import (
    CancelRequested,
    ItemDelta,
    LoggedEvent,
    RunCompleted,
    RunQueued,
    RunStarted,
    StepStarted,
)
from helium.engine.tail import PAGE, EventHub, Viewer, is_final
from helium.kit.clock import ManualClock
from helium.ports import Bus

from .fakes import AWAY, DatabaseAway, Gate, LogStore, turns, until

RUN = UUID(int=1)
OTHER = UUID(int=2)


def said(number: int) -> ItemDelta:
    return ItemDelta(item_id="i", index=0, text=str(number))


class Room:
    """A hub over a log that other processes write."""

    def __init__(self, buffer_events: int = 1000, bus: Bus | None = None) -> None:
        self.store = LogStore()
        self.clock = ManualClock()
        self.hub = EventHub(self.store, self.clock, poll_seconds=1.0, buffer_events=buffer_events, bus=bus)

    @asynccontextmanager
    async def polling(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self.hub.serve(AWAY))
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def tick(self, seconds: float = 1.0) -> None:
        await turns(3)
        self.clock.advance(seconds)
        await turns(3)


def queued() -> RunQueued:
    return RunQueued(agent="a", model="m")


def crowd(hub: EventHub, size: int = 100) -> ExitStack:
    """So many viewers, each of a run of its own."""
    stack = ExitStack()
    for number in range(size):
        stack.enter_context(hub.follow(UUID(int=1000 + number), 0, from_log=False))
    return stack


async def seqs(viewer: Viewer, count: int) -> list[int]:
    """The numbers of the next events, at least `count` of them."""
    seen: list[int] = []
    while len(seen) < count:
        seen += [logged.seq for logged in await viewer.next(1)]
    return seen


async def test_a_viewer_reads_what_was_there_and_then_what_is_published() -> None:
    room = Room()
    room.store.add(RUN, said(1), said(2))

    with room.hub.follow(RUN, 0) as viewer:
        before = await seqs(viewer, 2)
        room.hub.publish(RUN, room.store.add(RUN, said(3)))
        after = await seqs(viewer, 1)

    assert (before, after) == ([1, 2], [3])


async def test_a_cursor_hides_what_the_viewer_has_seen() -> None:
    room = Room()
    room.store.add(RUN, *(said(n) for n in range(5)))

    with room.hub.follow(RUN, 3) as viewer:
        assert await seqs(viewer, 2) == [4, 5]


async def test_guard_an_event_between_the_reading_and_the_answer_is_not_lost() -> None:
    room = Room()
    room.store.add(RUN, said(1))
    gate = Gate()
    room.store.before_read = gate  # holds the answer, after the log was looked at

    with room.hub.follow(RUN, 0) as viewer:
        reading = asyncio.create_task(seqs(viewer, 3))
        await gate.reached.wait()
        room.hub.publish(RUN, room.store.add(RUN, said(2)))
        gate.open.set()
        await turns()
        room.hub.publish(RUN, room.store.add(RUN, said(3)))
        seen = await reading

    assert seen == [1, 2, 3]


async def test_a_gap_sends_the_viewer_back_to_the_log() -> None:
    room = Room()

    with room.hub.follow(RUN, 0, from_log=False) as viewer:
        room.store.add(RUN, said(1), said(2))
        room.hub.publish(RUN, room.store.add(RUN, said(3)))
        seen = await seqs(viewer, 3)

    assert (seen, room.store.reads) == ([1, 2, 3], 1)


async def test_what_is_published_twice_is_shown_once() -> None:
    room = Room()

    with room.hub.follow(RUN, 0, from_log=False) as viewer:
        events = room.store.add(RUN, said(1), said(2))
        room.hub.publish(RUN, events)
        room.hub.publish(RUN, events)
        room.hub.publish(RUN, room.store.add(RUN, said(3)))

        assert await seqs(viewer, 3) == [1, 2, 3]


async def test_a_slow_viewer_falls_back_to_the_log_and_keeps_little_in_memory() -> None:
    room = Room(buffer_events=4)
    room.store.add(RUN)

    with room.hub.follow(RUN, 0, from_log=False) as viewer:
        for number in range(1, 101):
            room.hub.publish(RUN, room.store.add(RUN, said(number)))
        first = await viewer.next(1)
        rest = await seqs(viewer, 96)

    assert [logged.seq for logged in first] == [1, 2, 3, 4]
    assert rest == list(range(5, 101))


async def test_a_long_log_comes_page_by_page_without_a_gap() -> None:
    room = Room()
    room.store.add(RUN, *(said(n) for n in range(2 * PAGE + 1)))

    with room.hub.follow(RUN, 0) as viewer:
        pages = [await viewer.next(1) for _ in range(3)]
        room.hub.publish(RUN, room.store.add(RUN, said(0)))
        last = await viewer.next(1)

    assert [len(page) for page in pages] == [PAGE, PAGE, 1]
    assert [logged.seq for logged in last] == [2 * PAGE + 2]
    assert room.store.reads == 3


async def test_a_full_page_that_is_the_whole_log_is_followed_by_what_comes() -> None:
    room = Room()
    room.store.add(RUN, *(said(n) for n in range(PAGE)))

    with room.hub.follow(RUN, 0) as viewer:
        await viewer.next(1)
        waiting = asyncio.create_task(seqs(viewer, 1))
        await turns()
        room.hub.publish(RUN, room.store.add(RUN, said(0)))

        assert await waiting == [PAGE + 1]


async def test_runs_of_other_processes_are_polled_in_one_query_for_all() -> None:
    room = Room()

    with (
        room.hub.follow(RUN, 0, from_log=False) as one,
        room.hub.follow(RUN, 0, from_log=False) as same,
        room.hub.follow(OTHER, 0, from_log=False) as two,
    ):
        async with room.polling():
            await turns(3)
            room.store.add(RUN, said(1))
            room.store.add(OTHER, said(1), said(2))
            await room.tick()
            seen = [await seqs(one, 1), await seqs(same, 1), await seqs(two, 2)]

    assert (seen, room.store.reads) == ([[1], [1], [1, 2]], 1)


async def test_runs_of_this_process_are_not_polled_for() -> None:
    room = Room()
    room.hub.local_runs(lambda run_id: run_id == RUN)

    with room.hub.follow(RUN, 0, from_log=False):
        async with room.polling():
            await room.tick()

    assert room.store.reads == 0


async def test_a_database_that_is_away_delays_a_viewer_and_loses_nothing() -> None:
    room = Room()
    failures: list[Exception] = [DatabaseAway()]

    async def fail_once() -> None:
        if failures:
            raise failures.pop()

    room.store.before_read = fail_once
    with room.hub.follow(RUN, 0, from_log=False) as viewer:
        async with room.polling():
            await turns(3)
            room.store.add(RUN, said(1))
            await room.tick()
            await room.tick()

            assert await seqs(viewer, 1) == [1]


async def test_silence_ends_with_nothing_after_the_time() -> None:
    room = Room()

    with room.hub.follow(RUN, 0, from_log=False) as viewer:
        async with room.polling():
            silent = asyncio.create_task(viewer.next(2.0))
            await room.tick()
            waiting = not silent.done()
            await room.tick()
            await until(silent.done)

    assert (waiting, silent.result()) == (True, ())


async def test_closing_wakes_every_viewer() -> None:
    room = Room()

    with room.hub.follow(RUN, 0, from_log=False) as viewer:
        waiting = asyncio.create_task(viewer.next(1e9))
        await turns()
        room.hub.close()

        assert (await waiting, room.hub.closing.is_set()) == ((), True)


async def test_a_viewer_that_left_is_forgotten() -> None:
    room = Room()

    with room.hub.follow(RUN, 0), room.hub.follow(RUN, 0):
        both = room.hub.viewers
    room.hub.publish(RUN, room.store.add(RUN, said(1)))

    assert (both, room.hub.viewers) == (2, 0)


def test_the_end_of_a_run_is_its_last_event() -> None:
    def logged(*events: object) -> list[LoggedEvent]:
        return [
            LoggedEvent(seq=n, event=event, created_at=0.0)  # type: ignore[arg-type]
            for n, event in enumerate(events, 1)
        ]

    assert is_final(logged(CancelRequested(), RunCompleted()))
    assert not is_final(logged(RunStarted(attempt=1)))
    assert not is_final([])


async def test_a_bell_brings_what_another_process_committed_before_any_look() -> None:
    bus = MemoryBus()
    here, elsewhere = Room(bus=bus), Room(bus=bus.connect())

    async with here.polling():
        with here.hub.follow(RUN, 0, from_log=False) as viewer:
            reading = asyncio.create_task(seqs(viewer, 1))
            await turns(3)
            elsewhere.hub.publish(RUN, here.store.add(RUN, said(1)))
            await until(reading.done, "the reading")

    assert reading.result() == [1]
    assert here.clock.monotonic() == Room().clock.monotonic()  # nobody waited


async def test_guard_what_a_lost_bell_hid_is_found_by_looking() -> None:
    here = Room(bus=MemoryBus())

    async with here.polling():
        with here.hub.follow(RUN, 0, from_log=False) as viewer:
            reading = asyncio.create_task(seqs(viewer, 1))
            here.store.add(RUN, said(1))
            await here.tick()
            await until(reading.done, "the reading")

    assert reading.result() == [1]


async def test_a_bell_that_names_nobody_sends_every_viewer_to_the_log() -> None:
    here = Room(bus=MemoryBus())

    async with here.polling():
        with here.hub.follow(RUN, 0, from_log=False) as viewer:
            reading = asyncio.create_task(seqs(viewer, 1))
            await turns(3)
            here.store.add(RUN, said(1))
            here.hub.hear(())
            await until(reading.done, "the reading")

    assert reading.result() == [1]


async def test_guard_what_was_read_is_not_said_on_the_bus_again() -> None:
    bus, heard = MemoryBus(), list[UUID]()
    here = Room(bus=bus)
    bus.connect().listen("events", heard.extend)

    async with here.polling():
        with here.hub.follow(RUN, 0, from_log=False) as viewer:
            here.store.add(RUN, said(1))
            here.hub.hear((RUN,))
            await seqs(viewer, 1)

    assert heard == []


async def test_bells_for_runs_that_nobody_watches_cost_no_query() -> None:
    here = Room(bus=MemoryBus())

    async with here.polling():
        with here.hub.follow(RUN, 0, from_log=False):
            await turns(3)
            here.hub.hear((OTHER,))
            await turns(3)

    assert here.store.reads == 0


async def test_a_viewer_that_is_nearly_alone_hears_of_everything_at_once() -> None:
    room = Room()

    with room.hub.follow(RUN, 0, from_log=False) as viewer:
        room.hub.publish(RUN, room.store.add(RUN, queued()))

        assert await seqs(viewer, 1) == [1]


async def test_in_a_crowd_quiet_events_come_with_what_follows_them() -> None:
    room = Room()
    step = StepStarted(position=0, kind="model", name="model")

    with crowd(room.hub), room.hub.follow(RUN, 0, from_log=False) as viewer:
        room.hub.publish(RUN, room.store.add(RUN, queued()))
        waiting = asyncio.create_task(viewer.next(1))
        await turns()
        room.hub.publish(RUN, room.store.add(RUN, RunStarted(attempt=1), step))
        await turns()
        before = waiting.done()
        room.hub.publish(RUN, room.store.add(RUN, said(1)))
        seen = [logged.seq for logged in await waiting]

    assert (before, seen) == (False, [1, 2, 3, 4])


async def test_in_a_crowd_quiet_events_wait_for_a_short_while_only() -> None:
    room = Room()

    with crowd(room.hub), room.hub.follow(RUN, 0, from_log=False) as viewer:
        async with room.polling():
            waiting = asyncio.create_task(viewer.next(60))
            await turns(3)
            room.hub.publish(RUN, room.store.add(RUN, queued()))
            await room.tick()
            assert [logged.seq for logged in await waiting] == [1]


async def test_in_a_crowd_what_is_only_quiet_is_no_silence() -> None:
    room = Room()

    with crowd(room.hub), room.hub.follow(RUN, 0, from_log=False) as viewer:
        async with room.polling():
            room.hub.publish(RUN, room.store.add(RUN, queued()))
            waiting = asyncio.create_task(viewer.next(60))
            await room.tick()
            assert [logged.seq for logged in await waiting] == [1]


async def test_guard_in_a_crowd_a_run_of_another_process_is_read_on_while_quiet_events_wait() -> None:
    room = Room()
    room.hub.local_runs(lambda run_id: run_id != RUN)

    with crowd(room.hub, 1000), room.hub.follow(RUN, 0, from_log=False) as viewer:
        async with room.polling():
            waiting = asyncio.create_task(viewer.next(60))
            await turns(3)
            room.hub.publish(RUN, room.store.add(RUN, queued()))
            room.store.add(RUN, said(1))
            await room.tick()
            assert [logged.seq for logged in await waiting] == [1, 2]
