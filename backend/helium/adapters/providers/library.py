"""Every other provider, through the pydantic-ai library: `pydantic-ai:provider:model`.

It costs ten times the CPU per token of our own decoders, so it serves what they do not speak (Bedrock,
Vertex, Cohere, …). The package is not required (`requirements-extra.in`), so it is imported when it is
asked for, and its types are `Any` here.
"""

import asyncio
import importlib
import importlib.util
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from typing import Any

from helium.adapters.providers.failures import Problem, Source, failure, public_sentence
from helium.adapters.providers.library_messages import FORMAT, messages, parameters, settings
from helium.adapters.providers.opaque import Proof, seal
from helium.adapters.providers.wire import CUT_OFF, Batch, finish
from helium.core.budget import Usage
from helium.core.errors import InvalidRequest, ModelFailed, Retryable
from helium.kit.clock import Clock
from helium.ports import (
    FinishReason,
    Model,
    ModelEvent,
    ModelFinished,
    ModelRequest,
    ReasoningDelta,
    ReasoningDone,
    TextDelta,
    ToolCallStarted,
)

PREFIX = "pydantic-ai"

_REASONS: dict[str, FinishReason] = {
    "stop": "stop",
    "length": "length",
    "content_filter": "content_filter",
    "tool_call": "tool_calls",
}


def resolve(name: str, clock: Clock, *, gather_seconds: float = 0.04) -> Model:
    """The model that pydantic-ai calls `name`. Raises `InvalidRequest` that says what to install or set."""
    provider = name.partition(":")[0]
    install = f"pip install 'pydantic-ai-slim[{provider}]'"
    if importlib.util.find_spec("pydantic_ai") is None:
        raise InvalidRequest(f"{PREFIX}:{name} needs an optional library: {install}.", param="model")
    from_library: Any = importlib.import_module("pydantic_ai.models")
    exceptions: Any = importlib.import_module("pydantic_ai.exceptions")
    try:
        model: Any = from_library.infer_model(name)
    except ImportError:
        raise InvalidRequest(
            f"{PREFIX}:{name} needs an optional library: {install}.", param="model"
        ) from None
    except (exceptions.UserError, ValueError) as error:
        raise InvalidRequest(public_sentence(str(error)), param="model") from None
    return LibraryModel(model, clock, gather_seconds=gather_seconds)


class LibraryModel:
    """A pydantic-ai model behind the port."""

    def __init__(self, model: Any, clock: Clock, *, gather_seconds: float = 0.04) -> None:
        self._model = model
        self._clock = clock
        self._gather_seconds = gather_seconds

    async def stream(self, request: ModelRequest) -> AsyncIterator[Sequence[ModelEvent]]:
        pump = _Pump(self._model, request)
        reading = asyncio.create_task(pump.run())
        try:
            while not pump.finished:
                await pump.something.wait()
                pump.something.clear()
                if events := pump.take():
                    yield events
                if not reading.done():
                    await self._clock.sleep(self._gather_seconds)
                if reading.done():
                    reading.result()
                    if events := pump.take():
                        yield events
        finally:
            reading.cancel()
            await asyncio.wait([reading])


class _Pump:
    """Reads the library's events in a task of its own, so that a window can gather them."""

    def __init__(self, model: Any, request: ModelRequest) -> None:
        self.something = asyncio.Event()
        self.finished = False
        self._model = model
        self._request = request
        self._batch = Batch()
        self._calls: dict[int, int] = {}
        self._bare: set[int] = set()
        self._thoughts: dict[int, Any] = {}

    def take(self) -> list[ModelEvent]:
        events = self._batch.take()
        self.finished = self.finished or (bool(events) and isinstance(events[-1], ModelFinished))
        return events

    async def run(self) -> None:
        exceptions: Any = importlib.import_module("pydantic_ai.exceptions")
        try:
            await self._read()
        except (exceptions.AgentRunError, exceptions.UserError) as error:
            raise _translated(error, self._request.model) from error
        except (OSError, TimeoutError) as error:
            raise Retryable(f"the connection broke: {type(error).__name__}") from error
        finally:
            self.something.set()

    async def _read(self) -> None:
        direct: Any = importlib.import_module("pydantic_ai.direct")
        async with AsyncExitStack() as stack:
            stream: Any = await stack.enter_async_context(
                direct.model_request_stream(
                    self._model,
                    messages(self._request),
                    model_settings=settings(self._request),
                    model_request_parameters=parameters(self._request),
                )
            )
            async for event in stream:
                self._event(event)
                self.something.set()
            self._end(stream.get())

    def _event(self, event: Any) -> None:
        match event.event_kind:
            case "part_start":
                self._start(event.index, event.part)
            case "part_delta":
                self._delta(event.index, event.delta)
            case "part_end":
                self._end_thought(event.index, event.part)
            case _:
                pass

    def _start(self, index: int, part: Any) -> None:
        match part.part_kind:
            case "text":
                self._batch.text(TextDelta, part.content)
            case "thinking":
                self._thoughts[index] = part
                self._batch.text(ReasoningDelta, part.content)
            case "tool-call":
                position = self._calls.setdefault(index, len(self._calls))
                self._bare.add(position)
                self._batch.add(ToolCallStarted(position, part.tool_call_id, part.tool_name))
                if part.args:
                    self._arguments(position, part.args_as_json_str())
            case _:
                pass

    def _delta(self, index: int, delta: Any) -> None:
        match delta.part_delta_kind:
            case "text":
                self._batch.text(TextDelta, delta.content_delta)
            case "thinking":
                self._batch.text(ReasoningDelta, delta.content_delta or "")
            case "tool_call" if index in self._calls and isinstance(delta.args_delta, str):
                self._arguments(self._calls[index], delta.args_delta)
            case _:
                pass

    def _arguments(self, position: int, text: str) -> None:
        if text:
            self._bare.discard(position)
            self._batch.text(position, text)

    def _end_thought(self, index: int, part: Any) -> None:
        if self._thoughts.pop(index, None) is None:
            return
        proof = Proof(
            format=FORMAT,
            model=self._request.model,
            id=part.id or "",
            signature=part.signature or "",
            provider=part.provider_name or "",
        )
        self._batch.add(ReasoningDone(seal(proof) if part.signature else None))

    def _end(self, response: Any) -> None:
        for index, part in list(self._thoughts.items()):
            self._end_thought(index, part)
        for position in sorted(self._bare):
            self._batch.text(position, "{}")
        if response.state != "complete" or response.finish_reason == "error":
            raise Retryable(CUT_OFF)
        reason = finish(_REASONS.get(response.finish_reason or "stop", "stop"), len(self._calls))
        usage: Any = response.usage
        counted = Usage(
            input_tokens=usage.input_tokens or 0,
            cached_tokens=usage.cache_read_tokens or 0,
            output_tokens=usage.output_tokens or 0,
            reasoning_tokens=(usage.details or {}).get("reasoning_tokens", 0),
        )
        self._batch.add(ModelFinished(reason, counted))


def _translated(error: Any, model: str) -> Exception:
    """The library's error as one of ours: by HTTP status, else by what its class is called."""
    status: int = getattr(error, "status_code", 0)
    name = type(error).__name__
    message = str(getattr(error, "message", "") or error)
    wish: float | None = getattr(error, "retry_after", None)
    source = Source(provider=model.partition(":")[0], model=model)
    if status:
        return failure(Problem(message=message, status=status, after_seconds=wish), source)
    if "Authentication" in name:
        return failure(Problem(message=message, status=401), source)
    if "ContextWindow" in name:
        return ModelFailed("context_too_long", public_sentence(message))
    if "NotFound" in name:
        return failure(Problem(message=message, status=404), source)
    if "Quota" in name:
        return failure(Problem(message=message, status=402), source)
    if "Rejected" in name or name in ("UserError", "ContentFilterError"):
        return failure(Problem(message=message, status=400), source)
    return Retryable(public_sentence(message), after_seconds=wish)
