"""The loop: answers, tools of ours and of the caller, and what a tool may answer."""

import asyncio
from typing import Any

import pytest

from helium.adapters.scripted import Call
from helium.core.budget import Limits, Usage
from helium.core.errors import ToolError
from helium.core.events import RunCompleted, RunIncomplete, StepCompleted
from helium.core.items import FunctionTool, Message, ToolCall, ToolResult, user_message
from helium.ports import ReasoningDelta, ReasoningDone, RefusalDelta, TextDelta

from .fakes import turns
from .world import Recorder, World, answers, ends, outputs, texts

MAIL = FunctionTool(name="mail")


async def test_an_answer_ends_the_run() -> None:
    world = World(answers(["Hello"]))

    run_id = await world.start()
    view = await world.finish(run_id)

    assert (view.status, texts(view)) == ("completed", ["Hello"])
    assert world.types(run_id) == [
        "run.queued",
        "run.started",
        "step.started",
        "item.added",
        "item.delta",
        "item.done",
        "step.completed",
        "run.completed",
    ]
    assert view.usage == Usage(input_tokens=10, output_tokens=5, cost_microusd=15)


async def test_the_answer_and_the_end_of_the_run_are_one_write() -> None:
    world = World(answers(["Hello"]))

    run_id = await world.start()
    await world.finish(run_id)

    last = world.store.written[-1]
    assert last.step is not None
    assert last.close is not None
    assert last.close.status == "completed"
    assert isinstance(last.events[-1], RunCompleted)


async def test_a_tool_is_called_and_its_result_goes_back_to_the_model() -> None:
    note = Recorder("note")
    model = answers([Call("note", {"text": "x"})], ["Done"])
    world = World(model, note)

    run_id = await world.start()
    view = await world.finish(run_id)

    assert (view.status, texts(view), note.calls) == ("completed", ["Done"], [{"text": "x"}])
    asked, call, result = model.requests[1].items
    assert asked == user_message("u1", "Hello")
    assert isinstance(call, ToolCall)
    assert isinstance(result, ToolResult)
    assert (call.name, result.call_id, result.output) == ("note", call.call_id, "note was called")


async def test_a_tool_is_given_the_same_key_for_every_attempt_at_a_call() -> None:
    note = Recorder("note")
    world = World(answers([Call("note", call_id="c1")], ["Done"]), note)

    run_id = await world.start()
    await world.finish(run_id)

    assert note.keys == [f"{run_id.hex}-c1"]


async def test_the_index_of_the_output_goes_on_over_steps() -> None:
    model = answers([ReasoningDelta("hm"), Call("note")], ["Done"])
    world = World(model, Recorder("note"))

    view = await world.finish(await world.start())

    assert [placed.index for placed in view.placed] == [0, 1, 2, 3]


async def test_calls_that_may_be_repeated_run_side_by_side() -> None:
    both = asyncio.Barrier(2)

    async def meet(arguments: dict[str, Any]) -> str:
        await both.wait()  # neither can pass alone
        return f"{arguments['n']}"

    world = World(
        answers([Call("note", {"n": 1}), Call("note", {"n": 2})], ["Done"]), Recorder("note", do=meet)
    )

    view = await world.finish(await world.start())

    assert outputs(view) == [("1", False), ("2", False)]


async def test_a_call_that_may_happen_only_once_runs_alone() -> None:
    order: list[str] = []

    async def first(arguments: dict[str, Any]) -> str:
        order.append("read begins")
        await turns(5)
        order.append("read ends")
        return ""

    async def second(arguments: dict[str, Any]) -> str:
        order.append("once")
        return ""

    world = World(
        answers([Call("look"), Call("send"), Call("look")], ["Done"]),
        Recorder("look", do=first),
        Recorder("send", effect="once", do=second),
    )

    await world.finish(await world.start())

    assert order == ["read begins", "read begins", "read ends", "read ends", "once"]


async def test_a_call_of_the_callers_tool_ends_the_run_with_the_call() -> None:
    world = World(answers([Call("mail", {"to": "ada"})]))

    run_id = await world.start(caller_tools=(MAIL,))
    view = await world.finish(run_id)

    (call,) = view.items
    assert isinstance(call, ToolCall)
    assert (view.status, call.caller, call.arguments) == ("completed", True, '{"to":"ada"}')


async def test_with_calls_for_both_ours_are_carried_out_and_then_the_caller_has_the_turn() -> None:
    note = Recorder("note")
    world = World(answers([Call("mail"), Call("note")]), note)

    run_id = await world.start(caller_tools=(MAIL,))
    view = await world.finish(run_id)

    assert (view.status, len(note.calls)) == ("completed", 1)
    assert outputs(view) == [("note was called", False)]


async def test_the_callers_result_goes_on_from_there() -> None:
    model = answers([Call("mail", call_id="c1")], ["Sent"])
    world = World(model)

    first = await world.start(caller_tools=(MAIL,))
    await world.finish(first)
    result = ToolResult(id="r1", call_id="c1", output="ok")
    second = await world.start(previous=first, input=[result], caller_tools=(MAIL,))
    view = await world.finish(second)

    assert texts(view) == ["Sent"]
    assert model.requests[1].items[-1] == result


async def test_an_unknown_tool_is_an_answer_for_the_model() -> None:
    world = World(answers([Call("nothing")], ["Sorry"]), Recorder("note"))

    view = await world.finish(await world.start())

    assert outputs(view) == [("There is no tool 'nothing'. Yours are: note.", True)]
    assert texts(view) == ["Sorry"]


async def test_a_tool_that_the_agent_was_not_given_is_unknown_to_it() -> None:
    note = Recorder("note")
    world = World(answers([Call("note")], ["Sorry"]), note)

    view = await world.finish(await world.start(tools=()))

    assert note.calls == []
    assert outputs(view)[0][1] is True


async def test_arguments_that_are_no_json_object_are_an_answer_for_the_model() -> None:
    from helium.ports import ArgumentsDelta, ToolCallStarted

    broken = [ToolCallStarted(0, "c1", "note"), ArgumentsDelta(0, '{"text": ')]
    note = Recorder("note")
    world = World(answers(broken, ["Sorry"]), note)

    view = await world.finish(await world.start())

    ((said, is_error),) = outputs(view)
    assert (said.startswith("The arguments are not a JSON object"), is_error) == (True, True)
    assert note.calls == []


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ToolError("There is no such page."), "There is no such page."),
        (RuntimeError("secret detail"), "The tool note failed unexpectedly."),
    ],
)
async def test_a_tools_failure_is_an_answer_and_a_crash_tells_no_detail(
    error: Exception, said: str
) -> None:
    async def fail(arguments: dict[str, Any]) -> str:
        raise error

    world = World(answers([Call("note")], ["Sorry"]), Recorder("note", do=fail))

    view = await world.finish(await world.start())

    assert (outputs(view), texts(view)) == ([(said, True)], ["Sorry"])


async def test_a_tool_that_does_not_finish_in_time_is_given_up() -> None:
    async def hang(arguments: dict[str, Any]) -> str:
        await asyncio.Event().wait()
        raise AssertionError

    world = World(answers([Call("note")], ["Sorry"]), Recorder("note", do=hang), step_timeout_seconds=0.01)

    run_id = await world.start()
    async with world.working():
        with world.hub.follow(run_id, 0) as viewer:
            while world.stored(run_id).status != "completed":
                await viewer.next(1)

    assert outputs(world.view(run_id)) == [("The tool did not finish in time.", True)]


async def test_a_tools_output_is_bounded_and_holds_no_nul() -> None:
    async def much(arguments: dict[str, Any]) -> str:
        return "\x00" + "x" * 99

    world = World(answers([Call("note")], ["Done"]), Recorder("note", do=much), max_tool_output=10)

    view = await world.finish(await world.start())

    expected = "\ufffd" + "x" * 9 + "\n[90 more characters were left out]"
    assert outputs(view) == [(expected, False)]


@pytest.mark.parametrize(
    ("reason", "told"), [("length", "max_output_tokens"), ("content_filter", "content_filter")]
)
async def test_an_answer_cut_short_leaves_the_run_incomplete(reason: Any, told: str) -> None:
    world = World(answers([TextDelta("Hal"), ends(reason)]))

    run_id = await world.start()
    view = await world.finish(run_id)

    assert (view.status, texts(view)) == ("incomplete", ["Hal"])
    assert isinstance(world.events(run_id)[-1], RunIncomplete)
    assert world.stored(run_id).error_code == told


async def test_a_refusal_and_reasoning_are_items_of_their_own() -> None:
    world = World(answers([ReasoningDelta("hm"), ReasoningDone("proof"), RefusalDelta("No.")]))

    view = await world.finish(await world.start())

    reasoning, message = view.items
    assert (reasoning.text, reasoning.opaque) == ("hm", "proof")  # type: ignore[union-attr]
    assert isinstance(message, Message)
    assert message.content[0].text == "No."  # type: ignore[union-attr]


# --- budgets -------------------------------------------------------------------------------------

CALLS = [[Call("note")] for _ in range(9)]


@pytest.mark.parametrize(
    ("limits", "reason", "model_calls"),
    [
        (Limits(max_steps=4), "max_steps", 2),
        (Limits(max_tokens=30), "max_tokens", 2),
        (Limits(max_cost_microusd=45), "max_cost", 3),
        (Limits(max_tool_calls=2), "max_tool_calls", 3),
        (Limits(max_seconds=12.0), "max_seconds", 2),
    ],
)
async def test_a_budget_ends_the_run_before_the_next_model_call(
    limits: Limits, reason: str, model_calls: int
) -> None:
    async def take_time(arguments: dict[str, Any]) -> str:
        await world.clock.sleep(6.0)
        return ""

    model = answers(*CALLS)
    world = World(model, Recorder("note", do=take_time))

    run_id = await world.start(limits=limits)
    view = await world.finish(run_id)

    last = world.events(run_id)[-1]
    assert isinstance(last, RunIncomplete)
    assert (view.status, last.reason, len(model.requests)) == ("incomplete", reason, model_calls)


async def test_tokens_that_died_with_a_worker_count_against_the_budget() -> None:
    world = World(answers([Call("note")], ["Done"]), Recorder("note"))

    run_id = await world.start(limits=Limits(max_tokens=100))
    world.stored(run_id).lost_tokens = 90
    view = await world.finish(run_id)

    assert (view.status, view.usage.total_tokens) == ("incomplete", 15)


async def test_every_steps_usage_is_in_the_log() -> None:
    world = World(answers([Call("note")], ["Done"]), Recorder("note"))

    run_id = await world.start()
    view = await world.finish(run_id)

    spent = [event.usage for event in world.events(run_id) if isinstance(event, StepCompleted)]
    assert sum((usage.total_tokens for usage in spent), 0) == view.usage.total_tokens == 30
