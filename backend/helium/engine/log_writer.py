"""The one writer of a process: gathers what its runs have to say and commits it in groups.

While one commit is under way the next gathers, so the commit is the clock. Only what is committed
is published (I4). A write is retried until the database answers; it cannot land twice, because it
carries the number that its first event must get.
"""

import asyncio
from collections.abc import Callable, Sequence
from uuid import UUID

import structlog

from helium.core.errors import LeaseLost
from helium.core.events import Event, LoggedEvent
from helium.engine.tail import EventHub
from helium.kit.clock import Clock
from helium.kit.ids import to_wire
from helium.kit.metrics import instruments as metrics
from helium.kit.retry import backoff
from helium.ports import ClaimedRun, Close, Committed, EffectRow, Lease, RunStore, StepRecord, Write

log = structlog.get_logger()
# A run whose commits lag behind this far waits for them before it says more (I10).
MAX_PENDING_EVENTS = 512
# What can wait for the run's next words waits this long at most, longer where many runs are open.
LEAST_QUIET_SECONDS = 0.05
MOST_QUIET_SECONDS = 0.25
QUIET_SECONDS_PER_RUN = 0.00025


class Pen:
    """The right to write to one run's log, as its execution holds it.

    Events appear in the log in the order in which they were given. When the lease is lost, `on_lost`
    is called once and every write from then on raises `LeaseLost`.
    """

    def __init__(self, writer: "LogWriter", claimed: ClaimedRun) -> None:
        self.lease: Lease = claimed.lease
        self.next_seq = claimed.next_seq
        self.lost = False
        self.closed_as: Close | None = None
        """How the lease ended, once that is durable."""
        self.on_lost: Callable[[], None] = lambda: None
        self.on_refused: Callable[[], None] = lambda: None
        """Called when something that was said cannot be stored; the lease is still ours."""
        self._writer = writer
        self._events: list[Event] = []
        self._waiter: asyncio.Future[Committed] | None = None

    @property
    def closed(self) -> bool:
        return self.closed_as is not None

    def append(self, *events: Event) -> None:
        """Say something soon: it is committed with the next group, and shown then."""
        self._add(events)
        self._writer.wake(self)

    def mention(self, event: Event) -> None:
        """Say something that can wait for what follows it, for some hundredths of a second at most."""
        self._add((event,))
        self._writer.wake_later(self)

    def _add(self, events: Sequence[Event]) -> None:
        if self.lost or self.closed:
            raise LeaseLost(f"the lease of run {self.lease.run_id} is lost")
        self._events.extend(events)

    async def commit(
        self,
        *events: Event,
        step: StepRecord | None = None,
        intent: EffectRow | None = None,
        effect_done: str | None = None,
        close: Close | None = None,
    ) -> Committed:
        """Say something, and return when it is durable. Raises `LeaseLost`."""
        self.append(*events)
        self._step, self._intent, self._effect_done = step, intent, effect_done
        self._close = close
        return await self._committed()

    async def room(self) -> None:
        """Wait while the database is too far behind this run."""
        if len(self._events) > MAX_PENDING_EVENTS:
            await self._committed()

    async def _committed(self) -> Committed:
        if self._waiter is None:
            self._waiter = asyncio.get_running_loop().create_future()
        self._writer.wake(self)
        return await _outcome(self._waiter)

    _step: StepRecord | None = None
    _intent: EffectRow | None = None
    _effect_done: str | None = None
    _close: Close | None = None

    def take(self) -> "tuple[Write, asyncio.Future[Committed] | None]":
        """What is to be written now; from here on new events go to the next write."""
        write = Write(
            lease=self.lease,
            first_seq=self.next_seq,
            events=tuple(self._events),
            step=self._step,
            intent=self._intent,
            effect_done=self._effect_done,
            close=self._close,
        )
        waiter = self._waiter
        self._events.clear()
        self._step = self._intent = self._effect_done = self._close = self._waiter = None
        return write, waiter

    def revoke(self, error: Exception) -> None:
        """The lease is lost: whoever holds this pen stops."""
        if self.lost:
            return
        self.lost = True
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_exception(error)
            self._waiter.exception()  # looked at, in case nobody waits any more
        self.on_lost()

    def abandon(self) -> None:
        """Nobody commits any more: the process ends."""
        self.lost = True
        if self._waiter is not None:
            self._waiter.cancel()


Batch = list[tuple[Pen, Write, "asyncio.Future[Committed] | None"]]


async def _outcome(waiter: "asyncio.Future[Committed]") -> Committed:
    """What became of a commit. A cancellation waits until that is known, and comes right after."""
    task = asyncio.current_task()
    assert task is not None
    cancelled = False
    while not waiter.done():
        try:
            await asyncio.shield(waiter)
        except asyncio.CancelledError:
            if waiter.cancelled():
                raise
            cancelled = True
            task.uncancel()
    if cancelled:
        task.cancel()
    return waiter.result()


def _refuse(pen: Pen, waiter: "asyncio.Future[Committed] | None", error: Exception) -> None:
    """Tell the run: whoever waits for this write learns why, else its execution is stopped."""
    if waiter is not None and not waiter.done():
        waiter.set_exception(error)
        waiter.exception()  # looked at, in case nobody waits any more
    if isinstance(error, LeaseLost):
        pen.revoke(error)
    elif waiter is None:
        pen.on_refused()


class LogWriter:
    """Commits the pending events of all runs of this process, one group after the other."""

    def __init__(
        self,
        store: RunStore,
        hub: EventHub,
        clock: Clock,
        connection_errors: tuple[type[BaseException], ...],
    ) -> None:
        self._store = store
        self._hub = hub
        self._clock = clock
        self._connection_errors = connection_errors
        self._pens: dict[UUID, Pen] = {}
        self._dirty: dict[UUID, Pen] = {}
        self._quiet: dict[UUID, Pen] = {}
        self._quiet_timer: asyncio.TimerHandle | None = None
        self._wake = asyncio.Event()
        self.on_successor: Callable[[], None] = lambda: None

    def open(self, claimed: ClaimedRun) -> Pen:
        """A pen for a run that was just claimed. Its `run.started` is published here."""
        pen = Pen(self, claimed)
        self._pens[claimed.lease.run_id] = pen
        return pen

    def close(self, pen: Pen) -> None:
        run_id = pen.lease.run_id
        if self._pens.get(run_id) is pen:
            del self._pens[run_id]
            self._dirty.pop(run_id, None)
            self._quiet.pop(run_id, None)

    def holds(self, run_id: UUID) -> bool:
        return run_id in self._pens

    def wake(self, pen: Pen) -> None:
        self._dirty[pen.lease.run_id] = pen
        self._wake.set()

    def wake_later(self, pen: Pen) -> None:
        """Commit what this pen holds with what it says next, or after a short while."""
        self._quiet[pen.lease.run_id] = pen
        if self._quiet_timer is None:
            seconds = min(MOST_QUIET_SECONDS, len(self._pens) * QUIET_SECONDS_PER_RUN)
            loop = asyncio.get_running_loop()
            self._quiet_timer = loop.call_later(max(LEAST_QUIET_SECONDS, seconds), self._wake_quiet)

    def _wake_quiet(self) -> None:
        self._quiet_timer = None
        self._dirty |= self._quiet
        self._quiet.clear()
        self._wake.set()

    async def serve(self) -> None:
        """Commit until cancelled. Who waits for a commit then is cancelled too: nobody will answer."""
        batch: Batch = []
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                batch = self._take()
                await self._commit(batch)
        finally:
            if self._quiet_timer is not None:
                self._quiet_timer.cancel()
            for _, _, waiter in batch:
                if waiter is not None:
                    waiter.cancel()
            for pen in self._pens.values():
                pen.abandon()

    def _take(self) -> Batch:
        dirty, self._dirty = self._dirty, {}
        for run_id in dirty:
            self._quiet.pop(run_id, None)
        return [(pen, *pen.take()) for pen in dirty.values()]

    async def _commit(self, batch: "Batch") -> None:
        since = self._clock.monotonic()
        results = await self._stored([write for _, write, _ in batch])
        metrics.COMMIT_SECONDS.of().observe(self._clock.monotonic() - since)
        for (pen, write, waiter), result in zip(batch, results, strict=True):
            if isinstance(result, Committed):
                self._landed(pen, write, result)
                if waiter is not None and not waiter.done():
                    waiter.set_result(result)
            else:
                wire_id = to_wire("run", write.lease.run_id)
                log.warning("run.write_refused", run_id=wire_id, error=type(result).__name__)
                _refuse(pen, waiter, result)

    def _landed(self, pen: Pen, write: Write, result: Committed) -> None:
        pen.next_seq = write.first_seq + len(write.events)
        pen.closed_as = write.close
        self._hub.publish(
            write.lease.run_id,
            [
                LoggedEvent(seq=seq, event=event, created_at=result.created_at)
                for seq, event in enumerate(write.events, write.first_seq)
            ],
        )
        if result.successor:
            self.on_successor()

    async def _stored(self, writes: Sequence[Write]) -> Sequence[Committed | Exception]:
        """Commit, however long the database is away. The caller's runs wait; nothing is lost."""
        attempt = 0
        while True:
            try:
                return await self._store.commit(writes)
            except self._connection_errors as error:
                attempt += 1
                log.warning("log.commit_failed", error=type(error).__name__, attempt=attempt)
                metrics.COMMIT_FAILURES.of().add()
                await self._clock.sleep(backoff(attempt, base=0.05, cap=1.0))
            except Exception as error:
                log.exception("log.commit_broken")
                return [error] * len(writes)
