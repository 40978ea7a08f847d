"""`ports.RunStore` in memory: the reference model, in which one can read what the real store must do.

Its clock plays the database's. Nothing awaits within a method, so each is one transaction.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from uuid import UUID, uuid4

from helium.adapters.memory.fair_queue import FairQueue
from helium.adapters.memory.run_record import LOST_CALL_TOKENS, Entry, RunRecord
from helium.core.engine_version import ENGINE_VERSION
from helium.core.errors import (
    ActionAlreadyDecided,
    IdempotencyMismatch,
    LeaseLost,
    NotFound,
    RunAlreadyFinished,
    StepMismatch,
    ThreadBusy,
    ThreadMoved,
    TooManyRuns,
)
from helium.core.events import (
    Event,
    LoggedEvent,
    RunCancelled,
    RunQueued,
    RunRequeued,
    RunResumed,
    RunStarted,
    encode_event,
)
from helium.core.items import Item
from helium.core.states import RunStatus, is_terminal
from helium.kit.clock import Clock
from helium.kit.ids import to_wire
from helium.ports import ClaimedRun, Committed, Lease, NewRun, RunLimits, RunRow, Standing, Write

StartResult = Committed | UUID | Exception
PAGE_BYTES = 64 * 1024
DAY_SECONDS = 24 * 3600.0
REFUSED = (ThreadBusy, ThreadMoved, NotFound, IdempotencyMismatch, TooManyRuns, ValueError)


@dataclass(slots=True)
class _Thread:
    workspace_id: UUID
    head: UUID


class MemoryRunStore:
    """The runs of one process, forgotten when it ends."""

    def __init__(self, clock: Clock, limits: RunLimits | None = None) -> None:
        self._clock = clock
        self._limits = limits or RunLimits()
        self.engine_version = ENGINE_VERSION
        """Of the workers that claim through this store."""
        self.runs: dict[UUID, RunRecord] = {}
        self.leases: dict[UUID, float] = {}
        """When each worker's lease expires."""
        self._threads: dict[UUID, _Thread] = {}
        self._keys: dict[tuple[UUID, str], tuple[bytes, UUID]] = {}

    # --- accept --------------------------------------------------------------------------------

    async def start(self, runs: Sequence[NewRun]) -> Sequence[StartResult]:
        results: dict[UUID, StartResult] = {}
        for new in sorted(runs, key=lambda new: not new.new_thread):
            try:
                results[new.id] = self._start(new)
            except REFUSED as error:
                results[new.id] = error
        return [results[new.id] for new in runs]

    def _start(self, new: NewRun) -> Committed | UUID:
        key = None if new.idempotency_key is None else (new.workspace_id, new.idempotency_key)
        if key in self._keys:
            request_hash, run_id = self._keys[key]
            if request_hash != new.request_hash:
                raise IdempotencyMismatch("This Idempotency-Key was used for a different request.")
            return run_id
        if new.new_thread:
            self._admit(new.workspace_id)
        run = self._at_new_thread(new) if new.new_thread else self._at_end_of_thread(new)
        run.append([RunQueued(agent=new.spec.agent, model=new.spec.model)], run.created_at)
        self.runs[run.id] = run
        self._threads[run.thread_id] = _Thread(run.workspace_id, run.id)
        if key is not None:
            self._keys[key] = (new.request_hash, run.id)
        return Committed(1, run.created_at)

    def _at_new_thread(self, new: NewRun) -> RunRecord:
        if new.thread_id in self._threads or new.id in self.runs:
            raise ValueError("There is such a thread or run already.")
        return RunRecord.of(new, previous=new.previous_run_id, held=False, now=self._clock.time())

    def _at_end_of_thread(self, new: NewRun) -> RunRecord:
        thread = self._threads.get(new.thread_id)
        if thread is None or thread.workspace_id != new.workspace_id:
            raise NotFound("There is no such thread.")
        if new.previous_run_id not in (None, thread.head):
            raise ThreadMoved("The thread has gone on since that run.")
        self._admit(new.workspace_id)
        active = self._active(new.thread_id)
        if active is not None and new.when_busy == "reject":
            raise ThreadBusy("Another run of this thread is not finished.")
        run = RunRecord.of(new, previous=thread.head, held=active is not None, now=self._clock.time())
        if active is not None and new.when_busy == "interrupt":
            self._cancel(active)
        return run

    def _admit(self, workspace_id: UUID) -> None:
        """Raises `TooManyRuns` unless one more run may wait."""
        waiting = [run.workspace_id for run in self.runs.values() if run.status == "queued"]
        bounds = (self._limits.queued_per_workspace, self._limits.queued)
        counts = (waiting.count(workspace_id), len(waiting))
        if any(bound is not None and count >= bound for count, bound in zip(counts, bounds, strict=True)):
            raise TooManyRuns("As many runs wait as may wait.")

    def _active(self, thread_id: UUID) -> RunRecord | None:
        return next((r for r in self.runs.values() if r.thread_id == thread_id and r.active), None)

    # --- claim ---------------------------------------------------------------------------------

    async def claim(
        self, worker_id: UUID, limit: int, *, overdue_seconds: float = 0.0
    ) -> Sequence[ClaimedRun]:
        now = self._clock.time()
        chosen = self._queue(worker_id, now).first(limit, overdue_seconds)
        return [self._claim(run, worker_id, now) for run in chosen]

    async def claim_these(self, worker_id: UUID, run_ids: Sequence[UUID]) -> Sequence[ClaimedRun]:
        now = self._clock.time()
        chosen = self._queue(worker_id, now).these(set(run_ids))
        return [self._claim(run, worker_id, now) for run in chosen]

    def _queue(self, worker_id: UUID, now: float) -> FairQueue:
        return FairQueue(
            self.runs.values(),
            worker_id,
            now=now,
            limits=self._limits,
            engine_version=self.engine_version,
        )

    async def standing(self, run_ids: Sequence[UUID]) -> Mapping[UUID, Standing]:
        return {run_id: self._standing(self.runs[run_id]) for run_id in run_ids if run_id in self.runs}

    def _standing(self, run: RunRecord) -> Standing:
        now = self._clock.time()
        expires_at = self.leases.get(run.worker_id, now) if run.worker_id else now
        return Standing(
            status=run.status,
            error_code=run.error_code,
            held=run.held,
            due_in_seconds=run.due_at - now,
            lease_seconds=expires_at - now,
            for_newer_engine=run.engine_version > self.engine_version,
        )

    def _claim(self, run: RunRecord, worker_id: UUID, now: float) -> ClaimedRun:
        lease = run.lease_to(worker_id, uuid4(), now=now, engine_version=self.engine_version)
        run.append([RunStarted(attempt=run.attempt)], now)
        return ClaimedRun(
            lease=lease,
            row=run.row(),
            next_seq=run.next_seq,
            claimed_at=now,
            waited_seconds=now - run.due_at,
            attempts_without_progress=run.attempts_without_progress,
            lost_tokens=run.lost_tokens,
            cancel_requested=run.cancel_requested,
            history=list(self._history(run.previous_run_id)),
            recorded=list(run.steps),
            unfinished_items=run.unfinished_items(),
            effects=dict(run.effects),
            decisions=run.decisions(),
        )

    def _history(self, run_id: UUID | None) -> Iterator[Item]:
        """The conversation up to the end of this run, oldest first."""
        run = None if run_id is None else self.runs.get(run_id)
        if run is None:
            return
        yield from self._history(run.previous_run_id)
        yield from run.input
        for step in run.steps:
            yield from step.result.items

    # --- write ---------------------------------------------------------------------------------

    async def commit(self, writes: Sequence[Write]) -> Sequence[Committed | Exception]:
        return [self._commit(write) for write in writes]

    def _commit(self, write: Write) -> Committed | Exception:
        try:
            for event in write.events:
                encode_event(event)
        except ValueError as error:
            return error
        run = self.runs.get(write.lease.run_id)
        if run is None:
            return LeaseLost("There is no such run.")
        if not run.fits(write):
            landed = run.landed(write)
            if landed is not None:
                return Committed(write.first_seq, landed.created_at, successor=True)
            if run.leased_by(write.lease):
                return StepMismatch(f"write at {write.first_seq} is not the next of {run.id}")
            return LeaseLost(f"the lease of run {run.id} is lost")
        now = self._clock.time()
        run.store(write, now)
        return Committed(write.first_seq, now, is_terminal(run.status) and self._has_successor(run))

    def _has_successor(self, run: RunRecord) -> bool:
        return any(
            other.thread_id == run.thread_id and other.held and other.status == "queued"
            for other in self.runs.values()
        )

    # --- leases --------------------------------------------------------------------------------

    async def renew(self, worker_id: UUID, ttl_seconds: float) -> None:
        self.leases[worker_id] = self._clock.time() + ttl_seconds

    async def cancels(self, worker_id: UUID) -> Sequence[UUID]:
        return [run.id for run in self._leased() if run.worker_id == worker_id and run.cancel_requested]

    async def release(self, worker_id: UUID, *, crashed: bool = False) -> Sequence[UUID]:
        mine = [run for run in self._leased() if run.worker_id == worker_id]
        for run in mine:
            reason = "lease_expired" if crashed else "drain"
            self._give_back(run, RunRequeued(reason=reason), lost=crashed)
        self.leases.pop(worker_id, None)
        return [run.id for run in mine]

    async def abandon(self, lease: Lease) -> None:
        run = self.runs.get(lease.run_id)
        if run is not None and run.leased_by(lease):
            self._give_back(run, RunRequeued(reason="error"), lost=True)

    async def disown(self, worker_id: UUID, held: Sequence[UUID]) -> Sequence[UUID]:
        unknown = [r for r in self._leased() if r.worker_id == worker_id and r.owner_token not in held]
        for run in unknown:
            self._give_back(run, RunRequeued(reason="error"), lost=False)
        return [run.id for run in unknown]

    async def requeue_expired(self, limit: int) -> Sequence[UUID]:
        now = self._clock.time()
        lost = [run for run in self._leased() if self._expires_at(run) < now][:limit]
        for run in lost:
            self._give_back(run, RunRequeued(reason="lease_expired"), lost=True)
        return [run.id for run in lost]

    def _leased(self) -> Sequence[RunRecord]:
        return sorted((r for r in self.runs.values() if r.status == "in_progress"), key=lambda r: r.id)

    def _expires_at(self, run: RunRecord) -> float:
        assert run.worker_id is not None
        return self.leases.get(run.worker_id, float("-inf"))

    def _give_back(self, run: RunRecord, requeued: Event, *, lost: bool) -> None:
        now = self._clock.time()
        if lost:
            run.lost_tokens += run.spec.max_output_tokens or LOST_CALL_TOKENS
        if run.cancel_requested:
            run.append([RunCancelled(usage=run.usage)], now)
            run.end_lease("cancelled", now)
        else:
            run.append([requeued], now)
            run.end_lease("queued", now)

    async def forget_workers(self) -> None:
        long_ago = self._clock.time() - DAY_SECONDS
        working = {run.worker_id for run in self._leased()}
        self.leases = {
            worker_id: expires_at
            for worker_id, expires_at in self.leases.items()
            if expires_at >= long_ago or worker_id in working
        }

    async def promote(self, limit: int) -> Sequence[UUID]:
        first: dict[UUID, RunRecord] = {}
        for run in self.runs.values():
            if run.held and run.status == "queued" and self._active(run.thread_id) is None:
                first.setdefault(run.thread_id, run)
        ready = [first[thread_id] for thread_id in sorted(first)][:limit]
        for run in ready:
            run.held, run.due_at = False, self._clock.time()
        return [run.id for run in ready]

    async def overdue(self, seconds: float, again_seconds: float, limit: int) -> Sequence[UUID]:
        now = self._clock.time()
        due = [r for r in self.runs.values() if r.due(now - seconds, self.engine_version)]
        late = [r for r in due if r.rung_at <= now - again_seconds]
        late = sorted(late, key=lambda r: (r.workspace_id, r.due_at))[:limit]
        for run in late:
            run.rung_at = now
        return [run.id for run in late]

    async def due(self) -> bool:
        now = self._clock.time()
        return any(run.due(now, self.engine_version) for run in self.runs.values())

    # --- people --------------------------------------------------------------------------------

    async def request_cancel(self, run_id: UUID) -> RunStatus:
        run = self.runs.get(run_id)
        if run is None:
            raise NotFound("There is no such run.")
        return self._cancel(run)

    def _cancel(self, run: RunRecord) -> RunStatus:
        if is_terminal(run.status):
            raise RunAlreadyFinished(f"The run is already {run.status}.")
        run.cancel_requested = True
        if run.status == "in_progress":
            return "in_progress"
        run.cancel(self._clock.time())
        return "cancelled"

    async def decide(
        self, action_id: UUID, *, decision: str, answer: str | None, decided_by: str
    ) -> RunRow:
        run = next((r for r in self.runs.values() if action_id in r.actions), None)
        if run is None:
            raise NotFound("There is no such action.")
        action = run.actions[action_id]
        if action.state != "pending":
            raise ActionAlreadyDecided("Somebody has decided this already.")
        if run.status != "requires_action":
            raise RunAlreadyFinished("The run no longer waits.")
        run.actions[action_id] = replace(action, state="decided", decision=decision, answer=answer)
        now = self._clock.time()
        run.append([RunResumed(action_id=to_wire("act", action_id), decision=decision)], now)
        run.end_lease("queued", now)
        return run.row()

    # --- read ----------------------------------------------------------------------------------

    async def read(self, cursors: Mapping[UUID, int], limit: int) -> Mapping[UUID, Sequence[LoggedEvent]]:
        found = {run_id: self._read(run_id, after, limit) for run_id, after in cursors.items()}
        return {run_id: events for run_id, events in found.items() if events}

    def _read(self, run_id: UUID, after: int, limit: int) -> list[LoggedEvent]:
        run = self.runs.get(run_id)
        entries = [] if run is None else _page(run.log[after : after + limit])
        return [
            LoggedEvent(seq=seq, event=entry.event, created_at=entry.created_at)
            for seq, entry in enumerate(entries, after + 1)
        ]

    async def run(self, run_id: UUID) -> RunRow | None:
        run = self.runs.get(run_id)
        return None if run is None else run.row()


def _page(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The first ones that fill a page's bytes."""
    size = 0
    for count, entry in enumerate(entries):
        if size >= PAGE_BYTES:
            return entries[:count]
        size += len(entry.payload)
    return entries
