"""Values for tests: what matters is given by the test, the rest is something sensible."""

from typing import Any
from uuid import UUID

from helium.core.budget import Usage
from helium.core.events import (
    ActionRequired,
    Event,
    ItemDelta,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunIncomplete,
    RunRequeued,
)
from helium.core.items import Item, ToolCall, ToolResult, assistant_message, user_message
from helium.core.spec import AgentSpec
from helium.core.states import RunStatus
from helium.core.steps import StepResult
from helium.kit.ids import new_id, to_wire
from helium.ports import ActionRow, ClaimedRun, Close, EffectRow, NewRun, StepRecord, Write

FINAL: dict[RunStatus, Event] = {
    "completed": RunCompleted(),
    "failed": RunFailed(code="model_error", message="No."),
    "cancelled": RunCancelled(),
    "incomplete": RunIncomplete(reason="max_steps"),
}
USAGE = Usage(input_tokens=5, cached_tokens=1, output_tokens=7, reasoning_tokens=2, cost_microusd=11)


def new_run(workspace_id: UUID, **changes: Any) -> NewRun:
    """A run in a thread of its own; with `thread_id` alone, one that joins that thread."""
    values: dict[str, Any] = {
        "id": new_id(),
        "workspace_id": workspace_id,
        "thread_id": new_id(),
        "new_thread": "thread_id" not in changes,
        "agent_id": None,
        "spec": AgentSpec(),
        "input": (user_message("msg_1", "hello"),),
        "title": "hello",
    }
    return NewRun(**{**values, **changes})


def delta(text: str = "x") -> ItemDelta:
    return ItemDelta(item_id="msg_2", index=0, text=text)


def a_write(claimed: ClaimedRun, *events: Event, **parts: Any) -> Write:
    """What the run's holder would write first after its claim; with `first_seq`, later."""
    first_seq = parts.pop("first_seq", claimed.next_seq)
    return Write(lease=claimed.lease, first_seq=first_seq, events=events, **parts)


def a_step(position: int = 0, *items: Item, **changes: Any) -> StepRecord:
    values: dict[str, Any] = {
        "position": position,
        "kind": "model",
        "name": "model",
        "result": StepResult(items=items or (assistant_message("msg_2", "hi"),), finish="stop"),
    }
    return StepRecord(**{**values, **changes})


def tool_items(call_id: str = "call_1") -> tuple[Item, Item]:
    return (
        ToolCall(id="tc_1", call_id=call_id, name="clock", arguments="{}"),
        ToolResult(id="tr_1", call_id=call_id, output="noon"),
    )


def an_intent(call_id: str = "call_1") -> EffectRow:
    return EffectRow(call_id=call_id, tool="send", arguments_hash=b"hash", state="intent")


def an_action(claimed: ClaimedRun, **changes: Any) -> ActionRow:
    values: dict[str, Any] = {
        "id": new_id(),
        "run_id": claimed.lease.run_id,
        "workspace_id": claimed.lease.workspace_id,
        "call_id": "call_1",
        "kind": "approval",
        "subject_hash": b"subject",
        "prompt": "Send it?",
        "tool": "send",
        "arguments": "{}",
    }
    return ActionRow(**{**values, **changes})


def finish(claimed: ClaimedRun, status: RunStatus = "completed", **parts: Any) -> Write:
    """The write that ends the run."""
    return a_write(claimed, FINAL[status], close=Close(status=status), **parts)


def park(claimed: ClaimedRun, action: ActionRow, **parts: Any) -> Write:
    """The write that gives the run to a person."""
    asked = ActionRequired(action_id=to_wire("act", action.id), kind=action.kind, prompt=action.prompt)
    return a_write(
        claimed, asked, close=Close(status="requires_action", action=action, progress=True), **parts
    )


def hand_over(claimed: ClaimedRun, *, due_in_seconds: float = 0.0, **parts: Any) -> Write:
    """The write that puts the run back into the queue."""
    close = Close(status="queued", due_in_seconds=due_in_seconds, progress=True)
    return a_write(claimed, RunRequeued(reason="slice_over"), close=close, **parts)
