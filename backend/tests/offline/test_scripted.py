"""The scripted model: it says what was written down, at the place where it was written down."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import pytest

from helium.adapters.scripted import Call, CutOff, Hang, Pause, ScriptedModel, Tokens, model_answers
from helium.core.budget import Usage
from helium.core.errors import ModelFailed, Retryable
from helium.core.items import Item, Reasoning, ToolCall, ToolResult, assistant_message, user_message
from helium.kit.clock import ManualClock
from helium.ports import (
    ArgumentsDelta,
    Model,
    ModelEvent,
    ModelFinished,
    ModelRequest,
    ReasoningDelta,
    TextDelta,
    ToolCallStarted,
)

QUESTION = user_message("q", "Well?")
END = ModelFinished("stop", Usage(input_tokens=10, output_tokens=5))


def request(*items: Item, key: str = "") -> ModelRequest:
    return ModelRequest(model="script", items=[QUESTION, *items], idempotency_key=key)


async def played(model: Model, asked: ModelRequest) -> list[Sequence[ModelEvent]]:
    return [batch async for batch in model.stream(asked)]


async def test_a_text_is_said_and_ended() -> None:
    model = ScriptedModel([["Hello"]])

    assert await played(model, request()) == [[TextDelta("Hello")], [END]]
    assert model.requests == [request()]


async def test_tool_calls_are_numbered_by_turn_and_place() -> None:
    model = ScriptedModel([["first"], [Call("clock"), Call("calculator", {"expression": "1"}, "mine")]])

    assert await played(model, request(assistant_message("a", "first"), QUESTION)) == [
        [ToolCallStarted(0, "call_1_0", "clock"), ArgumentsDelta(0, "{}")],
        [ToolCallStarted(1, "mine", "calculator"), ArgumentsDelta(1, '{"expression":"1"}')],
        [ModelFinished("tool_calls", Usage(input_tokens=10, output_tokens=5))],
    ]


CONVERSATIONS: dict[str, tuple[list[Item], int]] = {
    "none": ([], 0),
    "question": ([QUESTION], 0),
    "answered": ([QUESTION, assistant_message("a", "yes")], 1),
    "thought and called": (
        [
            QUESTION,
            Reasoning(id="r"),
            assistant_message("a", "Let me see."),
            ToolCall(id="c", call_id="1", name="clock"),
            ToolCall(id="d", call_id="2", name="clock"),
            ToolResult(id="e", call_id="1", output="noon"),
            ToolResult(id="f", call_id="2", output="noon"),
        ],
        1,
    ),
    "two turns": ([QUESTION, assistant_message("a", "yes"), QUESTION, assistant_message("b", "no")], 2),
}


@pytest.mark.parametrize("case", CONVERSATIONS)
def test_the_turn_is_the_number_of_answers_so_far(case: str) -> None:
    items, answers = CONVERSATIONS[case]

    assert model_answers(items) == answers


async def test_events_and_batches_go_through_as_they_are() -> None:
    finished = ModelFinished("length", Usage(output_tokens=1))
    model = ScriptedModel([[ReasoningDelta("hm"), [TextDelta("a"), TextDelta("b")], finished]])

    assert await played(model, request()) == [
        [ReasoningDelta("hm")],
        [TextDelta("a"), TextDelta("b")],
        [finished],
    ]


async def test_a_failure_comes_after_what_was_said() -> None:
    stream = ScriptedModel([["half", Retryable("gone")]]).stream(request())

    assert await anext(stream) == [TextDelta("half")]
    with pytest.raises(Retryable, match="gone"):
        await anext(stream)


async def test_a_stream_can_be_cut_off() -> None:
    assert await played(ScriptedModel([["half", CutOff()]]), request()) == [[TextDelta("half")]]


async def test_a_gate_holds_the_stream_open() -> None:
    gate = asyncio.Event()
    stream = ScriptedModel([["half", gate, "whole"]]).stream(request())

    assert await anext(stream) == [TextDelta("half")]
    rest = asyncio.ensure_future(anext(stream))
    done, _ = await asyncio.wait([rest], timeout=0)
    assert done == set()
    gate.set()
    assert await rest == [TextDelta("whole")]


async def test_a_hanging_stream_can_be_cancelled() -> None:
    task = asyncio.create_task(played(ScriptedModel([[Hang()]]), request()))
    await asyncio.wait([task], timeout=0)
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_tokens_and_pauses_take_their_time() -> None:
    clock = ManualClock()
    model = ScriptedModel([[Pause(1.0), Tokens(["a", "b"], pace_seconds=0.5)]], clock=clock)
    seen: list[tuple[float, Sequence[ModelEvent]]] = []
    start = clock.monotonic()

    async def consume() -> None:
        async for batch in model.stream(request()):
            seen.append((clock.monotonic() - start, batch))

    consumer = asyncio.create_task(consume())
    for _ in range(4):
        await clock.sleep(0)
        clock.advance(0.5)
    await consumer

    assert seen == [(1.5, [TextDelta("a")]), (2.0, [TextDelta("b")]), (2.0, [END])]


async def test_a_function_can_choose_the_turn() -> None:
    model = ScriptedModel(lambda asked: [f"You asked {asked.model}."])

    assert await played(model, request()) == [[TextDelta("You asked script.")], [END]]


async def test_a_script_that_is_over_says_so() -> None:
    model = ScriptedModel([["one"]])

    with pytest.raises(ModelFailed, match="The script has 1 turns; this is answer 2"):
        await played(model, request(assistant_message("a", "one"), QUESTION))


@pytest.fixture
def script(tmp_path: Path) -> Callable[..., Awaitable[ScriptedModel]]:
    """Makes a model from a file with the given turns."""

    def make(*turns: dict[str, Any], clock: ManualClock | None = None) -> ScriptedModel:
        path = tmp_path / "script.json"
        path.write_bytes(msgspec.json.encode(turns))
        return ScriptedModel.from_file(path, clock=clock or ManualClock())

    return partial(asyncio.to_thread, make)


Script = Callable[..., Awaitable[ScriptedModel]]


async def test_a_file_holds_texts_tokens_and_calls(script: Script) -> None:
    calls = [{"name": "clock"}, {"name": "calculator", "arguments": {"expression": "1"}}]
    model = await script({"text": "Hm. ", "tokens": 2, "tool_calls": calls})

    assert await played(model, request()) == [
        [TextDelta("Hm. ")],
        [TextDelta("word1 word2 ")],
        [ToolCallStarted(0, "call_0_0", "clock"), ArgumentsDelta(0, "{}")],
        [ToolCallStarted(1, "call_0_1", "calculator"), ArgumentsDelta(1, '{"expression":"1"}')],
        [ModelFinished("tool_calls", Usage(input_tokens=10, output_tokens=5))],
    ]


async def test_paced_tokens_come_in_batches(script: Script) -> None:
    clock = ManualClock()
    model = await script({"tokens": 5, "pace_seconds": 0.02}, clock=clock)
    consumer = asyncio.create_task(played(model, request()))
    while not consumer.done():
        await clock.sleep(0)
        clock.advance(0.02)

    assert await consumer == [
        [TextDelta("word1 word2 ")],
        [TextDelta("word3 word4 ")],
        [TextDelta("word5 ")],
        [END],
    ]


async def test_a_failure_in_a_file_can_pass(script: Script) -> None:
    model = await script({"text": "done", "fail": "retryable", "fail_times": 2})

    for _ in range(2):
        with pytest.raises(Retryable):
            await played(model, request(key="run-0"))
    assert await played(model, request(key="run-0")) == [[TextDelta("done")], [END]]
    with pytest.raises(Retryable):
        await played(model, request(key="other-run-0"))


async def test_a_failure_in_a_file_lasts_otherwise(script: Script) -> None:
    model = await script({"fail": "model_failed"})

    for _ in range(3):
        with pytest.raises(ModelFailed, match="The script says"):
            await played(model, request())


async def test_a_file_can_hang(script: Script) -> None:
    model = await script({"text": "half", "hang": True})
    stream = model.stream(request())

    assert await anext(stream) == [TextDelta("half")]
    rest = asyncio.ensure_future(anext(stream))
    done, _ = await asyncio.wait([rest], timeout=0)
    assert done == set()
    rest.cancel()
    with pytest.raises(asyncio.CancelledError):
        await rest


async def test_an_empty_turn_is_an_empty_answer() -> None:
    assert await played(ScriptedModel([[]]), request()) == [[END]]


@pytest.mark.parametrize("text", ["{", '[{"txt": "typo"}]', '{"text": "no list"}'])
def test_a_wrong_file_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "script.json"
    path.write_text(text)

    with pytest.raises(ValueError, match=r"script\.json is no script: "):
        ScriptedModel.from_file(path)
