"""A worker claims runs and executes them, each in a slot of its own, until it is told to drain."""

import asyncio
from collections.abc import Sequence
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
from helium.engine.journal import Ending, HandOver, Journal, NeedsPerson
from helium.engine.lease import Lease
from helium.engine.log_writer import LogWriter
from helium.engine.loop import failed, run_agent
from helium.engine.options import EngineOptions
from helium.engine.tail import EventHub
from helium.kit.failpoint import failpoint
from helium.kit.retry import backoff
from helium.platform import Platform
from helium.ports import ClaimedRun, Close

log = structlog.get_logger()
CLAIM_LIMIT = 500
# A claim whose answer was lost may land late, but not after the server has given up on it.
DOUBT_SECONDS = 60.0
# A drain waits this long for abandoned steps to be written down; without a database they never are.
HAND_OVER_SECONDS = 2.0
StopReason = Literal["cancel", "lost", "refused", "drain", "slice_over"]


@dataclass(slots=True)
class _Slot:
    """One run under execution, and why it was told to stop, if it was."""

    task: "asyncio.Task[None]"
    token: UUID
    reason: StopReason | None = None

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
        self._slots: dict[UUID, _Slot] = {}
        self._bell = asyncio.Event()
        self._promote = False
        self._doubt_until = float("-inf")
        self._emptied = asyncio.Event()
        self.draining = False
        self.id = lease.worker_id

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
        async with asyncio.TaskGroup() as group:
            while not self.draining:
                claimed = await self._claim()
                for run in claimed:
                    self._start(group, run)
                if not claimed:
                    await self._wait_for_bell()

    async def drain(self, seconds: float) -> None:
        """Claim nothing more; bring every run to a step boundary, or abandon its step, in time (I9)."""
        self.draining = True
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

    async def _claim(self) -> Sequence[ClaimedRun]:
        free = self._options.slots - len(self._slots)
        self._bell.clear()
        if free <= 0 or not self._lease.fresh(self._platform.clock.monotonic()):
            return ()
        failpoint("bell.before_ack")
        try:
            if self._promote:
                self._promote = False
                await self._platform.runs.promote(100)
            if self._platform.clock.monotonic() < self._doubt_until:
                await self._disown()
            claimed = await self._platform.runs.claim(self._lease.worker_id, min(free, CLAIM_LIMIT))
        except self._connection_errors as error:
            log.warning("worker.claim_failed", error=type(error).__name__)
            self._doubt()
            return ()
        if claimed:
            failpoint("bell.after_ack")
        return claimed

    def _doubt(self) -> None:
        """The database may hold runs for us that we do not execute: their lease would never expire."""
        self._doubt_until = self._platform.clock.monotonic() + DOUBT_SECONDS

    async def _disown(self) -> None:
        held = [slot.token for slot in self._slots.values()]
        lost = await self._platform.runs.disown(self._lease.worker_id, held)
        if lost:
            log.warning("worker.disowned", runs=len(lost))

    async def _wait_for_bell(self) -> None:
        try:
            async with asyncio.timeout(self._options.poll_seconds):
                await self._bell.wait()
        except TimeoutError:
            pass

    def _start(self, group: asyncio.TaskGroup, run: ClaimedRun) -> None:
        run_id = run.lease.run_id
        stale = self._slots.get(run_id)
        if stale is not None:
            stale.stop("lost")
        task = group.create_task(self._execute(run))
        slot = self._slots[run_id] = _Slot(task, run.lease.token)
        task.add_done_callback(lambda _: self._free(run_id, slot))

    def _free(self, run_id: UUID, slot: _Slot) -> None:
        if self._slots.get(run_id) is slot:
            del self._slots[run_id]
        self._bell.set()
        self._emptied.set()

    async def _execute(self, run: ClaimedRun) -> None:
        """One run from claim to the end of its lease. Nothing is raised: the log has the outcome."""
        run_id = run.lease.run_id
        pen = self._writer.open(run)
        slot = self._slots[run_id]
        pen.on_lost = lambda: slot.stop("lost")
        pen.on_refused = lambda: slot.stop("refused")
        started = RunStarted(attempt=run.row.attempt)
        self._hub.publish(
            run_id, [LoggedEvent(seq=pen.next_seq - 1, event=started, created_at=run.claimed_at)]
        )
        timer = self._slice_timer(slot)
        deadline = self._deadline()

        def must_stop() -> str | None:
            if slot.reason is not None:
                raise asyncio.CancelledError  # told during a commit, which had to end first
            if self.draining:
                return "drain"
            if deadline is not None and self._platform.clock.monotonic() >= deadline:
                return "slice_over"
            return None

        journal = Journal(run, pen, self._platform.clock, self._lease, must_stop)
        try:
            await self._outcome(journal, slot)
        except (LeaseLost, asyncio.CancelledError):
            log.info("run.lease_lost", run_id=str(run_id))
        except Exception:
            log.exception("run.abandoned", run_id=str(run_id))
        finally:
            if timer is not None:
                timer.cancel()
            if not pen.closed:
                self._doubt()
            self._writer.close(pen)

    async def _outcome(self, journal: Journal, slot: _Slot) -> None:
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
            log.error("run.step_mismatch", run_id=str(run.lease.run_id), error=str(error))
            await journal.finish(failed("step_mismatch", MISMATCH))
        except asyncio.CancelledError:
            await self._stopped(journal, slot)
        except LeaseLost:
            raise
        except Exception:
            log.exception("run.error", run_id=str(run.lease.run_id))
            await self._try_later(journal)

    async def _stopped(self, journal: Journal, slot: _Slot) -> None:
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

    async def _abandon(self, run: ClaimedRun) -> None:
        """The run could not even be handed over: give it back past the log writer."""
        try:
            await self._platform.runs.abandon(run.lease)
        except self._connection_errors as error:
            log.error("run.not_given_back", run_id=str(run.lease.run_id), error=repr(error))

    async def _cancelled(self, journal: Journal) -> None:
        journal.pen.append(CancelRequested())
        await journal.finish(Ending(Close(status="cancelled"), _run_cancelled))

    async def _hand_over(self, journal: Journal, reason: str, *, progress: bool = True) -> None:
        await journal.hand_over(reason, progress=progress)
        await self._platform.bell.ring([journal.run.lease.run_id])

    def _deadline(self) -> float | None:
        if self._options.slice_seconds is None:
            return None
        return self._platform.clock.monotonic() + self._options.slice_seconds

    def _slice_timer(self, slot: _Slot) -> asyncio.TimerHandle | None:
        """A step that reaches far over its slice is abandoned: the platform would kill us with it."""
        if self._options.slice_seconds is None:
            return None
        hard = self._options.slice_seconds * 1.5
        return asyncio.get_running_loop().call_later(hard, slot.stop, "slice_over")


def _run_cancelled(usage: Usage) -> FinalEvent:
    return RunCancelled(usage=usage)


POISON = "The run ended its worker several times without getting any further, so it was stopped."
MISMATCH = "The run was recorded by a different version of its program and cannot go on."
