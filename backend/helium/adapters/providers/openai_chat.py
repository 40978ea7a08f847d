"""Decoder of Chat Completions streams, the format that most providers speak, each with an accent.

Covered accents: reasoning as `reasoning_content` (DeepSeek, vLLM), `reasoning` (OpenRouter, Groq,
Ollama) or parts of `content` (Mistral); tool calls without index or all with index 0 (Gemini);
`stop` after tool calls; usage with the last choice, after it, in every chunk, or under `x_groq`;
totals that count thinking which `completion_tokens` leaves out (xAI, Gemini); no `[DONE]`.
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

FORMAT = "chat"


class _Function(msgspec.Struct):
    name: str | None = None
    arguments: str | dict[str, Any] | None = None


class _ToolCall(msgspec.Struct):
    index: int | None = None
    id: str | None = None
    function: _Function | None = None
    extra_content: dict[str, Any] | None = None


class _TextPart(msgspec.Struct):
    type: str = "text"
    text: str | None = None
    thinking: "list[_TextPart] | str | None" = None


class _Delta(msgspec.Struct):
    content: str | list[_TextPart] | None = None
    refusal: str | None = None
    reasoning_content: str | None = None
    reasoning: str | None = None
    tool_calls: list[_ToolCall] | None = None


class _Choice(msgspec.Struct):
    delta: _Delta | None = None
    finish_reason: str | None = None
    index: int = 0


class _PromptDetails(msgspec.Struct):
    cached_tokens: int | None = None


class _CompletionDetails(msgspec.Struct):
    reasoning_tokens: int | None = None


class _Usage(msgspec.Struct):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    total_tokens: int | None = None
    prompt_cache_hit_tokens: int | None = None
    prompt_tokens_details: _PromptDetails | None = None
    completion_tokens_details: _CompletionDetails | None = None


class _Error(msgspec.Struct):
    message: str | None = None
    type: str | None = None
    code: int | str | None = None


class _Groq(msgspec.Struct):
    usage: _Usage | None = None
    error: str | None = None


class _Chunk(msgspec.Struct):
    choices: list[_Choice] | None = None
    usage: _Usage | None = None
    error: _Error | str | None = None
    x_groq: _Groq | None = None
    object: str | None = None
    message: str | None = None


_chunks = msgspec.json.Decoder(_Chunk)

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
    "length": "length",
    "model_length": "length",
    "max_tokens": "length",
    "content_filter": "content_filter",
}
_BROKEN = frozenset({"error", "insufficient_system_resource", "abort"})


class ChatDecoder:
    """One answer. `thinks` means that the model was asked to think, so silence at first is normal."""

    def __init__(self, model: str = "", *, thinks: bool = False, make_id: MakeId = new_call_id) -> None:
        self.thinking = thinks
        self.finished = False
        self._model = model
        self._make_id = make_id
        self._sse = SseParser()
        self._batch = Batch()
        self._reasoning = False
        self._calls: list[str] = []
        self._by_index: dict[int, int] = {}
        self._empty: set[int] = set()
        self._reason: str | None = None
        self._usage: _Usage | None = None

    def feed(self, data: bytes) -> list[ModelEvent]:
        self._take(self._sse.feed(data))
        return self._batch.take()

    def close(self) -> list[ModelEvent]:
        self._take(self._sse.close())
        self._end()
        return self._batch.take()

    def _take(self, events: list[ServerEvent]) -> None:
        for _, data in events:
            if data == b"[DONE]":
                self._end()
            elif not self.finished:
                self._chunk(decode_json(_chunks, data))

    def _chunk(self, chunk: _Chunk) -> None:
        if chunk.error or chunk.object == "error":
            raise _stream_failure(chunk)
        if chunk.usage is not None:
            self._usage = chunk.usage
        elif chunk.x_groq is not None and chunk.x_groq.usage is not None:
            self._usage = chunk.x_groq.usage
        if not chunk.choices:
            return
        choice = chunk.choices[0]
        if choice.delta is not None:
            self._delta(choice.delta)
        if choice.finish_reason:
            if choice.finish_reason in _BROKEN:
                raise Retryable(f"the provider ended the answer with {choice.finish_reason!r}")
            self._reason = choice.finish_reason

    def _delta(self, delta: _Delta) -> None:
        reasoning = delta.reasoning_content or delta.reasoning
        if reasoning:
            self._think(reasoning)
        if delta.content:
            if isinstance(delta.content, str):
                self._say(delta.content)
            else:
                self._parts(delta.content)
        if delta.refusal:
            self._end_reasoning()
            self._batch.text(RefusalDelta, delta.refusal)
        if delta.tool_calls:
            for call in delta.tool_calls:
                self._call(call)

    def _say(self, text: str) -> None:
        self._end_reasoning()
        self._batch.text(TextDelta, text)

    def _think(self, text: str) -> None:
        self.thinking = False
        self._reasoning = True
        self._batch.text(ReasoningDelta, text)

    def _parts(self, parts: list[_TextPart]) -> None:
        for part in parts:
            if part.type == "thinking":
                inner = part.thinking or ""
                text = inner if isinstance(inner, str) else "".join(p.text or "" for p in inner)
                if text:
                    self._think(text)
            elif part.text:
                self._say(part.text)

    def _end_reasoning(self, opaque: str | None = None) -> None:
        self.thinking = False
        if self._reasoning or opaque:
            self._reasoning = False
            self._batch.add(ReasoningDone(opaque))

    def _call(self, call: _ToolCall) -> None:
        position = self._position(call)
        arguments = call.function.arguments if call.function else None
        if position is None or not arguments:
            return
        if not isinstance(arguments, str):
            arguments = msgspec.json.encode(arguments).decode()
        self._empty.discard(position)
        self._batch.text(position, arguments)

    def _position(self, call: _ToolCall) -> int | None:
        """Which of the answer's calls this delta belongs to; a new name and id begin a new one."""
        name = call.function.name if call.function else None
        known = self._by_index.get(call.index, -1) if call.index is not None else len(self._calls) - 1
        if not name:
            return known if known >= 0 else None
        if known < 0 or (call.id and call.id != self._calls[known]):
            return self._start(call, name)
        return self._start(call, name) if call.index is None and not call.id else known

    def _start(self, call: _ToolCall, name: str) -> int:
        call_id = call.id or self._make_id()
        self._end_reasoning(self._signature(call, call_id))
        position = len(self._calls)
        self._calls.append(call_id)
        self._empty.add(position)
        self._by_index[position if call.index is None else call.index] = position
        self._batch.add(ToolCallStarted(position, call_id, name))
        return position

    def _signature(self, call: _ToolCall, call_id: str) -> str | None:
        """Gemini signs tool calls and wants the signature back with them."""
        google: Any = (call.extra_content or {}).get("google")
        signature: Any = google.get("thought_signature") if isinstance(google, dict) else None
        if not isinstance(signature, str):
            return None
        return seal(Proof(format=FORMAT, model=self._model, call_signatures={call_id: signature}))

    def _end(self) -> None:
        if self.finished:
            return
        if self._reason is None:
            raise Retryable(CUT_OFF)
        self._end_reasoning()
        for position in sorted(self._empty):
            self._batch.text(position, "{}")
        reason = finish(_REASONS.get(self._reason, "stop"), len(self._calls))
        self._batch.add(ModelFinished(reason, _usage(self._usage)))
        self.finished = True


def _stream_failure(chunk: _Chunk) -> Exception:
    error = chunk.error
    if isinstance(error, str):
        return failure(Problem(message=error))
    if error is None:
        return failure(Problem(message=chunk.message or ""))
    if isinstance(error.code, int):
        return failure(Problem(message=error.message or "", kind=error.type or "", status=error.code))
    kind = " ".join(part for part in (error.code, error.type) if part)
    return failure(Problem(message=error.message or "", kind=kind))


def _usage(usage: _Usage | None) -> Usage:
    if usage is None:
        return Usage()
    prompt = usage.prompt_tokens or 0
    details, thought = usage.prompt_tokens_details, usage.completion_tokens_details
    cached = (details.cached_tokens if details else None) or usage.prompt_cache_hit_tokens or 0
    return Usage(
        input_tokens=prompt,
        cached_tokens=cached,
        output_tokens=max(usage.completion_tokens or 0, (usage.total_tokens or 0) - prompt),
        reasoning_tokens=(thought.reasoning_tokens if thought else None) or 0,
    )
