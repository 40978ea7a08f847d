"""Responses streaming events from the log: a pure fold, so every replay gives the same numbers.

The encoder always starts at the log's first event and counts what it emits; a resuming viewer's cursor
only hides the beginning. One log event may become several events of the protocol.
"""

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import msgspec

from helium.core.budget import Usage
from helium.core.events import (
    ActionRequired,
    ItemAdded,
    ItemDelta,
    ItemDone,
    LoggedEvent,
    RunCancelled,
    RunCompleted,
    RunFailed,
    RunIncomplete,
    RunQueued,
    RunStarted,
    StepRetracted,
)
from helium.core.items import Item, Message, Reasoning, Refusal, Text, ToolCall, ToolResult
from helium.core.states import RunStatus
from helium.features.responses.objects import (
    SERVER_LABEL,
    base,
    finished,
    item_object,
    output_objects,
    part_object,
)
from helium.ports import NewRun, RunRow

_json = msgspec.json.Encoder().encode
_DELTA_TYPE = {
    "text": b"response.output_text.delta",
    "refusal": b"response.refusal.delta",
    "reasoning": b"response.reasoning_summary_text.delta",
}


class ResponsesEncoder:
    """One viewer's view of one run. Feed it the log from event 1, in order."""

    def __init__(self, run: NewRun | RunRow, *, after: int = -1) -> None:
        self.items: list[Item] = []
        """What the answer consists of, as far as it is complete."""
        self.status: RunStatus = "queued"
        self.usage: Usage | None = None
        self.code: str | None = None
        self.message: str | None = None
        self._run = run
        self._after = after
        self._number = 0
        self._indexes: dict[str, int] = {}
        """Item id to its place on the wire."""
        self._calls: dict[str, ToolCall] = {}
        self._open: dict[str, Item] = {}

    @cached_property
    def _base(self) -> dict[str, Any]:
        # Only now, with the first event: by then the heads of all who were accepted together are out.
        return base(self._run)

    def response(self) -> dict[str, Any]:
        """The Response object as it is at this point of the log."""
        return finished(
            self._base,
            status=self.status,
            output=output_objects(self.items),
            usage=self.usage,
            code=self.code,
            message=self.message,
        )

    def encode(self, events: Sequence[LoggedEvent]) -> bytes:
        """The server-sent events for these log events, without those before the cursor."""
        out: list[bytes] = []
        for logged in events:
            event = logged.event
            if isinstance(event, RunQueued):
                self._base["created_at"] = int(logged.created_at)
            if isinstance(event, ItemDelta):
                self._delta(event, out)
            else:
                for kind, body in self._translate(event):
                    self._emit(kind, body, out)
        return b"".join(out)

    def farewell(self, pause_milliseconds: int) -> bytes:
        """The protocol has no word for it: a comment, and the stream ends. `starting_after` resumes."""
        return b": going away, come back in %d ms\n\n" % pause_milliseconds

    def _emit(self, kind: str, body: dict[str, Any], out: list[bytes]) -> None:
        number, self._number = self._number, self._number + 1
        if number > self._after:
            data = _json({"type": kind, "sequence_number": number, **body})
            out.append(b"event: %s\ndata: %s\n\n" % (kind.encode(), data))

    def _delta(self, event: ItemDelta, out: list[bytes]) -> None:
        """The hot path: formatted by hand, once for each window of each viewer."""
        number, self._number = self._number, self._number + 1
        if number <= self._after:
            return
        index = self._indexes[event.item_id]
        if event.part == "arguments":
            call = self._calls_by_item(event.item_id)
            kind = b"response.function_call_arguments.delta"
            if not call.caller:
                kind = b"response.mcp_call_arguments.delta"
            place = b""
        elif event.part == "reasoning":
            kind, place = _DELTA_TYPE["reasoning"], b',"summary_index":0'
        else:
            kind = _DELTA_TYPE[event.part]
            place = b',"content_index":0' + (b',"logprobs":[]' if event.part == "text" else b"")
        out.append(
            b'event: %s\ndata: {"type":"%s","sequence_number":%d,"item_id":"%s",'
            b'"output_index":%d%s,"delta":%s}\n\n'
            % (kind, kind, number, event.item_id.encode(), index, place, _json(event.text))
        )

    def _calls_by_item(self, item_id: str) -> ToolCall:
        item = self._open[item_id]
        assert isinstance(item, ToolCall)
        return item

    def _translate(self, event: object) -> Iterator[tuple[str, dict[str, Any]]]:
        match event:
            case RunQueued():
                yield "response.created", {"response": self.response()}
            case RunStarted(attempt=attempt):
                self.status = "in_progress"
                if attempt == 1:
                    yield "response.in_progress", {"response": self.response()}
            case ItemAdded(item=item):
                yield from self._added(item)
            case ItemDone(item=item):
                yield from self._done(item)
            case StepRetracted(items=ids):
                yield from self._retracted(ids)
            case ActionRequired():
                yield from self._asked(event)
            case RunCompleted() | RunFailed() | RunCancelled() | RunIncomplete():
                yield from self._ended(event)
            case _:
                return

    def _added(self, item: Item) -> Iterator[tuple[str, dict[str, Any]]]:
        index = self._indexes[item.id] = len(self._indexes)
        self._open[item.id] = item
        place: dict[str, Any] = {"item_id": item.id, "output_index": index}
        yield "response.output_item.added", {"output_index": index, "item": item_object(item)}
        if isinstance(item, Reasoning):
            part = {"type": "summary_text", "text": ""}
            yield (
                "response.reasoning_summary_part.added",
                {**place, "summary_index": 0, "part": part},
            )
        elif isinstance(item, ToolCall) and not item.caller:
            yield "response.mcp_call.in_progress", place
        elif isinstance(item, Message):
            part = part_object(Text(text=""))
            yield "response.content_part.added", {**place, "content_index": 0, "part": part}

    def _done(self, item: Item) -> Iterator[tuple[str, dict[str, Any]]]:
        self._open.pop(item.id, None)
        self.items.append(item)
        if isinstance(item, ToolResult):
            yield from self._answered(item)
            return
        if item.id not in self._indexes:
            yield from self._added(item)
            self._open.pop(item.id, None)
        index = self._indexes[item.id]
        place: dict[str, Any] = {"item_id": item.id, "output_index": index}
        match item:
            case Message():
                yield from self._message_done(item, place)
            case Reasoning():
                at = {**place, "summary_index": 0}
                part = {"type": "summary_text", "text": item.text}
                yield "response.reasoning_summary_text.done", {**at, "text": item.text}
                yield "response.reasoning_summary_part.done", {**at, "part": part}
            case ToolCall(caller=True):
                body = {**place, "name": item.name, "arguments": item.arguments}
                yield "response.function_call_arguments.done", body
            case ToolCall():
                self._calls[item.call_id] = item
                yield "response.mcp_call_arguments.done", {**place, "arguments": item.arguments}
                return
        yield "response.output_item.done", {"output_index": index, "item": item_object(item)}

    def _message_done(self, item: Message, place: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
        for number, part in enumerate(item.content or (Text(text=""),)):
            at = {**place, "content_index": number}
            if isinstance(part, Refusal):
                yield "response.refusal.done", {**at, "refusal": part.text}
            elif isinstance(part, Text):
                yield "response.output_text.done", {**at, "text": part.text, "logprobs": []}
            yield "response.content_part.done", {**at, "part": part_object(part)}

    def _answered(self, result: ToolResult) -> Iterator[tuple[str, dict[str, Any]]]:
        call = self._calls.get(result.call_id)
        if call is None:
            return
        index = self._indexes[call.id]
        kind = "response.mcp_call.failed" if result.is_error else "response.mcp_call.completed"
        yield kind, {"item_id": call.id, "output_index": index}
        item = item_object(call, result)
        yield "response.output_item.done", {"output_index": index, "item": item}

    def _retracted(self, ids: tuple[str, ...]) -> Iterator[tuple[str, dict[str, Any]]]:
        """The dead attempt's items are closed as incomplete; the final output leaves them out."""
        for item_id in ids:
            item = self._open.pop(item_id, None)
            if item is not None:
                shown = {**item_object(item), "status": "incomplete"}
                index = self._indexes[item_id]
                yield "response.output_item.done", {"output_index": index, "item": shown}

    def _asked(self, event: ActionRequired) -> Iterator[tuple[str, dict[str, Any]]]:
        self.status = "requires_action"
        item = {
            "id": event.action_id.replace("act_", "mcpr_"),
            "type": "mcp_approval_request",
            "server_label": SERVER_LABEL,
            "name": event.tool or event.kind,
            "arguments": event.arguments or "{}",
        }
        index = self._indexes[item["id"]] = len(self._indexes)
        yield "response.output_item.added", {"output_index": index, "item": item}
        yield "response.output_item.done", {"output_index": index, "item": item}

    def _ended(
        self, event: RunCompleted | RunFailed | RunCancelled | RunIncomplete
    ) -> Iterator[tuple[str, dict[str, Any]]]:
        self.usage = event.usage
        match event:
            case RunCompleted():
                self.status, kind = "completed", "response.completed"
            case RunFailed():
                self.status, kind = "failed", "response.failed"
                self.code, self.message = event.code, event.message
            case RunCancelled():
                # The protocol has no event of its own for this; the status says it.
                self.status, kind = "cancelled", "response.incomplete"
            case RunIncomplete():
                self.status, kind = "incomplete", "response.incomplete"
                self.code = event.reason
        yield kind, {"response": self.response()}
