"""From a model's batches to events and items."""

from collections.abc import Sequence

from helium.core.budget import Usage
from helium.core.events import Event, ItemAdded, ItemDelta
from helium.core.items import Message, Reasoning, Refusal, Text, ToolCall, assistant_message
from helium.core.steps import StepResult
from helium.engine.answer import Answer
from helium.ports import (
    ArgumentsDelta,
    ModelEvent,
    ModelFinished,
    ReasoningDelta,
    ReasoningDone,
    RefusalDelta,
    TextDelta,
    ToolCallStarted,
)


def answer(*batches: Sequence[ModelEvent], first_index: int = 0) -> tuple[Answer, list[list[Event]]]:
    numbers = iter(range(1, 100))
    made = Answer(first_index, lambda prefix: f"{prefix}{next(numbers)}", frozenset({"mail"}))
    return made, [made.take(batch) for batch in batches]


def test_a_batch_is_one_delta_however_many_tokens_it_holds() -> None:
    _, events = answer([TextDelta("a"), TextDelta("b")], [TextDelta("c")])

    begun = Message(id="msg1", role="assistant", status="in_progress")
    assert events == [
        [ItemAdded(index=0, item=begun), ItemDelta(item_id="msg1", index=0, text="ab")],
        [ItemDelta(item_id="msg1", index=0, text="c")],
    ]


def test_reasoning_then_text_then_calls_are_items_in_that_order() -> None:
    made, _ = answer(
        [ReasoningDelta("hm"), ReasoningDone("proof"), TextDelta("Let me see.")],
        [ToolCallStarted(0, "c0", "note"), ArgumentsDelta(0, '{"a":')],
        [ToolCallStarted(1, "c1", "mail"), ArgumentsDelta(1, "{}"), ArgumentsDelta(0, "1}")],
        first_index=3,
    )

    assert made.items == [
        Reasoning(id="rs1", text="hm", opaque="proof"),
        assistant_message("msg2", "Let me see."),
        ToolCall(id="fc3", call_id="c0", name="note", arguments='{"a":1}'),
        ToolCall(id="fc4", call_id="c1", name="mail", arguments="{}", caller=True),
    ]


def test_deltas_of_several_calls_keep_their_places() -> None:
    _, (_, events) = answer(
        [ToolCallStarted(0, "c0", "a"), ToolCallStarted(1, "c1", "b")],
        [ArgumentsDelta(1, "x"), ArgumentsDelta(0, "y"), ArgumentsDelta(1, "z")],
        first_index=5,
    )

    assert events == [
        ItemDelta(item_id="fc2", index=6, text="xz", part="arguments"),
        ItemDelta(item_id="fc1", index=5, text="y", part="arguments"),
    ]


def test_a_call_without_arguments_has_an_empty_object() -> None:
    made, _ = answer([ToolCallStarted(0, "c0", "note")])

    assert made.items == [ToolCall(id="fc1", call_id="c0", name="note", arguments="{}")]


def test_text_after_a_call_is_a_message_of_its_own() -> None:
    made, _ = answer([TextDelta("a"), ToolCallStarted(0, "c0", "note"), TextDelta("b")])

    assert [type(item) for item in made.items] == [Message, ToolCall, Message]


def test_reasoning_that_is_only_a_proof_is_kept() -> None:
    made, _ = answer([ReasoningDone("proof"), TextDelta("Yes")])

    assert made.items[0] == Reasoning(id="rs1", opaque="proof")


def test_a_refusal_is_a_part_of_its_own() -> None:
    made, _ = answer([RefusalDelta("I can"), RefusalDelta("not.")])

    refused = Message(id="msg1", role="assistant", content=(Refusal(text="I cannot."),))
    assert made.items == [refused]


def test_empty_pieces_say_nothing() -> None:
    made, events = answer([TextDelta("")], [])

    assert [len(batch) for batch in events] == [1, 0]
    assert made.items == [Message(id="msg1", role="assistant")]


def test_the_result_holds_the_items_the_reason_and_the_model() -> None:
    used = Usage(output_tokens=3)
    made, _ = answer([TextDelta("Hi"), ModelFinished("length", used)])

    expected = StepResult(
        items=(Message(id="msg1", role="assistant", content=(Text(text="Hi"),)),),
        finish="length",
        model="m",
    )
    assert made.result("m") == (expected, used)
