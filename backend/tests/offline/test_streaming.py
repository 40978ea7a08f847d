"""How an answer comes: the first word at once, then in batches, at its pace."""

import asyncio
from collections.abc import Sequence
from typing import Any

from helium.adapters.offline import OfflineModel
from helium.adapters.offline.pacing import Timed, batches
from helium.core.budget import Usage
from helium.core.items import user_message
from helium.kit.clock import ManualClock
from helium.ports import (
    ArgumentsDelta,
    Model,
    ModelEvent,
    ModelFinished,
    ModelRequest,
    ReasoningDelta,
    ReasoningDone,
    TextDelta,
    ToolCallStarted,
)
from tests.offline.replies import TOOLS


def request(text: str, **options: Any) -> ModelRequest:
    return ModelRequest(model="demo", items=[user_message("m", text)], tools=TOOLS, **options)


async def at_once(text: str, **options: Any) -> list[Sequence[ModelEvent]]:
    model: Model = OfflineModel(ManualClock(), token_seconds=0)
    return [batch async for batch in model.stream(request(text, **options))]


async def with_times(
    model: Model, clock: ManualClock, text: str
) -> list[tuple[float, Sequence[ModelEvent]]]:
    """The batches of an answer with the seconds at which they came."""
    start, seen = clock.monotonic(), list[tuple[float, Sequence[ModelEvent]]]()

    async def consume() -> None:
        async for batch in model.stream(request(text)):
            seen.append((round(clock.monotonic() - start, 3), batch))

    consumer = asyncio.create_task(consume())
    while not consumer.done():
        await clock.sleep(0)
        await clock.sleep(0)
        clock.advance(0.005)
    await consumer
    return seen


async def test_without_a_pace_the_first_word_and_the_rest_are_two_batches() -> None:
    assert await at_once("count to 4") == [
        [TextDelta("1")],
        [TextDelta(" 2 3 4"), ModelFinished("stop", Usage(input_tokens=3, output_tokens=4))],
    ]


async def test_a_pace_gathers_words_for_a_window() -> None:
    clock = ManualClock()
    model = OfflineModel(clock, token_seconds=0.015, gather_seconds=0.04)

    assert await with_times(model, clock, "count to 6") == [
        (0.015, [TextDelta("1")]),
        (0.06, [TextDelta(" 2 3 4")]),
        (0.09, [TextDelta(" 5 6"), ModelFinished("stop", Usage(input_tokens=3, output_tokens=6))]),
    ]


async def test_slowly_is_a_number_every_tenth_of_a_second_whatever_the_pace() -> None:
    clock = ManualClock()

    assert await with_times(OfflineModel(clock, token_seconds=0), clock, "count to 3 slowly") == [
        (0.1, [TextDelta("1")]),
        (0.2, [TextDelta(" 2")]),
        (0.3, [TextDelta(" 3")]),
        (0.3, [ModelFinished("stop", Usage(input_tokens=4, output_tokens=3))]),
    ]


async def test_tool_calls_are_streamed() -> None:
    (started, *_), *rest = await at_once("1+1 and 2+2")

    assert isinstance(started, ToolCallStarted)
    ((first, second, third, finished),) = rest
    assert isinstance(second, ToolCallStarted)
    assert (started.index, started.name, second.index, second.name) == (0, "calculator", 1, "calculator")
    assert (first, third, finished) == (
        ArgumentsDelta(0, '{"expression":"1+1"}'),
        ArgumentsDelta(1, '{"expression":"2+2"}'),
        ModelFinished("tool_calls", Usage(input_tokens=3, output_tokens=2)),
    )


async def test_reasoning_comes_first() -> None:
    (first,), (rest, done, text, finished) = await at_once("think about tea")

    assert first == ReasoningDelta("I")
    assert isinstance(rest, ReasoningDelta)
    assert done == ReasoningDone()
    assert isinstance(text, TextDelta)
    assert finished == ModelFinished(
        "stop",
        Usage(
            input_tokens=3,
            output_tokens=len(f"I{rest.text} {text.text}".split()),
            reasoning_tokens=len(f"I{rest.text}".split()),
        ),
    )


async def test_an_answer_can_be_cut_short() -> None:
    assert await at_once("count to 9", max_output_tokens=3) == [
        [TextDelta("1")],
        [TextDelta(" 2 3"), ModelFinished("length", Usage(input_tokens=3, output_tokens=3))],
    ]
    assert (await at_once("count to 3", max_output_tokens=3))[-1][-1] == ModelFinished(
        "stop", Usage(input_tokens=3, output_tokens=3)
    )


async def test_the_text_is_streamed_to_its_last_line_break() -> None:
    batches = await at_once("help")

    text = "".join(event.text for batch in batches for event in batch if isinstance(event, TextDelta))
    assert text.startswith("I am Helium's offline demonstration model")
    assert "\n\n- calculate 6 * 7\n- what time" in text


async def test_instructions_count_as_input() -> None:
    *_, (*_, finished) = await at_once("count to 1", instructions="Be very kind.")

    assert finished == ModelFinished("stop", Usage(input_tokens=6, output_tokens=1))


def test_texts_of_one_kind_are_joined_and_others_kept_apart() -> None:
    events = [TextDelta("a"), ReasoningDelta("b"), ReasoningDelta("c"), TextDelta("d"), TextDelta("e")]

    assert list(batches([Timed(0.0, event) for event in events], 0.04)) == [
        (0.0, [TextDelta("a")]),
        (0.0, [ReasoningDelta("bc"), TextDelta("de")]),
    ]
