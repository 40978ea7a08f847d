"""Decoder of OpenAI Responses streams.

Reasoning comes as summaries (OpenAI) or as text (open models); its encrypted form comes with the
finished item and must be sent back, because we ask OpenAI to store nothing.
"""

from typing import Any

import msgspec

from helium.adapters.providers.failures import Problem, failure
from helium.adapters.providers.opaque import Proof, seal
from helium.adapters.providers.sse import ServerEvent, SseParser
from helium.adapters.providers.wire import CUT_OFF, Batch, MakeId, decode_json, finish, new_call_id
from helium.core.budget import Usage
from helium.core.errors import Retryable
from helium.ports import (
    FinishReason,
    ModelEvent,
    ModelFinished,
    ReasoningDelta,
    ReasoningDone,
    RefusalDelta,
    TextDelta,
    ToolCallStarted,
)

FORMAT = "responses"


class _Item(msgspec.Struct):
    type: str = ""
    id: str | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str | None = None
    encrypted_content: str | None = None


class _InputDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _OutputDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    input_tokens_details: _InputDetails | None = None
    output_tokens_details: _OutputDetails | None = None


class _Error(msgspec.Struct):
    code: int | str | None = None
    type: str | None = None
    message: str | None = None


class _Incomplete(msgspec.Struct):
    reason: str | None = None


class _Response(msgspec.Struct):
    status: str | None = None
    usage: _Usage | None = None
    error: _Error | None = None
    incomplete_details: _Incomplete | None = None


class _Event(msgspec.Struct):
    type: str
    delta: Any = None
    """Text; an object in event types that we do not use."""
    output_index: int = 0
    summary_index: int = 0
    item: _Item | None = None
    response: _Response | None = None
    error: _Error | None = None
    code: int | str | None = None
    message: str | None = None


_events = msgspec.json.Decoder(_Event)


class ResponsesDecoder:
    """One answer."""

    def __init__(self, model: str = "", *, make_id: MakeId = new_call_id) -> None:
        self.thinking = False
        self.finished = False
        self._model = model
        self._make_id = make_id
        self._sse = SseParser()
        self._batch = Batch()
        self._calls: dict[int, int] = {}
        self._empty: set[int] = set()
        self._summary: tuple[int, int] | None = None

    def feed(self, data: bytes) -> list[ModelEvent]:
        self._take(self._sse.feed(data))
        return self._batch.take()

    def close(self) -> list[ModelEvent]:
        self._take(self._sse.close())
        if not self.finished:
            raise Retryable(CUT_OFF)
        return self._batch.take()

    def _take(self, events: list[ServerEvent]) -> None:
        for _, data in events:
            if not self.finished and data != b"[DONE]":
                self._event(decode_json(_events, data))

    def _event(self, event: _Event) -> None:
        match event.type:
            case "response.output_text.delta":
                self._batch.text(TextDelta, _text(event))
            case "response.function_call_arguments.delta":
                self._arguments(event.output_index, _text(event))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                self._think(event)
            case "response.refusal.delta":
                self._batch.text(RefusalDelta, _text(event))
            case "response.output_item.added":
                self._added(event)
            case "response.output_item.done":
                self._done(event)
            case _:
                self._end(event)

    def _end(self, event: _Event) -> None:
        match event.type:
            case "response.completed" | "response.incomplete":
                self._finish(event.response or _Response())
            case "response.failed":
                raise _failure(event.response.error if event.response else None)
            case "error":
                raise _failure(event.error or _Error(code=event.code, message=event.message))
            case _:
                pass

    def _added(self, event: _Event) -> None:
        item = event.item
        if item is None:
            return
        self.thinking = item.type == "reasoning"
        if item.type == "function_call":
            position = len(self._calls)
            self._calls[event.output_index] = position
            self._empty.add(position)
            self._batch.add(ToolCallStarted(position, item.call_id or self._make_id(), item.name or ""))

    def _done(self, event: _Event) -> None:
        item = event.item
        if item is None:
            return
        if item.type == "reasoning":
            self.thinking = False
            self._summary = None
            self._batch.add(ReasoningDone(self._proof(item)))
        elif item.type == "function_call" and self._calls.get(event.output_index) in self._empty:
            self._arguments(event.output_index, item.arguments or "{}")

    def _proof(self, item: _Item) -> str | None:
        if not item.encrypted_content:
            return None
        return seal(
            Proof(format=FORMAT, model=self._model, id=item.id or "", signature=item.encrypted_content)
        )

    def _think(self, event: _Event) -> None:
        part = (event.output_index, event.summary_index)
        apart = self._summary is not None and part != self._summary
        self._summary = part
        self._batch.text(ReasoningDelta, ("\n\n" if apart else "") + _text(event))

    def _arguments(self, output_index: int, text: str) -> None:
        position = self._calls.get(output_index)
        if position is not None and text:
            self._empty.discard(position)
            self._batch.text(position, text)

    def _finish(self, response: _Response) -> None:
        for position in sorted(self._empty):
            self._batch.text(position, "{}")
        reason: FinishReason = "stop"
        if response.incomplete_details is not None:
            filtered = response.incomplete_details.reason == "content_filter"
            reason = "content_filter" if filtered else "length"
        self._batch.add(ModelFinished(finish(reason, len(self._calls)), _usage(response.usage)))
        self.finished = True


def _text(event: _Event) -> str:
    return event.delta if isinstance(event.delta, str) else ""


def _failure(error: _Error | None) -> Exception:
    error = error or _Error()
    status = error.code if isinstance(error.code, int) else 0
    code = error.code if isinstance(error.code, str) else None
    kind = " ".join(part for part in (code, error.type) if part)
    return failure(Problem(message=error.message or "", kind=kind, status=status))


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    read, thought = usage.input_tokens_details, usage.output_tokens_details
    return Usage(
        input_tokens=usage.input_tokens or 0,
        cached_tokens=(read.cached_tokens if read else None) or 0,
        output_tokens=usage.output_tokens or 0,
        reasoning_tokens=(thought.reasoning_tokens if thought else None) or 0,
    )
