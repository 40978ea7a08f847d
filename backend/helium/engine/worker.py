"""A worker claims runs and executes them, each in a slot of its own, until it is told to drain."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import structlog

from helium.core.budget import Usage
from helium.core.errors import LeaseLost, ModelFailed, StepMismatch
from helium.core.events import (
    CancelRequested,
    FinalEvent,
    LoggedEvent,
    RunCancelled,
    RunStarted,
)
from helium.engine.attempt import observed
from helium.engine.journal import Ending, HandOver, Journal, NeedsPerson
from helium.engine.lease import Lease
from helium.engine.log_writer import LogWriter
from helium.engine.loop import failed, run_agent
from helium.engine.options import EngineOptions
from helium.engine.tail import EventHub
from helium.kit.failpoint import failpoint
from helium.kit.group import GroupCommit
from helium.kit.metrics import instruments as metrics
from helium.kit.retry import backoff
from helium.platform import Platform
from helium.ports import ClaimedRun, Close

log = structlog.get_logger()
CLAIM_LIMIT = 500
# A claim whose answer was lost may land late, but not after the server has given up on it.
DOUBT_SECONDS = 60.0
# A drain waits this long for abandoned steps to be written down; without a database they never are.
HAND_OVER_SECONDS = 2.0
LOOK_AFTER_SECONDS = 0.05
UNBOUNDED_SECONDS = 1e8
StopReason = Literal["cancel", "lost", "refused", "drain", "slice_over"]


class Busy(Exception):
    """This worker can take nothing at the moment: no slot, a lease that is not fresh, or a drain."""


@dataclass(slots=True)
class Slot:
    """One run under execution, and why it was told to stop, if it was."""

    task: "asyncio.Task[None]"
    token: UUID
    reason: StopReason | None = None
    closed_as: Close | None = None
    """How its lease ended; None as long as it runs, and if it was lost."""

    def stop(self, reason: StopReason) -> None:
        if self.reason is None:
            self.reason = reason
            self.task.cancel()


class Worker:
    """Executes runs of one process under one lease."""

    def __init__(
        self,
        platform: Platform,
        writer: LogWriter,
        hub: EventHub,
        lease: Lease,
        options: EngineOptions,
        connection_errors: tuple[type[BaseException], ...],
    ) -> None:
        self._platform = platform
        self._writer = writer
        self._hub = hub
        self._lease = lease
        self._options = options
        self._connection_errors = connection_errors
        self._slots: dict[UUID, Slot] = {}
        self._group: asyncio.TaskGroup | None = None
        self._serving = asyncio.Event()
        self._asked: GroupCommit[tuple[UUID, float | None], Slot | None] = GroupCommit(
            self._take_these, limit=CLAIM_LIMIT
        )
        # What is claimed and not yet in a slot looks like what is to be disowned: one at a time.
        self._claiming = asyncio.Lock()
        self._bell = asyncio.Event()
        self._look_soon: asyncio.TimerHandle | None = None
        self._promote = False
        self._doubt_until = float("-inf")
        self._emptied = asyncio.Event()
        self.draining = False
        self.id = lease.worker_id
        self.on_change: Callable[[], None] = lambda: None

    def ring(self) -> None:
        """There may be work."""
        self._bell.set()

    def promote_soon(self) -> None:
        """A run ended that others of its thread wait for: the next look promotes them."""
        self._promote = True
        self._bell.set()

    def cancel(self, run_ids: Sequence[UUID]) -> None:
        """Stop these runs at once, if they are ours: a person asked for it."""
        for run_id in run_ids:
            slot = self._slots.get(run_id)
            if slot is not None:
                slot.stop("cancel")

    @property
    def active(self) -> int:
        return len(self._slots)

    async def serve(self) -> None:
        """Claim and execute until `drain`. Cancelling it abandons the runs (another takes over)."""
        async with asyncio.TaskGroup() as self._group:
            asked = self._group.create_task(self._asked.serve())
            self._serving.set()
            while not self.draining:
                if not await self._claim_by_itself():
                    await self._wait_for_bell()
            asked.cancel()

    async def take(self, run_id: UUID, seconds: float | None = None) -> Slot | None:
        """Execute this run now, as a queue delivered it: its slot, when the run has left it.

        The run is handed over at the first step boundary after half of `seconds`, and its step is
        abandoned shortly before they are over: its platform would end both. None if the run cannot be
        claimed. Raises `Busy`. Cancelling this does not stop the run.
        """
        await self._serving.wait()
        if self.draining:
            raise Busy
        slot = await self._asked.submit((run_id, seconds))
        if slot is not None:
            await asyncio.wait([slot.task])
        return slot

    async def drain(self, seconds: float) -> None:
        """Claim nothing more; bring every run to a step boundary, or abandon its step, in time (I9)."""
        self.draining = True
        self.on_change()
        self.ring()
        if await self._empty_within(seconds):
            return
        for slot in list(self._slots.values()):
            slot.stop("drain")
        if not await self._empty_within(HAND_OVER_SECONDS):
            log.warning("worker.not_handed_over", runs=len(self._slots))

    async def _empty_within(self, seconds: float) -> bool:
        try:
            async with asyncio.timeout(seconds):
                while self._slots:
                    self._emptied.clear()
                    await self._emptied.wait()
        except TimeoutError:
            return False
        return True

    async def _claim_by_itself(self) -> bool:
        """Take what is due. Whether there was any."""
        self._bell.clear()
        if not self._can_claim():
            return False
        failpoint("bell.before_ack")
        async with self._claiming:
            try:
                await self._tidy()
                claimed = await self._due()
            except self._connection_errors as error:
                log.warning("worker.claim_failed", error=type(error).__name__)
                self._doubt()
                return False
            for run in claimed:
                self._start(run)
        if claimed:
            failpoint("bell.after_ack")
            await self._leave_bells(claimed)
        return bool(claimed)

    async def _due(self) -> Sequence[ClaimedRun]:
        overdue, limit = self._options.claim_overdue_seconds, min(self._free_slots, CLAIM_LIMIT)
        if overdue is None:
            return ()
        return await self._platform.runs.claim(self.id, limit, overdue_seconds=overdue)

    async def _take_these(self, asked: Sequence[tuple[UUID, float | None]]) -> Sequence[Slot | None]:
        """Claim the runs that were delivered, many at once. Raises `Busy` and connection errors."""
        failpoint("bell.before_ack")
        seconds = dict(asked[: self._free_slots])
        async with self._claiming:
            if not self._can_claim():
                raise Busy
            try:
                await self._tidy()
                claimed = await self._platform.runs.claim_these(self.id, list(seconds))
            except self._connection_errors:
                self._doubt()
                raise
            slots = {run.lease.run_id: self._start(run, seconds[run.lease.run_id]) for run in claimed}
        await self._leave_bells(claimed)
        # Of two messages about one run the first has the slot, the second is told that there is none.
        return [slots.pop(run_id, None) for run_id, _ in asked]

    @property
    def _free_slots(self) -> int:
        return self._options.slots - len(self._slots)

    def _can_claim(self) -> bool:
        return self._free_slots > 0 and self._lease.fresh(self._platform.clock.monotonic())

    async def _tidy(self) -> None:
        """What is to be done before a claim: promote what waits behind a run that ended here, and
        give back what the database may hold for us without our knowing."""
        if self._promote:
            self._promote = False
            promoted = await self._platform.runs.promote(100)
            if self._options.queue_delivers and promoted:
                await self._platform.bell.ring(promoted)
        if self._platform.clock.monotonic() < self._doubt_until:
            await self._disown()

    async def _leave_bells(self, claimed: Sequence[ClaimedRun]) -> None:
        """Dead man's bells (A5): if this worker dies, somebody will look at these runs again."""
        if self._options.dead_man_bell and claimed:
            ids = [run.lease.run_id for run in claimed]
            await self._platform.bell.ring(ids, 2 * self._options.lease_ttl_seconds)

    def _doubt(self) -> None:
        """The database may hold runs for us that we do not execute: their lease would never expire."""
        self._doubt_until = self._platform.clock.monotonic() + DOUBT_SECONDS

    async def _disown(self) -> None:
        held = [slot.token for slot in self._slots.values()]
        lost = await self._platform.runs.disown(self._lease.worker_id, held)
        if lost:
            log.warning("worker.disowned", runs=len(lost))
            metrics.TAKEOVERS.of("disowned").add(len(lost))

    async def _wait_for_bell(self) -> None:
        try:
            async with asyncio.timeout(self._options.poll_seconds):
                await self._bell.wait()
        except TimeoutError:
            pass

    def _start(self, run: ClaimedRun, seconds: float | None = None) -> Slot:
        assert self._group is not None
        run_id = run.lease.run_id
        stale = self._slots.get(run_id)
        if stale is not None:
            stale.stop("lost")
        execution = self._execute(run, seconds)
        task = self._group.create_task(
            observed(run, self.id, self._platform.runs, self._connection_errors, execution)
        )
        slot = self._slots[run_id] = Slot(task, run.lease.token)
        self.on_change()
        metrics.CLAIM_SECONDS.of().observe(run.waited_seconds)
        task.add_done_callback(lambda _: self._free(run_id, slot))
        return slot

    def _free(self, run_id: UUID, slot: Slot) -> None:
        was_full = self._free_slots <= 0
        if self._slots.get(run_id) is slot:
            del self._slots[run_id]
            self.on_change()
        if was_full:
            self._bell.set()
        elif self._look_soon is None:
            # A workspace may have been at its bound. Looking after each end would cost a query each.
            loop = asyncio.get_running_loop()
            self._look_soon = loop.call_later(LOOK_AFTER_SECONDS, self._look)
        self._emptied.set()

    def _look(self) -> None:
        self._look_soon = None
        self._bell.set()

    async def _execute(self, run: ClaimedRun, seconds: float | None) -> Close | None:
        """One run from claim to the end of its lease, and how that ended. Nothing is raised: the log has
        the outcome."""
        run_id = run.lease.run_id
        pen = self._writer.open(run)
        slot = self._slots[run_id]
        pen.on_lost = lambda: slot.stop("lost")
        pen.on_refused = lambda: slot.stop("refused")
        started = RunStarted(attempt=run.row.attempt)
        self._hub.publish(
            run_id, [LoggedEvent(seq=pen.next_seq - 1, event=started, created_at=run.claimed_at)]
        )
        slice_end, hard_end = self._slice(seconds)
        timer = asyncio.get_running_loop().call_later(hard_end, slot.stop, "slice_over")
        deadline = self._platform.clock.monotonic() + slice_end

        def must_stop() -> str | None:
            if slot.reason is not None:
                raise asyncio.CancelledError  # told during a commit, which had to end first
            if self.draining:
                return "drain"
            if self._platform.clock.monotonic() >= deadline:
                return "slice_over"
            return None

        journal = Journal(run, pen, self._platform.clock, self._lease, must_stop)
        try:
            await self._outcome(journal, slot)
        except (LeaseLost, asyncio.CancelledError):
            log.info("run.lease_lost")
        except Exception:
            log.exception("run.abandoned")
        finally:
            timer.cancel()
            slot.closed_as = pen.closed_as
            if not pen.closed:
                self._doubt()
            self._writer.close(pen)
        return slot.closed_as

    async def _outcome(self, journal: Journal, slot: Slot) -> None:
        """Run the agent, and write down how it went in every case in which the lease is ours."""
        run = journal.run
        try:
            journal.open()
            if run.cancel_requested:
                await self._cancelled(journal)
            elif run.attempts_without_progress > self._options.max_attempts_without_progress:
                await journal.finish(failed("poison", POISON))
            else:
                await run_agent(journal, self._platform, self._options)
        except NeedsPerson as need:
            await journal.park(need.action)
        except HandOver as stop:
            await self._hand_over(journal, stop.reason)
        except ModelFailed as error:
            await journal.finish(failed(error.code, error.public))
        except StepMismatch as error:
            log.error("run.step_mismatch", exc_info=error)
            await journal.finish(failed("step_mismatch", MISMATCH))
        except asyncio.CancelledError:
            await self._stopped(journal, slot)
        except LeaseLost:
            raise
        except Exception:
            log.exception("run.error")
            await self._try_later(journal)

    async def _stopped(self, journal: Journal, slot: Slot) -> None:
        """The slot's task was cancelled: by a person, by a drain, by a deadline, or for a lost lease."""
        task = asyncio.current_task()
        assert task is not None
        if slot.reason in (None, "lost"):
            raise asyncio.CancelledError
        task.uncancel()
        if slot.reason == "cancel":
            await self._cancelled(journal)
        elif slot.reason == "refused":
            await self._try_later(journal)
        else:
            # A step that no slice can hold makes no progress, however often it is begun.
            await self._hand_over(journal, str(slot.reason), progress=slot.reason == "drain")

    async def _try_later(self, journal: Journal) -> None:
        """Something is wrong with us: again, after a while, a few times; then it counts as poison."""
        wait = backoff(journal.run.attempts_without_progress)
        await journal.hand_over("error", after_seconds=wait, progress=False)
        if self._options.queue_delivers:
            await self._platform.bell.ring([journal.run.lease.run_id], wait)

    async def _cancelled(self, journal: Journal) -> None:
        journal.pen.append(CancelRequested())
        await journal.finish(Ending(Close(status="cancelled"), _run_cancelled))

    async def _hand_over(self, journal: Journal, reason: str, *, progress: bool = True) -> None:
        await journal.hand_over(reason, progress=progress)
        await self._platform.bell.ring([journal.run.lease.run_id])

    def _slice(self, seconds: float | None) -> tuple[float, float]:
        """Seconds after which a run is handed over at its next step boundary, and after which its
        step is abandoned: the platform would soon kill us with it."""
        ends = [(self._options.slice_seconds, 1.0, 1.5), (seconds, 0.5, 0.95)]
        soft = [end * share for end, share, _ in ends if end is not None]
        hard = [end * share for end, _, share in ends if end is not None]
        return min(soft, default=UNBOUNDED_SECONDS), min(hard, default=UNBOUNDED_SECONDS)


def _run_cancelled(usage: Usage) -> FinalEvent:
    return RunCancelled(usage=usage)


POISON = "The run ended its worker several times without getting any further, so it was stopped."
MISMATCH = "The run was recorded by a different version of its program and cannot go on."
