"""The offline model as a model: its answers, streamed word by word."""

import re
from collections.abc import AsyncIterator, Iterator, Sequence

from helium.adapters.offline.pacing import Timed, batches
from helium.adapters.offline.plan import Answer, plan
from helium.core.budget import Usage
from helium.core.items import Item, Message, Reasoning, ToolCall, ToolResult
from helium.kit.clock import Clock
from helium.ports import (
    ArgumentsDelta,
    FinishReason,
    ModelEvent,
    ModelFinished,
    ModelRequest,
    ReasoningDelta,
    ReasoningDone,
    TextDelta,
    ToolCallStarted,
)


class OfflineModel:
    """A deterministic demonstration: the same conversation gives the same answer, ids included."""

    def __init__(
        self,
        clock: Clock,
        *,
        token_seconds: float = 0.015,
        gather_seconds: float = 0.04,
        slow_seconds: float = 0.1,
    ) -> None:
        """`slow_seconds` is the pace of "slowly"; `token_seconds` of all else, 0 for no waiting."""
        self._clock = clock
        self._token_seconds = token_seconds
        self._gather_seconds = gather_seconds
        self._slow_seconds = slow_seconds

    async def stream(self, request: ModelRequest) -> AsyncIterator[Sequence[ModelEvent]]:
        """The answer in batches. Raises `ModelFailed` if the person asks for it."""
        answer = plan(
            request.items,
            request.tools,
            tool_choice=request.tool_choice,
            parallel_tool_calls=request.parallel_tool_calls,
            text_format=request.text_format,
        )
        due = self._clock.monotonic()
        for seconds, batch in batches(self._timed(answer, request), self._gather_seconds):
            due += seconds
            wait = due - self._clock.monotonic()
            if wait > 0:
                await self._clock.sleep(wait)
            yield batch

    def _timed(self, answer: Answer, request: ModelRequest) -> Iterator[Timed]:
        """Every token with the time it takes; at the end, what they were."""
        pace = self._slow_seconds if answer.slowly else self._token_seconds
        thoughts, words = _words(answer.reasoning), _words(answer.text)
        limit = request.max_output_tokens
        cut = limit is not None and not answer.tool_calls and len(thoughts) + len(words) > limit
        if limit is not None and cut:
            thoughts, words = thoughts[:limit], words[: max(0, limit - len(thoughts))]
        for word in thoughts:
            yield Timed(self._token_seconds, ReasoningDelta(word))
        if thoughts:
            yield Timed(0.0, ReasoningDone())
        for word in words:
            yield Timed(pace, TextDelta(word))
        for index, call in enumerate(answer.tool_calls):
            yield Timed(self._token_seconds, ToolCallStarted(index, call.call_id, call.name))
            yield Timed(self._token_seconds, ArgumentsDelta(index, call.arguments))
        reason: FinishReason = "length" if cut else "tool_calls" if answer.tool_calls else "stop"
        usage = Usage(
            input_tokens=_input_tokens(request),
            output_tokens=len(thoughts) + len(words) + sum(_count(c.arguments) for c in answer.tool_calls),
            reasoning_tokens=len(thoughts),
        )
        yield Timed(0.0, ModelFinished(reason, usage))


def _words(text: str) -> list[str]:
    """The text in words, each with the space before it; joined they are the text."""
    return re.findall(r"\s*\S+|\s+$", text)


def _count(text: str) -> int:
    return len(text.split())


def _input_tokens(request: ModelRequest) -> int:
    return _count(request.instructions) + sum(_count(_said(item)) for item in request.items)


def _said(item: Item) -> str:
    match item:
        case Message() | Reasoning():
            return item.text
        case ToolCall(arguments=arguments):
            return arguments
        case ToolResult(output=output):
            return output
