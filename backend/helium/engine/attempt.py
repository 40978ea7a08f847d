"""One attempt at a run, as others see it: the ids in its log lines, and its span.

A worker that dies writes nothing about its attempt any more. So whoever takes its run over also writes the
span of the attempt that was lost: the spans that it had already sent find their parent.
"""

import asyncio
import time
from collections.abc import Coroutine
from uuid import UUID

import structlog

from helium.core.events import LoggedEvent, RunRequeued
from helium.kit import trace
from helium.kit.ids import to_wire
from helium.kit.log_context import bind
from helium.kit.logs import say
from helium.ports import ClaimedRun, Close, RunStore

log = structlog.get_logger()
# A takeover is not to wait longer than this for what only an observer wants to know.
LOOK_BACK_SECONDS = 1.0


async def observed(
    run: ClaimedRun,
    worker_id: UUID,
    store: RunStore,
    connection_errors: tuple[type[BaseException], ...],
    execution: Coroutine[None, None, Close | None],
) -> None:
    """Execute an attempt under its run's ids. `execution` gives how its lease ended; None: it was lost."""
    row = run.row
    bind(
        run_id=to_wire("run", row.id),
        thread_id=to_wire("thr", row.thread_id),
        workspace_id=to_wire("ws", row.workspace_id),
        worker_id=to_wire("wrk", worker_id),
        attempt=row.attempt,
    )
    waited = _waited(run)
    lost = await _lost_before(run, store, connection_errors)
    started = time.monotonic()
    with trace.span(
        "attempt",
        run_id=row.id,
        thread_id=row.thread_id,
        workspace_id=row.workspace_id,
        worker_id=worker_id,
        attempt=row.attempt,
        agent=row.spec.agent,
        waited_seconds=waited,
        created_at=row.created_at,
        takeover=int(lost is not None),
    ) as span:
        if lost is not None:
            _stand_in(run, lost)
        if row.attempt > 1:  # a first one is told at its end, once
            log.info("run.claimed")
        close = await execution
        _tell(close, span, waited, round(time.monotonic() - started, 3))


def _tell(close: Close | None, span: trace.Span, waited: float | None, seconds: float) -> None:
    """How the attempt ended. One that was lost is told by whoever takes the run over."""
    if close is None:
        span.drop()
        return
    span.note(outcome=close.status)
    if close.status == "failed":
        span.fail(close.error_code or "failed")
    elif close.status == "queued" and not close.progress:
        span.fail("no_progress")
    say(
        "run.released",
        status=close.status,
        code=close.error_code,
        waited_seconds=waited,
        seconds=seconds,
    )


def _waited(run: ClaimedRun) -> float | None:
    """Seconds from the acceptance to the first claim; later claims follow something else."""
    return round(run.claimed_at - run.row.created_at, 3) if run.row.attempt == 1 else None


async def _lost_before(
    run: ClaimedRun, store: RunStore, connection_errors: tuple[type[BaseException], ...]
) -> LoggedEvent | None:
    """The event that took the run from the worker that had it before, if one did and anybody asks."""
    if run.row.attempt == 1 or not trace.enabled():
        return None
    before_claim = run.next_seq - 3
    try:
        async with asyncio.timeout(LOOK_BACK_SECONDS):
            found = await store.read({run.lease.run_id: before_claim}, 1)
    except (TimeoutError, *connection_errors):
        return None
    last = next(iter(found.get(run.lease.run_id, ())), None)
    if last is None or not isinstance(last.event, RunRequeued):
        return None
    return last if last.event.reason == "lease_expired" else None


def _stand_in(run: ClaimedRun, lost: LoggedEvent) -> None:
    """The span of the attempt before. Only the first one's beginning is known."""
    row = run.row
    begun = row.started_at if row.attempt == 2 and row.started_at is not None else lost.created_at
    with trace.span(
        "lost_attempt",
        run_id=row.id,
        attempt=row.attempt - 1,
        agent=row.spec.agent,
        started_at=begun,
        ended_at=lost.created_at,
    ):
        pass
