"""The crash matrix: a worker dies at every single write of a scenario, before and after it lands.

A second worker on the same store goes on. The outcome must be the same as without the death, the log
dense, and the tool that must not be repeated carried out once at most, or a person asked.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal
from uuid import UUID

import msgspec
import pytest

from helium.adapters.scripted import Call, Tokens
from helium.core.events import FINAL_EVENTS
from helium.core.fold import EMPTY, fold
from helium.core.items import Item, Reasoning, ToolCall, ToolResult
from helium.ports import ReasoningDelta, Write

from .world import Recorder, World, answers

# Long enough for what was said to be committed: so there are writes in the middle of an answer.
A_WHILE = Tokens([""] * 9, pace_seconds=0.01)
Moment = Literal["before", "after"]


def scenario() -> tuple[World, Recorder]:
    """Three model calls; two tools side by side, then one that must not be repeated."""
    send = Recorder("send", effect="once")
    model = answers(
        [ReasoningDelta("hm"), A_WHILE, Call("look", call_id="c1"), Call("look", call_id="c2")],
        ["I will ", A_WHILE, "send it.", A_WHILE, Call("send", {"to": "ada"}, call_id="c3")],
        ["Done", A_WHILE, "."],
    )
    return World(model, Recorder("look"), send), send


def content(items: Sequence[Item]) -> list[Item]:
    """The items without their ids, which say under which lease they were begun."""
    return [msgspec.structs.replace(item, id="") for item in items]


async def undisturbed() -> tuple[int, list[Item]]:
    world, _ = scenario()
    run_id = await world.start()
    writes = 0

    async def count(batch: Sequence[Write]) -> None:
        nonlocal writes
        writes += 1

    world.store.before = count
    view = await world.finish(run_id)
    assert view.status == "completed"
    return writes, content(view.items)


WRITES, EXPECTED = asyncio.run(undisturbed())


async def die_at(world: World, number: int, moment: Moment) -> None:
    """Work until write `number`, then nothing of this worker happens any more."""
    seen = 0
    reached = asyncio.Event()

    async def stop_there(batch: Sequence[Write]) -> None:
        nonlocal seen
        seen += 1
        if seen == number:
            reached.set()
            await asyncio.Event().wait()

    setattr(world.store, moment, stop_there)
    async with world.working():
        await reached.wait()
    setattr(world.store, moment, None)


def dense(world: World, run_id: UUID) -> bool:
    log = world.log(run_id)
    final = [logged.seq for logged in log if isinstance(logged.event, FINAL_EVENTS)]
    return [logged.seq for logged in log] == list(range(1, len(log) + 1)) and final == [len(log)]


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("number", range(1, WRITES + 1))
async def test_a_death_at_any_write_changes_nothing(number: int, moment: Moment) -> None:
    world, send = scenario()
    run_id = await world.start()

    await die_at(world, number, moment)
    await world.take_over()
    view = await world.finish(run_id)
    asked = view.action
    if asked is not None:
        assert (asked.kind, asked.call_id) == ("in_doubt", "c3")
        await world.decide(run_id, "done" if send.calls else "repeat", "send was called")
        view = await world.finish(run_id)

    assert (view.status, content(view.items)) == ("completed", EXPECTED)
    assert len(send.calls) <= 1
    assert asked is not None or len(send.calls) == 1
    assert dense(world, run_id)


async def test_the_matrix_covers_every_kind_of_write() -> None:
    kinds = {type(item) for item in EXPECTED}

    assert kinds >= {Reasoning, ToolCall, ToolResult}
    assert WRITES >= 10


@pytest.mark.parametrize("cut", range(0, 40, 7))
async def test_a_reader_from_any_cursor_sees_the_same_run(cut: int) -> None:
    world, _ = scenario()
    run_id = await world.start()
    await world.finish(run_id)
    log: list[Any] = list(world.log(run_id))

    assert fold(fold(EMPTY, log[:cut]), log[cut:]) == world.view(run_id)
