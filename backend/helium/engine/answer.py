"""From a model's stream to items: pure bookkeeping, once per batch, never per token."""

from collections.abc import Callable, Sequence

from helium.core.budget import Usage
from helium.core.events import DeltaPart, Event, ItemAdded, ItemDelta
from helium.core.items import Item, Message, Reasoning, Refusal, Text, ToolCall
from helium.core.steps import StepResult
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


class _Open:
    """An item that is being written: its texts arrive in pieces and are joined once."""

    def __init__(self, item: Item, index: int, part: DeltaPart) -> None:
        self.item = item
        self.index = index
        self.part: DeltaPart = part
        self.pieces: list[str] = []

    def so_far(self) -> Item:
        text = "".join(self.pieces)
        match self.item:
            case Message(id=item_id):
                part = Refusal(text=text) if self.part == "refusal" else Text(text=text)
                return Message(id=item_id, role="assistant", content=(part,) if text else ())
            case Reasoning(id=item_id, opaque=opaque):
                return Reasoning(id=item_id, text=text, opaque=opaque)
            case ToolCall() as call:
                return ToolCall(
                    id=call.id,
                    call_id=call.call_id,
                    name=call.name,
                    arguments=text or "{}",
                    caller=call.caller,
                )
            case _:
                return self.item


class Answer:
    """One model answer while it streams. `take` turns a batch into events for the log."""

    def __init__(
        self, first_index: int, new_id: Callable[[str], str], caller_tools: frozenset[str]
    ) -> None:
        self.finished: ModelFinished | None = None
        self._first_index = first_index
        self._new_id = new_id
        self._caller_tools = caller_tools
        self._items: list[_Open] = []
        self._calls: dict[int, _Open] = {}

    def take(self, batch: Sequence[ModelEvent]) -> list[Event]:
        """The events that this batch adds to the log: at most one delta for each item in it."""
        said: dict[int, list[str]] = {}
        events: list[Event] = []
        for piece in batch:
            match piece:
                case TextDelta(text):
                    self._say(self._current("text", events), text, said)
                case ArgumentsDelta(index, text):
                    self._say(self._calls[index], text, said)
                case ReasoningDelta(text):
                    self._say(self._current("reasoning", events), text, said)
                case RefusalDelta(text):
                    self._say(self._current("refusal", events), text, said)
                case ToolCallStarted(index, call_id, name):
                    self._flush(said, events)
                    self._calls[index] = self._begin_call(call_id, name, events)
                case ReasoningDone(opaque):
                    self._seal_reasoning(opaque, events)
                case ModelFinished():
                    self.finished = piece
        self._flush(said, events)
        return events

    @property
    def items(self) -> list[Item]:
        """The items as far as they have come."""
        return [opened.so_far() for opened in self._items]

    def result(self, model: str) -> tuple[StepResult, Usage]:
        """The finished answer as a step's result."""
        finish, usage = (self.finished.reason, self.finished.usage) if self.finished else ("stop", Usage())
        return StepResult(items=tuple(self.items), finish=finish, model=model), usage

    def _say(self, opened: _Open, text: str, said: dict[int, list[str]]) -> None:
        if text:
            opened.pieces.append(text)
            said.setdefault(opened.index, []).append(text)

    def _flush(self, said: dict[int, list[str]], events: list[Event]) -> None:
        for index, texts in said.items():
            opened = self._items[index - self._first_index]
            events.append(
                ItemDelta(item_id=opened.item.id, index=index, text="".join(texts), part=opened.part)
            )
        said.clear()

    def _current(self, part: DeltaPart, events: list[Event]) -> _Open:
        """The open item for text of this kind: the last one, or a new one after something else."""
        if self._items and self._items[-1].part == part:
            return self._items[-1]
        if part == "reasoning":
            return self._begin(Reasoning(id=self._new_id("rs"), status="in_progress"), part, events)
        message = Message(id=self._new_id("msg"), role="assistant", status="in_progress")
        return self._begin(message, part, events)

    def _begin_call(self, call_id: str, name: str, events: list[Event]) -> _Open:
        call = ToolCall(
            id=self._new_id("fc"),
            call_id=call_id,
            name=name,
            caller=name in self._caller_tools,
            status="in_progress",
        )
        return self._begin(call, "arguments", events)

    def _begin(self, item: Item, part: DeltaPart, events: list[Event]) -> _Open:
        opened = _Open(item, self._first_index + len(self._items), part)
        self._items.append(opened)
        events.append(ItemAdded(index=opened.index, item=item))
        return opened

    def _seal_reasoning(self, opaque: str | None, events: list[Event]) -> None:
        last = self._items[-1] if self._items else None
        if last is None or last.part != "reasoning":
            last = self._current("reasoning", events)
        last.item = Reasoning(id=last.item.id, opaque=opaque)
