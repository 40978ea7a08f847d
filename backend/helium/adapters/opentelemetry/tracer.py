"""Spans under way, and which of them are kept.

A span is a few plain fields until it ends; only one that is kept becomes a span of the SDK, which costs
several times as much. Of a run whose number is not within the ratio only the attempt is watched, and sent
after all if it failed; nothing inside of it costs anything.
"""

import time
from contextvars import ContextVar, Token
from types import TracebackType
from typing import Protocol
from uuid import UUID

import msgspec

from helium.adapters.opentelemetry.identity import (
    attempt_of,
    by_chance,
    new_span_id,
    new_trace_id,
    root_of,
    trace_of,
    within,
)
from helium.kit.trace import NO_SPAN, Caller, Fact, Span, What

# Nothing happens within them that has a span of its own.
LEAVES = frozenset({"model", "tool"})
# The engine's ways to leave a block that are no errors.
STOPS = frozenset({"HandOver", "NeedsPerson", "LeaseLost", "ClientLeft"})


class Ended(msgspec.Struct, frozen=True, kw_only=True):
    """A span as it is sent."""

    what: What
    facts: dict[str, Fact]
    trace_id: int
    span_id: int
    parent_id: int | None
    caller: Caller | None
    """Its parent, where that is a span of another system."""
    links: tuple[tuple[int, int], ...]
    started_ns: int
    ended_ns: int
    error: str | None


class Sink(Protocol):
    def __call__(self, ended: Ended, /) -> None:
        """Send it soon. Never raises, never waits."""
        ...


_current: ContextVar["Live | None"] = ContextVar("helium_span", default=None)


class Live(msgspec.Struct, eq=False):
    """A span under way."""

    sink: Sink
    what: What
    facts: dict[str, Fact]
    trace_id: int
    """0, and the span's id too, for what is not kept: it gets them if it is sent after all."""
    kept: bool
    span_id: int
    parent_id: int | None
    caller: Caller | None = None
    links: tuple[tuple[int, int], ...] = ()
    started_ns: int = 0
    ended_ns: int = 0
    error: str | None = None
    dropped: bool = False
    _token: "Token[Live | None] | None" = None

    def note(self, **facts: Fact) -> None:
        self.facts.update(facts)

    def fail(self, kind: str) -> None:
        self.error = kind

    def drop(self) -> None:
        self.dropped = True

    def __enter__(self) -> "Live":
        self.started_ns = self.started_ns or time.time_ns()
        # Whoever looks for the span around it finds none in an attempt that is not kept, and makes none.
        if self.what == "request" or (self.kept and self.what not in LEAVES):
            self._token = _current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._token is not None:
            _current.reset(self._token)
        if kind is not None:
            self._raised(kind)
        if not self.dropped:
            self._end()

    def _raised(self, kind: type[BaseException]) -> None:
        if self.what == "accept":
            self.dropped = True  # there is no run
        elif kind.__name__ in STOPS or not issubclass(kind, Exception):
            self.facts.setdefault("outcome", kind.__name__)
        else:
            self.error = self.error or kind.__name__

    def _end(self) -> None:
        self.ended_ns = time.time_ns()
        if self.what == "lost_attempt":
            self.ended_ns = _nanoseconds(self.facts["ended_at"])
            self.error = "lease_expired"
        if self.kept:
            self._send()
        elif self.error is not None:
            if self.what == "attempt":
                self.sink(late_root(self.facts))
            self._send()

    def _send(self) -> None:
        ended = Ended(
            what=self.what,
            facts=self.facts,
            trace_id=self.trace_id or new_trace_id(),
            span_id=self.span_id or new_span_id(),
            parent_id=self.parent_id,
            caller=self.caller,
            links=self.links,
            started_ns=self.started_ns,
            ended_ns=self.ended_ns,
            error=self.error,
        )
        self.sink(ended)


class RunTracer:
    """`kit.trace.Tracer`: one trace for each run, whichever process does its work."""

    def __init__(self, sink: Sink, ratio: float) -> None:
        self._sink = sink
        self._ratio = ratio

    def span(self, what: What, facts: dict[str, Fact], caller: Caller | None) -> Span:
        if what == "request":
            return self._request(facts, caller)
        run_id = facts.get("run_id")
        if not isinstance(run_id, UUID):
            return self._inside(what, facts)
        match what:
            case "accept":
                return self._accept(facts, run_id)
            case "attempt":
                return self._attempt(facts, run_id)
            case "lost_attempt":
                return self._lost_attempt(facts, run_id)
            case _:
                kept = within(run_id.int, self._ratio)
                return Live(self._sink, what, facts, trace_of(run_id), kept, new_span_id(), root_of(run_id))

    def _request(self, facts: dict[str, Fact], caller: Caller | None) -> Span:
        """In the caller's trace if there is one, and kept if the caller keeps it."""
        if caller is None:
            kept = by_chance(self._ratio)
            trace_id, span_id = (new_trace_id(), new_span_id()) if kept else (0, 0)
            return Live(self._sink, "request", facts, trace_id, kept, span_id, None)
        trace_id, parent_id, kept = caller
        return Live(self._sink, "request", facts, trace_id, kept, new_span_id(), parent_id, caller=caller)

    def _accept(self, facts: dict[str, Fact], run_id: UUID) -> Span:
        """The root of a run's trace. It begins with the request that led to it; that request's own span
        stands below it, or, if it belongs to a caller's trace, is linked with it."""
        trace_id, kept, root_id = trace_of(run_id), within(run_id.int, self._ratio), root_of(run_id)
        request = _current.get()
        if request is not None and request.what == "request":
            request.facts["run_id"] = run_id
            if request.caller is None:
                request.trace_id, request.kept, request.parent_id = trace_id, kept, root_id
                request.span_id = request.span_id or (new_span_id() if kept else 0)
            else:
                request.links = (*request.links, (trace_id, root_id))
        if not kept:
            return NO_SPAN
        root = Live(self._sink, "accept", facts, trace_id, kept, root_id, None)
        if request is not None and request.what == "request":
            root.started_ns = request.started_ns
            for fact in ("request_id", "route"):
                root.facts.setdefault(fact, request.facts.get(fact))
            if request.caller is not None:
                root.links = ((request.trace_id, request.span_id),)
        return root

    def _attempt(self, facts: dict[str, Fact], run_id: UUID) -> Span:
        """An attempt that takes over from a dead one is kept whatever the ratio."""
        attempt = facts["attempt"]
        assert isinstance(attempt, int)
        within_ratio = within(run_id.int, self._ratio)
        kept = within_ratio or bool(facts.get("takeover"))
        if kept and not within_ratio:
            self._sink(late_root(facts))
        span_id = attempt_of(run_id, attempt)
        return Live(self._sink, "attempt", facts, trace_of(run_id), kept, span_id, root_of(run_id))

    def _lost_attempt(self, facts: dict[str, Fact], run_id: UUID) -> Span:
        attempt = facts["attempt"]
        assert isinstance(attempt, int)
        span_id = attempt_of(run_id, attempt)
        live = Live(self._sink, "lost_attempt", facts, trace_of(run_id), True, span_id, root_of(run_id))
        live.started_ns = _nanoseconds(facts["started_at"])
        return live

    def _inside(self, what: What, facts: dict[str, Fact]) -> Span:
        parent = _current.get()
        if parent is None or not parent.kept:
            return NO_SPAN
        return Live(self._sink, what, facts, parent.trace_id, True, new_span_id(), parent.span_id)


def late_root(facts: dict[str, Fact]) -> Ended:
    """The root of a trace that is kept after all, from the facts of an attempt: whoever accepted the run
    did not send it. Of several attempts that send it all say the same."""
    run_id, created_ns = facts["run_id"], _nanoseconds(facts["created_at"])
    assert isinstance(run_id, UUID)
    return Ended(
        what="accept",
        facts={fact: facts.get(fact) for fact in ("run_id", "thread_id", "workspace_id", "agent")},
        trace_id=trace_of(run_id),
        span_id=root_of(run_id),
        parent_id=None,
        caller=None,
        links=(),
        started_ns=created_ns,
        ended_ns=created_ns,
        error=None,
    )


def _nanoseconds(seconds: Fact) -> int:
    assert isinstance(seconds, float | int)
    return int(seconds * 1e9)
