"""The log writer: order, groups, retries, and nothing shown before it is stored."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from helium.core.errors import LeaseLost
from helium.core.events import CancelRequested, ItemDelta, RunCompleted, RunStarted, StepStarted
from helium.engine import log_writer
from helium.engine.log_writer import MAX_PENDING_EVENTS, LogWriter
from helium.engine.tail import EventHub
from helium.kit.clock import ManualClock
from helium.ports import Close

from .fakes import AWAY, DatabaseAway, Gate, LogStore, SkippingClock, claimed_run, turns, until


def delta(text: str) -> ItemDelta:
    return ItemDelta(item_id="i", index=0, text=text)


STEP = StepStarted(position=0, kind="model", name="model")


class Desk:
    """A writer over a log, with its hub."""

    def __init__(self) -> None:
        self.store = LogStore()
        self.clock = SkippingClock()
        self.hub = EventHub(self.store, ManualClock(), poll_seconds=1, buffer_events=1000)
        self.writer = LogWriter(self.store, self.hub, self.clock, AWAY)

    @asynccontextmanager
    async def writing(self) -> AsyncGenerator[None]:
        task = asyncio.create_task(self.writer.serve())
        try:
            yield
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


async def test_events_land_in_the_order_in_which_they_were_given() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())

    async with desk.writing():
        pen.append(delta("a"))
        pen.append(delta("b"), delta("c"))
        await pen.commit(RunCompleted(), close=Close(status="completed"))

    log = desk.store.logs[pen.lease.run_id]
    assert [logged.event for logged in log] == [delta("a"), delta("b"), delta("c"), RunCompleted()]
    assert [logged.seq for logged in log] == [1, 2, 3, 4]


async def test_while_one_commit_is_under_way_the_next_gathers() -> None:
    desk = Desk()
    one, two, three = (desk.writer.open(claimed_run()) for _ in range(3))
    gate = Gate()
    desk.store.before = gate

    async with desk.writing():
        one.append(delta("first"))
        await gate.reached.wait()
        one.append(delta("second"))
        two.append(delta("x"))
        three.append(delta("y"))
        gate.open.set()
        await until(lambda: len(desk.store.groups) == 2)

    runs = [{write.lease.run_id for write in group} for group in desk.store.groups]
    assert runs == [
        {one.lease.run_id},
        {one.lease.run_id, two.lease.run_id, three.lease.run_id},
    ]


async def test_what_can_wait_is_stored_with_what_follows_and_for_nobody_else() -> None:
    desk = Desk()
    pen, other = desk.writer.open(claimed_run()), desk.writer.open(claimed_run())

    async with desk.writing():
        pen.mention(STEP)
        other.append(delta("x"))
        await until(lambda: len(desk.store.groups) == 1)
        pen.append(delta("a"))
        await until(lambda: len(desk.store.groups) == 2)

    groups = [[write.events for write in group] for group in desk.store.groups]
    assert groups == [[(delta("x"),)], [(STEP, delta("a"))]]


async def test_what_can_wait_does_not_wait_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_writer, "LEAST_QUIET_SECONDS", 0.0)
    monkeypatch.setattr(log_writer, "MOST_QUIET_SECONDS", 0.0)
    desk = Desk()
    pen = desk.writer.open(claimed_run())

    async with desk.writing():
        pen.mention(STEP)
        await until(lambda: len(desk.store.groups) == 1)

    assert [logged.event for logged in desk.store.logs[pen.lease.run_id]] == [STEP]


async def test_guard_nothing_is_shown_before_the_store_has_it() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())
    gate = Gate()
    desk.store.before = gate

    with desk.hub.follow(pen.lease.run_id, 0, from_log=False) as viewer:
        async with desk.writing():
            pen.append(delta("a"))
            await gate.reached.wait()
            await turns()
            before = viewer.tail
            gate.open.set()
            shown = await viewer.next(1)

    assert before == 0
    assert [logged.event for logged in shown] == [delta("a")]


async def test_guard_a_write_whose_answer_was_lost_does_not_land_twice() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())
    failures = [DatabaseAway(), DatabaseAway()]

    async def lose_the_answer() -> None:
        if failures:
            raise failures.pop()

    desk.store.after = lose_the_answer
    async with desk.writing():
        committed = await pen.commit(delta("a"))
        second = await pen.commit(delta("b"))

    assert [logged.event for logged in desk.store.logs[pen.lease.run_id]] == [delta("a"), delta("b")]
    assert (committed.first_seq, second.first_seq) == (1, 2)
    assert len(desk.clock.slept) == 2


async def test_a_commit_waits_as_long_as_the_database_is_away() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())
    left = 20

    async def away() -> None:
        nonlocal left
        left -= 1
        if left >= 0:
            raise DatabaseAway

    desk.store.before = away
    async with desk.writing():
        await pen.commit(delta("a"))

    assert len(desk.clock.slept) == 20
    assert max(desk.clock.slept) <= 1.0


async def test_a_refused_write_ends_the_pen_and_touches_nobody_else() -> None:
    desk = Desk()
    ours, theirs = desk.writer.open(claimed_run()), desk.writer.open(claimed_run())
    told: list[str] = []
    ours.on_lost = lambda: told.append("lost")
    desk.store.refuse[ours.lease.run_id] = LeaseLost("gone")

    async with desk.writing():
        with pytest.raises(LeaseLost):
            await asyncio.gather(ours.commit(delta("a")), theirs.commit(delta("b")))
        await until(lambda: len(desk.store.logs[theirs.lease.run_id]) == 1)
        with pytest.raises(LeaseLost):
            ours.append(delta("c"))

    assert told == ["lost"]
    assert desk.store.logs[ours.lease.run_id] == []


async def test_a_closed_pen_writes_nothing_more() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())

    async with desk.writing():
        await pen.commit(RunCompleted(), close=Close(status="completed"))
        with pytest.raises(LeaseLost):
            pen.append(delta("late"))


async def test_a_broken_commit_is_told_to_whoever_waits_and_the_writer_goes_on() -> None:
    desk = Desk()
    first, second = desk.writer.open(claimed_run()), desk.writer.open(claimed_run())
    errors: list[Exception] = [RuntimeError("a bug")]

    async def fail_once() -> None:
        if errors:
            raise errors.pop()

    desk.store.before = fail_once
    async with desk.writing():
        with pytest.raises(RuntimeError, match="a bug"):
            await first.commit(delta("a"))
        await second.commit(delta("b"))
        still_ours = not first.lost

    assert still_ours
    assert [logged.event for logged in desk.store.logs[second.lease.run_id]] == [delta("b")]


async def test_a_refused_write_that_nobody_waits_for_stops_its_run() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())
    told: list[str] = []
    pen.on_refused = lambda: told.append("refused")
    desk.store.refuse[pen.lease.run_id] = ValueError("this cannot be stored")

    async with desk.writing():
        pen.append(delta("a"))
        await until(lambda: bool(told))
        still_ours = not pen.lost

    assert (told, still_ours) == (["refused"], True)


async def test_a_run_that_is_far_ahead_of_the_database_waits() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())
    gate = Gate()
    desk.store.before = gate

    async with desk.writing():
        pen.append(delta("first"))
        await gate.reached.wait()
        for _ in range(MAX_PENDING_EVENTS):
            pen.append(delta("x"))
        await pen.room()  # exactly at the bound: no waiting yet
        pen.append(delta("one too many"))
        waiting = asyncio.create_task(pen.room())
        await turns()
        still_waiting = not waiting.done()
        gate.open.set()
        await waiting

    assert still_waiting
    assert len(desk.store.logs[pen.lease.run_id]) == MAX_PENDING_EVENTS + 2


async def test_a_cancellation_during_a_commit_comes_after_its_outcome_is_known() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())
    gate = Gate()
    desk.store.before = gate
    outcome: list[str] = []

    async def work() -> None:
        await pen.commit(delta("a"))
        outcome.append("committed")
        await asyncio.Event().wait()

    async with desk.writing():
        task = asyncio.create_task(work())
        await gate.reached.wait()
        task.cancel()
        await turns()
        cancelled_early = task.done()
        gate.open.set()
        with pytest.raises(asyncio.CancelledError):
            await task

    assert not cancelled_early
    assert outcome == ["committed"]


async def test_when_the_process_ends_nobody_waits_for_a_commit_for_ever() -> None:
    desk = Desk()
    stuck, gathered = desk.writer.open(claimed_run()), desk.writer.open(claimed_run())
    gate = Gate()
    desk.store.before = gate

    async with desk.writing():
        first = asyncio.create_task(stuck.commit(delta("a")))
        await gate.reached.wait()
        second = asyncio.create_task(gathered.commit(delta("b")))
        await turns()
    outcomes = await asyncio.gather(first, second, return_exceptions=True)

    assert [type(outcome) for outcome in outcomes] == [asyncio.CancelledError] * 2
    with pytest.raises(LeaseLost):
        stuck.append(delta("c"))


async def test_a_successor_is_announced_once_its_run_has_ended() -> None:
    desk = Desk()
    pen = desk.writer.open(claimed_run())
    calls: list[str] = []
    desk.writer.on_successor = lambda: calls.append("promote")
    desk.store.successor = True
    async with desk.writing():
        await pen.commit(RunCompleted(), close=Close(status="completed"))

    assert calls == ["promote"]


async def test_the_writer_knows_whose_runs_it_holds() -> None:
    desk = Desk()
    run = claimed_run()
    old = desk.writer.open(run)
    new = desk.writer.open(run)

    desk.writer.close(old)
    held_by_the_new_one = desk.writer.holds(run.lease.run_id)
    desk.writer.close(new)

    assert held_by_the_new_one
    assert not desk.writer.holds(run.lease.run_id)


async def test_events_of_several_runs_reach_only_their_own_viewers() -> None:
    desk = Desk()
    one, two = desk.writer.open(claimed_run()), desk.writer.open(claimed_run())

    with (
        desk.hub.follow(one.lease.run_id, 0, from_log=False) as first,
        desk.hub.follow(two.lease.run_id, 0, from_log=False) as second,
    ):
        async with desk.writing():
            one.append(RunStarted(attempt=1))
            two.append(CancelRequested())
            seen = [await first.next(1), await second.next(1)]

    assert [[logged.event for logged in events] for events in seen] == [
        [RunStarted(attempt=1)],
        [CancelRequested()],
    ]
