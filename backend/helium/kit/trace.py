"""What the process does, as spans, for whoever collects them. Nothing happens unless a tracer is installed.

The engine says what it does in its own words (`span("step", position=3)`); an adapter knows how that is
called elsewhere. A fact is an id, a name, a number or an outcome: never what somebody said, never what a
tool was given or gave.
"""

from collections.abc import Generator
from contextlib import contextmanager
from types import TracebackType
from typing import Literal, NamedTuple, Protocol
from uuid import UUID

What = Literal["request", "accept", "delivery", "attempt", "lost_attempt", "step", "model", "tool"]
Fact = str | int | float | UUID | None


class Caller(NamedTuple):
    """The span of another system that a request came from (W3C trace context)."""

    trace_id: int
    span_id: int
    sampled: bool


class Span(Protocol):
    """Something under way. It ends with its block; an exception that leaves the block marks it."""

    def note(self, **facts: Fact) -> None:
        """Facts that are known only now."""
        ...

    def fail(self, kind: str) -> None:
        """It went wrong; `kind` is a stable code, never a text."""
        ...

    def drop(self) -> None:
        """It turned out to be nothing: do not keep it."""
        ...

    def __enter__(self) -> "Span": ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Tracer(Protocol):
    def span(self, what: What, facts: dict[str, Fact], caller: Caller | None) -> Span:
        """A span that begins when its block is entered. Never raises, never waits."""
        ...


class NoSpan:
    def note(self, **facts: Fact) -> None:
        pass

    def fail(self, kind: str) -> None:
        pass

    def drop(self) -> None:
        pass

    def __enter__(self) -> "NoSpan":
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


NO_SPAN = NoSpan()
_tracer: Tracer | None = None


def span(what: What, *, caller: Caller | None = None, **facts: Fact) -> Span:
    """A span of this kind, inside the one whose block this is called in."""
    return NO_SPAN if _tracer is None else _tracer.span(what, facts, caller)


def enabled() -> bool:
    """Whether anybody collects: for facts that cost something to find out."""
    return _tracer is not None


@contextmanager
def installed(tracer: Tracer) -> Generator[None]:
    """Give this process's spans to this tracer until the end of the block."""
    global _tracer
    before, _tracer = _tracer, tracer
    try:
        yield
    finally:
        _tracer = before


def parse_traceparent(text: str | None) -> Caller | None:
    """The caller in a `traceparent` header, or None for anything that is not one."""
    if not text:
        return None
    parts = text.split("-")
    if len(parts) < 4 or [len(part) for part in parts[:4]] != [2, 32, 16, 2] or parts[0] == "ff":
        return None
    try:
        trace_id, span_id, flags = (int(part, 16) for part in parts[1:4])
    except ValueError:
        return None
    return Caller(trace_id, span_id, bool(flags & 1)) if trace_id and span_id else None
