"""The truth about runs: what every store of them promises."""

from collections.abc import Mapping, Sequence
from typing import Protocol
from uuid import UUID

from helium.core.events import LoggedEvent
from helium.core.states import RunStatus
from helium.ports.runs import ClaimedRun, Committed, Lease, NewRun, RunRow, Standing, Write


class RunStore(Protocol):
    """The truth about runs. Every method is one transaction; when it returns, it is durable."""

    async def start(self, runs: Sequence[NewRun]) -> Sequence[Committed | UUID | Exception]:
        """Accept runs: thread, run `queued`, event 1. One result for each, in order:

        `Committed`; the UUID of the run that the same idempotency key started before; or
        `ThreadBusy`, `ThreadMoved`, `NotFound` (thread), `IdempotencyMismatch`, `TooManyRuns`. One
        entry's refusal does not touch the others.
        """
        ...

    async def claim(
        self, worker_id: UUID, limit: int, *, overdue_seconds: float = 0.0
    ) -> Sequence[ClaimedRun]:
        """Take up to `limit` runs that have been due for `overdue_seconds`. Each gets a new epoch and
        token, attempt + 1, and this process's engine version: a run with a higher one is left to a
        worker that has it, so that an older engine never goes on with what a newer one has begun.

        Fair between workspaces: each gets an equal share of one claim, the ones with the fewest
        running runs first, and within a workspace the oldest first. No workspace gets more than may
        run at once.
        """
        ...

    async def claim_these(self, worker_id: UUID, run_ids: Sequence[UUID]) -> Sequence[ClaimedRun]:
        """Take those of these runs that are due and may run now, as a queue delivered them; as `claim`
        does, only those of this engine or an older one."""
        ...

    async def standing(self, run_ids: Sequence[UUID]) -> Mapping[UUID, Standing]:
        """Where these runs stand; those that there are not are left out."""
        ...

    async def commit(self, writes: Sequence[Write]) -> Sequence[Committed | Exception]:
        """Append events, record steps, close leases, for many runs at once (at most one write each).

        A write whose token is no longer the run's gets `LeaseLost`, one whose step or first number
        is not the next gets `StepMismatch`; nothing of it is stored, and the others are not touched.
        The same write again, after a connection that broke around COMMIT, gets `Committed` if it had
        landed. Raises what the database's driver raises when the outcome is unknown.
        """
        ...

    async def renew(self, worker_id: UUID, ttl_seconds: float) -> None:
        """Extend the lease of the worker (and so of all its runs) to now + ttl, database's clock."""
        ...

    async def cancels(self, worker_id: UUID) -> Sequence[UUID]:
        """The worker's runs that somebody asked to cancel."""
        ...

    async def release(self, worker_id: UUID, *, crashed: bool = False) -> Sequence[UUID]:
        """Give back every run of the worker at once and end its lease. The runs' ids. With `crashed`
        its process was seen to end in the middle of whatever it did."""
        ...

    async def abandon(self, lease: Lease) -> None:
        """Give one run back to the queue, or nothing if the lease is not this one any more."""
        ...

    async def disown(self, worker_id: UUID, held: Sequence[UUID]) -> Sequence[UUID]:
        """Requeue the worker's runs whose token is not among `held`: those that it has and does not
        know of, because the answer to a claim was lost, or because it gave them up unclosed. Not to
        be called beside a claim of the same worker. The runs' ids."""
        ...

    async def requeue_expired(self, limit: int) -> Sequence[UUID]:
        """Requeue runs whose worker's lease has expired; finish those that were to be cancelled."""
        ...

    async def request_cancel(self, run_id: UUID) -> RunStatus:
        """Ask for the end of a run. A run that nobody holds is `cancelled` at once; one that is
        `in_progress` is marked, and its holder ends it. Raises `RunAlreadyFinished`, `NotFound`."""
        ...

    async def decide(
        self, action_id: UUID, *, decision: str, answer: str | None, decided_by: str
    ) -> RunRow:
        """Record a person's decision and queue the run. Exactly one caller wins; the others get
        `ActionAlreadyDecided`. Raises `NotFound`."""
        ...

    async def forget_workers(self) -> None:
        """Drop the rows of workers that have been gone for a day."""
        ...

    async def promote(self, limit: int) -> Sequence[UUID]:
        """Make runs due that were enqueued behind a run which has finished since. Their ids."""
        ...

    async def overdue(self, seconds: float, again_seconds: float, limit: int) -> Sequence[UUID]:
        """Up to `limit` runs that have been due for `seconds` and were not given here within the last
        `again_seconds`: their queue may have lost them. Of several processes one gets each.
        Runs of a newer engine are left to its sweepers: copies of messages would gather otherwise."""
        ...

    async def due(self) -> bool:
        """Whether a run could be claimed now, by this engine."""
        ...

    async def read(self, cursors: Mapping[UUID, int], limit: int) -> Mapping[UUID, Sequence[LoggedEvent]]:
        """For each run, its events after the given number, in one query: at most `limit` each, and no
        more after those that fill 128 KiB."""
        ...

    async def run(self, run_id: UUID) -> RunRow | None:
        """One run's row, from the primary."""
        ...
