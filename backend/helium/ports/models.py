"""Models: one streaming port, and the catalog that finds a model by its name."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

import msgspec

from helium.core.budget import Usage
from helium.core.items import FunctionTool, Item


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call of a model, in no provider's words."""

    model: str
    """The provider's own name, without the `provider:` in front."""
    items: Sequence[Item]
    instructions: str = ""
    tools: Sequence[FunctionTool] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    text_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    idempotency_key: str = ""


class TextDelta(msgspec.Struct, frozen=True):
    text: str


class RefusalDelta(msgspec.Struct, frozen=True):
    text: str


class ReasoningDelta(msgspec.Struct, frozen=True):
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDone:
    """The reasoning so far is complete; `opaque` must be sent back with it in the next call."""

    opaque: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    index: int
    """Which of the answer's tool calls this is; argument deltas refer to it."""
    call_id: str
    name: str


class ArgumentsDelta(msgspec.Struct, frozen=True):
    index: int
    text: str


FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class ModelFinished:
    """The last event of every answer. Usage has no cost yet: prices are laid over it later."""

    reason: FinishReason
    usage: Usage


ModelEvent = (
    TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ReasoningDone
    | ToolCallStarted
    | ArgumentsDelta
    | ModelFinished
)


class Model(Protocol):
    """A streaming model call."""

    def stream(self, request: ModelRequest) -> AsyncIterator[Sequence[ModelEvent]]:
        """The answer, in batches of events; the last event of the last batch is `ModelFinished`.

        The first content comes as soon as it is there; after that a batch is what gathered during a
        short window (25 to 50 ms), so that nothing downstream is done per token. Raises `Retryable`
        for what may pass (connection, time-out, 408, 409, 429, 5xx, an answer cut off), `ModelFailed` for
        what will not. Closing the iterator closes the connection.
        """
        ...


class ModelCatalog(Protocol):
    """Models by name."""

    def resolve(self, name: str) -> tuple[Model, str]:
        """The model behind `provider:model`, and the provider's own name for it.

        Raises `InvalidRequest` with a sentence that says what to set when the provider is unknown
        or has no key.
        """
        ...

    def price(self, name: str, usage: Usage) -> Usage:
        """`usage` with `cost_microusd` filled in from known prices (0 where none is known)."""
        ...

    def names(self) -> Sequence[str]:
        """The providers that are configured, as `provider:model` or `provider:*`."""
        ...
