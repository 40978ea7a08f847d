"""The small pure functions: states, budgets, history, events as they are stored."""

import pytest

from helium.core.budget import Limits, Spent, Usage, exceeded
from helium.core.events import (
    FINAL_EVENTS,
    Event,
    ItemAdded,
    RunCompleted,
    RunStarted,
    StepStarted,
    decode_event,
    encode_event,
    event_type,
)
from helium.core.history import NO_RESULT, complete_calls, unanswered_calls
from helium.core.items import Message, ToolCall, ToolResult, user_message
from helium.core.states import ACTIVE, TERMINAL, TRANSITIONS, can_move, is_terminal

FULL = Spent(steps=0, tool_calls=0, usage=Usage(), seconds=0.0)


def test_terminal_states_lead_nowhere() -> None:
    assert [t for t in TRANSITIONS if t.source in TERMINAL] == []
    assert not can_move("completed", "queued")
    assert can_move("queued", "in_progress")


def test_every_state_is_active_or_terminal_and_every_active_one_has_a_way_out() -> None:
    assert set() == ACTIVE & TERMINAL
    assert {t.source for t in TRANSITIONS} == ACTIVE
    assert {t.target for t in TRANSITIONS} == (ACTIVE | TERMINAL)
    assert [is_terminal(status) for status in ("failed", "requires_action")] == [True, False]


def test_every_final_event_is_a_transition_to_a_terminal_state() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in FINAL_EVENTS}

    assert tags == {t.event for t in TRANSITIONS if t.target in TERMINAL}


@pytest.mark.parametrize(
    ("limits", "spent", "reason"),
    [
        (Limits(), FULL, None),
        (Limits(max_steps=1), Spent(steps=1, tool_calls=0, usage=Usage(), seconds=0), "max_steps"),
        (
            Limits(max_tokens=9),
            Spent(steps=0, tool_calls=0, usage=Usage(input_tokens=9), seconds=0),
            "max_tokens",
        ),
        (Limits(max_tokens=10), Spent(steps=0, tool_calls=0, usage=Usage(input_tokens=9), seconds=0), None),
        (
            Limits(max_tokens=None),
            Spent(steps=0, tool_calls=0, usage=Usage(input_tokens=10**9), seconds=0),
            None,
        ),
        (
            Limits(max_cost_microusd=5),
            Spent(steps=0, tool_calls=0, usage=Usage(cost_microusd=5), seconds=0),
            "max_cost",
        ),
        (Limits(max_seconds=5), Spent(steps=0, tool_calls=0, usage=Usage(), seconds=5.0), "max_seconds"),
        (Limits(max_seconds=None), Spent(steps=0, tool_calls=0, usage=Usage(), seconds=9e9), None),
        (Limits(max_tool_calls=2), Spent(steps=0, tool_calls=2, usage=Usage(), seconds=0), None),
        (
            Limits(max_tool_calls=2),
            Spent(steps=0, tool_calls=3, usage=Usage(), seconds=0),
            "max_tool_calls",
        ),
    ],
)
def test_a_bound_is_exceeded_when_it_is_used_up(limits: Limits, spent: Spent, reason: str | None) -> None:
    assert exceeded(limits, spent) == reason


def test_usage_adds_up_field_by_field() -> None:
    one = Usage(input_tokens=1, cached_tokens=2, output_tokens=3, reasoning_tokens=4, cost_microusd=5)

    assert one + one == Usage(
        input_tokens=2, cached_tokens=4, output_tokens=6, reasoning_tokens=8, cost_microusd=10
    )


CALL = ToolCall(id="fc1", call_id="c1", name="note")
RESULT = ToolResult(id="tr1", call_id="c1", output="ok")


def test_an_answered_call_is_left_as_it_is() -> None:
    assert complete_calls([CALL, RESULT]) == [CALL, RESULT]
    assert unanswered_calls([CALL, RESULT]) == []


def test_a_call_that_was_never_carried_out_is_answered_so() -> None:
    user = user_message("u", "Go on")
    none = ToolResult(id="fc1_none", call_id="c1", output=NO_RESULT, is_error=True)

    assert complete_calls([CALL, user]) == [CALL, none, user]
    assert unanswered_calls([CALL, user]) == [CALL]


@pytest.mark.parametrize(
    "event",
    [
        RunStarted(attempt=2),
        StepStarted(position=0, kind="tool", name="note c1", call_id="c1"),
        ItemAdded(index=0, item=Message(id="m", role="assistant", status="in_progress")),
        RunCompleted(usage=Usage(input_tokens=1)),
    ],
)
def test_an_event_is_read_as_it_was_stored(event: Event) -> None:
    assert decode_event(encode_event(event)) == event
    assert f'"type":"{event_type(event)}"'.encode() in encode_event(event)
