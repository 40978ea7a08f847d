"""What a run looks like, from its log: a pure fold, so any reader at any time sees the same.

`fold(EMPTY, events)` is the whole view; folding a prefix and then the rest gives the same. The page has
the same function in `frontend/lib/stream/reduce.ts`, and both are held to `contracts/transcripts`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, assert_never

import msgspec

from helium.core.budget import Usage
from helium.core.events import (
    ActionRequired,
    CancelRequested,
    DeltaPart,
    Event,
    ItemAdded,
    ItemDelta,
    ItemDone,
    LoggedEvent,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunIncomplete,
    RunQueued,
    RunRequeued,
    RunResumed,
    RunStarted,
    StepCompleted,
    StepRetracted,
    StepRetrying,
    StepStarted,
    UnknownEvent,
)
from helium.core.items import Item, Message, Part, Reasoning, Refusal, Text, ToolCall
from helium.core.states import RunStatus


class LogGap(Exception):
    """An event is missing between the view and the event that was given: read the log again."""


@dataclass(frozen=True, slots=True)
class Placed:
    """An item at its place in the output."""

    index: int
    item: Item


@dataclass(frozen=True, slots=True, kw_only=True)
class RunError:
    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RunView:
    """A run as its log tells it."""

    status: RunStatus = "queued"
    placed: tuple[Placed, ...] = ()
    """The output in its order. An open item holds the text that has come so far."""
    action: ActionRequired | None = None
    """What a person must decide, while the run waits for it."""
    usage: Usage = Usage()  # noqa: RUF009 - frozen value
    error: RunError | None = None
    last_seq: int = 0
    attempt: int = 0

    @property
    def items(self) -> tuple[Item, ...]:
        return tuple(placed.item for placed in self.placed)

    def as_json(self) -> dict[str, Any]:
        """The view as the contract has it: plain values, items as they are stored."""
        return {
            "status": self.status,
            "items": msgspec.json.decode(msgspec.json.encode(self.items)),
            "action": _action(self.action),
            "usage": {name: getattr(self.usage, name) for name in Usage.__struct_fields__},
            "error": None
            if self.error is None
            else {"code": self.error.code, "message": self.error.message},
            "last_seq": self.last_seq,
        }


EMPTY = RunView()


def fold(view: RunView, events: Iterable[LoggedEvent]) -> RunView:
    """The view after these events. What it has seen already changes nothing; a gap raises `LogGap`."""
    for logged in events:
        if logged.seq <= view.last_seq:
            continue
        if logged.seq != view.last_seq + 1:
            raise LogGap(f"event {logged.seq} came after event {view.last_seq}")
        view = replace(_apply(view, logged.event), last_seq=logged.seq)
    return view


def _apply(view: RunView, event: Event | UnknownEvent) -> RunView:
    match event:
        case ItemDelta():
            return _say(view, event)
        case ItemAdded(index=index, item=item) | ItemDone(index=index, item=item):
            return _place(view, Placed(index, item))
        case StepRetracted(items=dead):
            return replace(view, placed=tuple(p for p in view.placed if p.item.id not in dead))
        case StepCompleted(usage=usage):
            return replace(view, usage=view.usage + usage)
        case StepStarted() | StepRetrying() | CancelRequested() | UnknownEvent():
            return view
        case _:
            return _move(view, event)


RunEvent = (
    RunQueued
    | RunStarted
    | RunRequeued
    | ActionRequired
    | RunResumed
    | RunCompleted
    | RunFailed
    | RunCancelled
    | RunIncomplete
)


def _move(view: RunView, event: RunEvent) -> RunView:
    """The view in the state that this event brings."""
    match event:
        case RunQueued() | RunRequeued():
            return replace(view, status="queued")
        case RunStarted(attempt=attempt):
            return replace(view, status="in_progress", attempt=attempt)
        case ActionRequired():
            return replace(view, status="requires_action", action=event)
        case RunResumed():
            return replace(view, status="queued", action=None)
        case RunCompleted(usage=usage):
            return _end(view, "completed", usage)
        case RunCancelled(usage=usage):
            return _end(view, "cancelled", usage)
        case RunIncomplete(usage=usage):
            return _end(view, "incomplete", usage)
        case RunFailed(code=code, message=message, usage=usage):
            return replace(_end(view, "failed", usage), error=RunError(code=code, message=message))
        case _:
            assert_never(event)


def _end(view: RunView, status: RunStatus, usage: Usage) -> RunView:
    return replace(view, status=status, action=None, usage=usage)


def _place(view: RunView, new: Placed) -> RunView:
    """Put an item at its place, or replace the one that has its id."""
    others = [placed for placed in view.placed if placed.item.id != new.item.id]
    before = sum(1 for placed in others if placed.index <= new.index)
    return replace(view, placed=(*others[:before], new, *others[before:]))


def _say(view: RunView, delta: ItemDelta) -> RunView:
    return replace(
        view,
        placed=tuple(
            Placed(placed.index, _longer(placed.item, delta.part, delta.text))
            if placed.item.id == delta.item_id
            else placed
            for placed in view.placed
        ),
    )


def _longer(item: Item, part: DeltaPart, text: str) -> Item:
    """The open item with more text. Text of a part that the item cannot have is ignored."""
    match item:
        case Message() if part in ("text", "refusal"):
            return msgspec.structs.replace(item, content=_more(item.content, part, text))
        case Reasoning() if part == "reasoning":
            return msgspec.structs.replace(item, text=item.text + text)
        case ToolCall() if part == "arguments":
            return msgspec.structs.replace(item, arguments=item.arguments + text)
        case _:
            return item


def _more(content: tuple[Part, ...], part: DeltaPart, text: str) -> tuple[Part, ...]:
    kind = Refusal if part == "refusal" else Text
    last = content[-1] if content else None
    if isinstance(last, kind):
        return (*content[:-1], kind(text=last.text + text))
    return (*content, kind(text=text))


def _action(action: ActionRequired | None) -> dict[str, Any] | None:
    if action is None:
        return None
    return {
        "id": action.action_id,
        "kind": action.kind,
        "prompt": action.prompt,
        "tool": action.tool,
        "arguments": action.arguments,
        "call_id": action.call_id,
    }
