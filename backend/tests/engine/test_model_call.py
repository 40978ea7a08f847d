"""A model step: retries, retractions, fallbacks, time-outs, and answers that break off."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from helium.adapters.scripted import CutOff, Hang, ScriptedModel, Turn
from helium.core.errors import ModelFailed, Retryable
from helium.core.events import ItemAdded, RunFailed, StepRetracted, StepRetrying
from helium.core.items import Message, ToolCall, ToolResult
from helium.ports import ModelRequest

from .fakes import SkippingClock
from .world import World, answers, texts


def tries(*turns: Turn) -> ScriptedModel:
    """Plays turn n at the n-th try of the same step."""
    left = list(turns)

    def choose(request: ModelRequest) -> Turn:
        return left.pop(0) if len(left) > 1 else left[0]

    return ScriptedModel(choose, clock=SkippingClock())


def failure(world: World, run_id: Any) -> tuple[str, str]:
    last = world.events(run_id)[-1]
    assert isinstance(last, RunFailed)
    return last.code, last.message


async def test_a_passing_failure_is_retried_and_what_it_said_is_taken_back() -> None:
    world = World(tries(["Hel", Retryable("overloaded", after_seconds=2.0)], ["Hello"]))

    run_id = await world.start()
    view = await world.finish(run_id)

    events = world.events(run_id)
    begun = [event.item.id for event in events if isinstance(event, ItemAdded)]
    assert texts(view) == ["Hello"]
    assert [e for e in events if isinstance(e, StepRetracted | StepRetrying)] == [
        StepRetracted(position=0, items=(begun[0],)),
        StepRetrying(position=0, reason="overloaded", after_seconds=2.0, try_number=2),
    ]


async def test_the_providers_own_wish_is_followed_up_to_a_minute() -> None:
    world = World(
        tries([Retryable("busy", after_seconds=7.0)], [Retryable("busy", after_seconds=900.0)], ["Ok"])
    )

    await world.finish(await world.start())

    assert world.clock.slept == [7.0, 60.0]


async def test_without_a_wish_the_pauses_grow() -> None:
    world = World(tries([Retryable("busy")], [Retryable("busy")], [Retryable("busy")], ["Ok"]))

    await world.finish(await world.start())

    bounds = [(0.05, 0.5), (0.1, 1.0), (0.2, 2.0)]
    assert all(low <= s <= high for s, (low, high) in zip(world.clock.slept, bounds, strict=True))


async def test_after_the_last_try_the_run_fails_with_the_reason() -> None:
    world = World(tries([Retryable("busy", after_seconds=1.0)]), model_tries=3)

    run_id = await world.start()
    view = await world.finish(run_id)

    assert (view.status, len(world.clock.slept)) == ("failed", 2)
    assert failure(world, run_id) == ("model_unavailable", "The model did not answer: busy.")


async def test_an_answer_that_breaks_off_is_retried() -> None:
    world = World(tries(["Hel", CutOff()], ["Hello"]))

    run_id = await world.start()
    view = await world.finish(run_id)

    assert texts(view) == ["Hello"]
    reasons = [e.reason for e in world.events(run_id) if isinstance(e, StepRetrying)]
    assert reasons == ["the answer was cut off"]


async def test_a_refused_key_is_not_retried() -> None:
    model = tries(["Hel", ModelFailed("model_auth", "The key was refused.")])
    world = World(model)

    run_id = await world.start()
    view = await world.finish(run_id)

    assert failure(world, run_id) == ("model_auth", "The key was refused.")
    assert (len(model.requests), view.items) == (1, ())


async def test_a_fallback_model_answers_when_the_first_does_not() -> None:
    first, second = tries(["Hel", ModelFailed("model_quota", "No credit.")]), answers(["Hello"])
    world = World(first, models={"spare": second})

    run_id = await world.start(fallback_models=("unknown", "spare"))
    view = await world.finish(run_id)

    assert (view.status, texts(view)) == ("completed", ["Hello"])
    assert world.stored(run_id).steps[0].result.model == "spare"


async def test_the_last_models_failure_is_the_one_that_is_told() -> None:
    world = World(tries([ModelFailed("model_quota", "No credit.")]))

    run_id = await world.start(fallback_models=("unknown",))
    await world.finish(run_id)

    assert failure(world, run_id) == ("model_not_configured", "There is no model unknown.")


async def test_a_model_that_hangs_is_given_up() -> None:
    world = World(tries(["Hel", Hang()]), step_timeout_seconds=0.01)

    run_id = await world.start()
    async with world.working():
        with world.hub.follow(run_id, 0) as viewer:
            while world.stored(run_id).status != "failed":
                await viewer.next(1)

    assert failure(world, run_id) == ("model_timeout", "The model did not finish in time.")
    assert world.view(run_id).items == ()


async def test_a_model_may_say_a_nul() -> None:
    world = World(answers(["a\x00b"]))

    view = await world.finish(await world.start())

    assert (view.status, texts(view)) == ("completed", ["a\x00b"])


async def test_a_model_that_says_nothing_completes_with_nothing() -> None:
    world = World(answers([]))

    view = await world.finish(await world.start())

    assert (view.status, view.items) == ("completed", ())


async def test_a_call_without_a_result_gets_one_before_a_provider_sees_it() -> None:
    model = answers(["Fine"])
    call = ToolCall(id="fc1", call_id="c1", name="note", arguments="{}")
    user = Message(id="u2", role="user")

    def choose(request: ModelRequest) -> Sequence[Any]:
        return ["Fine"]

    model = ScriptedModel(choose)
    world = World(model)
    await world.finish(await world.start(input=[call, user]))

    shown = model.requests[0].items
    none = ToolResult(id="fc1_none", call_id="c1", output="This call was not carried out.", is_error=True)
    assert list(shown) == [call, none, user]


async def test_the_key_of_a_model_call_is_the_same_for_every_try() -> None:
    model = tries([Retryable("busy", after_seconds=1.0)], ["Ok"])
    world = World(model)

    run_id = await world.start()
    await world.finish(run_id)

    assert [request.idempotency_key for request in model.requests] == [f"{run_id.hex}-0"] * 2


@pytest.mark.parametrize("error", [RuntimeError("a bug"), KeyError("a bug")])
async def test_a_bug_in_an_adapter_hands_the_run_back_for_later(error: Exception) -> None:
    world = World(tries(["Hel", error], ["Hello"]))

    run_id = await world.start()
    async with world.working() as worker:
        while world.stored(run_id).status != "completed":
            world.clock.advance(60)
            worker.ring()
            await asyncio.wait_for(world.clock.sleep(0), 1)

    assert texts(world.view(run_id)) == ["Hello"]
    assert world.types(run_id).count("run.requeued") == 1
