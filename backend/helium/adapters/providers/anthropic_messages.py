"""Decoder of Anthropic Messages streams.

Anthropic counts cached input apart; we count it as part of the input, as everybody else does.
"""

from typing import Any

import msgspec

from helium.adapters.providers.failures import Problem, failure
from helium.adapters.providers.opaque import Proof, seal
from helium.adapters.providers.sse import ServerEvent, SseParser
from helium.adapters.providers.wire import CUT_OFF, Batch, decode_json, finish
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

FORMAT = "anthropic"


class _OutputDetails(msgspec.Struct):
    thinking_tokens: int | None = None


class _Usage(msgspec.Struct):
    input_tokens: int | None = None
    output_tokens: int | None = None
    cache_creation_input_tokens: int | None = None
    cache_read_input_tokens: int | None = None
    output_tokens_details: _OutputDetails | None = None


class _Message(msgspec.Struct):
    usage: _Usage | None = None


class _Block(msgspec.Struct):
    type: str = ""
    id: str = ""
    name: str = ""
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    input: Any = None


class _StopDetails(msgspec.Struct):
    explanation: str | None = None


class _Delta(msgspec.Struct):
    type: str = ""
    text: str = ""
    thinking: str = ""
    partial_json: str = ""
    signature: str = ""
    stop_reason: str | None = None
    stop_details: _StopDetails | None = None


class _Error(msgspec.Struct):
    type: str = ""
    message: str = ""


class _Event(msgspec.Struct):
    type: str
    index: int = 0
    delta: _Delta | None = None
    content_block: _Block | None = None
    message: _Message | None = None
    usage: _Usage | None = None
    error: _Error | None = None


_events = msgspec.json.Decoder(_Event)

_REASONS: dict[str, FinishReason] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "tool_use": "tool_calls",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class MessagesDecoder:
    """One answer."""

    def __init__(self, model: str = "") -> None:
        self.thinking = False
        self.finished = False
        self._model = model
        self._sse = SseParser()
        self._batch = Batch()
        self._block = _Block()
        self._calls = 0
        self._bare = False
        self._usage: dict[str, int] = {}
        self._reason: str | None = None

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
            if not self.finished:
                self._event(decode_json(_events, data))

    def _event(self, event: _Event) -> None:
        match event.type:
            case "content_block_delta":
                if event.delta is not None:
                    self._delta(event.delta)
            case "content_block_start":
                self._start(event.content_block or _Block())
            case "content_block_stop":
                self._stop()
            case "message_start":
                self._count(event.message.usage if event.message else None)
            case "message_delta":
                self._message_delta(event)
            case "message_stop":
                self._finish()
            case "error":
                error = event.error or _Error()
                raise failure(Problem(message=error.message, kind=error.type))
            case _:
                pass  # ping, and what later versions add

    def _delta(self, delta: _Delta) -> None:
        match delta.type:
            case "text_delta":
                self._batch.text(TextDelta, delta.text)
            case "input_json_delta":
                self._arguments(delta.partial_json)
            case "thinking_delta":
                self.thinking = False
                self._batch.text(ReasoningDelta, delta.thinking)
            case "signature_delta":
                self._block.signature = (self._block.signature or "") + delta.signature
            case _:
                pass  # citations

    def _start(self, block: _Block) -> None:
        self._block = block
        self.thinking = block.type == "thinking"
        match block.type:
            case "text" if block.text:
                self._batch.text(TextDelta, block.text)
            case "thinking" if block.thinking:
                self._batch.text(ReasoningDelta, block.thinking)
            case "tool_use":
                self._batch.add(ToolCallStarted(self._calls, block.id, block.name))
                self._calls += 1
                self._bare = True
            case _:
                pass

    def _arguments(self, text: str) -> None:
        if text and self._block.type == "tool_use":
            self._bare = False
            self._batch.text(self._calls - 1, text)

    def _stop(self) -> None:
        block, self._block = self._block, _Block()
        self.thinking = False
        if block.type == "tool_use" and self._bare:
            self._batch.text(self._calls - 1, msgspec.json.encode(block.input or {}).decode())
        elif block.type == "thinking":
            self._reasoned(Proof(format=FORMAT, model=self._model, signature=block.signature or ""))
        elif block.type == "redacted_thinking":
            self._reasoned(Proof(format=FORMAT, model=self._model, redacted=block.data or ""))

    def _reasoned(self, proof: Proof) -> None:
        opaque = seal(proof) if proof.signature or proof.redacted else None
        self._batch.add(ReasoningDone(opaque))

    def _message_delta(self, event: _Event) -> None:
        self._count(event.usage)
        delta = event.delta
        if delta is None:
            return
        self._reason = delta.stop_reason or self._reason
        if delta.stop_details is not None and delta.stop_details.explanation:
            self._batch.text(RefusalDelta, delta.stop_details.explanation)

    def _count(self, usage: _Usage | None) -> None:
        """Counts are cumulative; what a later event leaves out stays as it was."""
        if usage is None:
            return
        details = usage.output_tokens_details
        seen = {
            "input": usage.input_tokens,
            "output": usage.output_tokens,
            "written": usage.cache_creation_input_tokens,
            "read": usage.cache_read_input_tokens,
            "thought": details.thinking_tokens if details else None,
        }
        self._usage.update({key: count for key, count in seen.items() if count is not None})

    def _finish(self) -> None:
        if self._reason is None:
            raise Retryable(CUT_OFF)
        count = self._usage.get
        usage = Usage(
            input_tokens=count("input", 0) + count("written", 0) + count("read", 0),
            cached_tokens=count("read", 0),
            output_tokens=count("output", 0),
            reasoning_tokens=count("thought", 0),
        )
        self._batch.add(ModelFinished(finish(_REASONS.get(self._reason, "stop"), self._calls), usage))
        self.finished = True
