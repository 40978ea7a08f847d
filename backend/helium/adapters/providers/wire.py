"""What the decoders of all wire formats share: JSON that cannot crash them, and batches of events."""

import re
from collections.abc import Callable
from typing import Protocol, TypeVar

import msgspec

from helium.core.errors import Retryable
from helium.kit.ids import new_id, to_wire
from helium.ports import (
    ArgumentsDelta,
    FinishReason,
    ModelEvent,
    ReasoningDelta,
    RefusalDelta,
    TextDelta,
)

T = TypeVar("T")

CUT_OFF = "the model's answer was cut off"
UNREADABLE = "the provider sent something that is not of its documented form"

REPLACEMENT = "\ufffd"


class Decoder(Protocol):
    """One answer's bytes become events. It never waits and never does I/O."""

    @property
    def thinking(self) -> bool:
        """The model may now be silent for long: it thinks and does not show it."""
        ...

    @property
    def finished(self) -> bool:
        """`ModelFinished` has been given; nothing of interest follows."""
        ...

    def feed(self, data: bytes) -> list[ModelEvent]:
        """The events in these bytes; neighbouring deltas of one kind come as one.

        Raises `Retryable` or `ModelFailed` for an error that the provider reports in its stream.
        """
        ...

    def close(self) -> list[ModelEvent]:
        """The connection has ended: what was still to be said. Raises `Retryable` for a cut."""
        ...


_ESCAPE = re.compile(
    rb"\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"  # a whole pair: keep
    rb"|(\\u[dD][89a-fA-F][0-9a-fA-F]{2})"  # half of one: replace
    rb"|\\."  # any other escape, so that an escaped backslash is not taken for the start of one
)


def _mend(escape: re.Match[bytes]) -> bytes:
    return rb"\ufffd" if escape.group(1) else escape.group()


def decode_json(decoder: "msgspec.json.Decoder[T]", data: bytes) -> T:
    """The JSON value in `data`; half surrogate pairs and bytes that are no UTF-8 become U+FFFD."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        pass
    mended = _ESCAPE.sub(_mend, data.decode("utf-8", "replace").encode())
    try:
        return decoder.decode(mended)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise Retryable(UNREADABLE) from None


def clean(text: str) -> str:
    """Text that PostgreSQL can store: it has no NUL."""
    return text.replace("\x00", REPLACEMENT) if "\x00" in text else text


TextEvent = type[TextDelta] | type[RefusalDelta] | type[ReasoningDelta]


class Batch:
    """Gathers events and merges neighbouring deltas of the same kind."""

    def __init__(self) -> None:
        self._events: list[ModelEvent] = []
        self._parts: list[str] = []
        self._kind: TextEvent | int | None = None

    def text(self, kind: TextEvent | int, text: str) -> None:
        """More text of a kind; an integer means arguments of that tool call."""
        if not text:
            return
        if kind != self._kind:
            self._flush()
            self._kind = kind
        self._parts.append(text)

    def add(self, event: ModelEvent) -> None:
        self._flush()
        self._events.append(event)

    def take(self) -> list[ModelEvent]:
        self._flush()
        events, self._events = self._events, []
        return events

    def _flush(self) -> None:
        kind, self._kind = self._kind, None
        if kind is None:
            return
        text = clean("".join(self._parts))
        self._parts.clear()
        if isinstance(kind, int):
            self._events.append(ArgumentsDelta(kind, text))
        else:
            self._events.append(kind(text))


def new_call_id() -> str:
    return to_wire("call", new_id())


MakeId = Callable[[], str]


def finish(reason: FinishReason, calls: int) -> FinishReason:
    """The reason, made consistent: some providers say `stop` although they asked for tools."""
    if reason == "stop" and calls:
        return "tool_calls"
    if reason == "tool_calls" and not calls:
        return "stop"
    return reason
