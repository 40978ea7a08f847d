"""Watching runs: one hub per process for all its viewers. Readers only read (I6).

Committed events reach a viewer in one of two ways, told apart by nothing but their numbers: the log
writer of this process hands them over, or the log is read. A viewer accepts only the next number;
whatever does not fit sends it back to the log, so no order of arrival can lose or repeat an event.
"""

import asyncio
from collections import defaultdict
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from uuid import UUID

import structlog

from helium.core.events import (
    FINAL_EVENTS,
    LoggedEvent,
    RunQueued,
    RunStarted,
    StepStarted,
    encode_event,
)
from helium.kit.clock import Clock
from helium.ports import Bus, RunStore

PAGE = 500
# What one viewer may have waiting for it in this process. The log gives no more at once either.
MAX_BYTES = 64 * 1024
# Pages that are read at once for viewers that are behind: a crowd of them is not to hold up who is not.
CATCHING_UP = 4
# So few are not weighed: whoever keeps up never has more.
FEW_EVENTS = 4
TICK_SECONDS = 0.1
# How long a lost bell can hide an event (F7 asks for a second at most).
SLOW_POLL_SECONDS = 0.5
# A client that takes nothing for this long is gone, or as good as gone.
SEND_TIMEOUT_SECONDS = 30.0
# They say that a run comes along, and nothing of what it says. In a crowd each viewer hears them with
# what follows, or after a while: 1,000 who come at once would else be written to 2,000 times more
# before the first of them gets a token.
QUIET_EVENTS = (RunQueued, RunStarted, StepStarted)
PATIENCE_PER_VIEWER = 0.00025
LEAST_PATIENCE = 0.005
MOST_PATIENCE = 0.25
log = structlog.get_logger()


class Viewer:
    """One reader of one run, at a cursor. `next` gives what came after it, in order."""

    __slots__ = (
        "_behind",
        "_buffer",
        "_bytes",
        "_hub",
        "_pressing",
        "_waiter",
        "_wake_at",
        "run_id",
        "sender",
        "sending_since",
        "tail",
    )

    def __init__(self, hub: "EventHub", run_id: UUID, after: int, *, from_log: bool) -> None:
        self.run_id = run_id
        self.tail = after
        """The last number that is buffered or delivered."""
        self._hub = hub
        self._buffer: list[LoggedEvent] = []
        self._bytes = 0
        """About what is buffered beyond the first few events."""
        self._behind = from_log
        self._pressing = False
        """Something is buffered that is not to wait for more."""
        self._waiter: asyncio.Future[None] | None = None
        self._wake_at = 0.0
        self.sender: asyncio.Task[object] | None = None
        """The task that writes to this viewer's socket."""
        self.sending_since: float | None = None
        """When the write that is under way began; it may never end."""

    async def next(self, timeout: float) -> Sequence[LoggedEvent]:
        """The next events, at least one; or none after about `timeout` seconds of silence."""
        if not self._pressing and not self._behind:
            await self._wait(self._hub.patience if self._buffer else timeout)
        if not self._buffer and self._behind:
            await self._catch_up()
        events = tuple(self._buffer)
        self._buffer.clear()
        self._bytes = 0
        self._pressing = False
        return events

    def offer(self, events: Sequence[LoggedEvent]) -> None:
        """Take what follows the tail. A gap, or a reader too slow for its buffer, means: read the log."""
        for event in events:
            if event.seq <= self.tail:
                continue
            if event.seq > self.tail + 1 or self._is_full:
                self._behind = True
                break
            self._buffer.append(event)
            if len(self._buffer) > FEW_EVENTS:
                self._bytes += weight((event,))
            self.tail = event.seq
            self._pressing = self._pressing or not isinstance(event.event, QUIET_EVENTS)
        patience = self._hub.patience
        if self._pressing or self._behind or patience < LEAST_PATIENCE:
            self._pressing = bool(self._buffer)
            self.wake()
        else:
            self._wake_at = min(self._wake_at, self._hub.now() + patience)

    @property
    def _is_full(self) -> bool:
        return len(self._buffer) >= self._hub.buffer_events or self._bytes >= MAX_BYTES

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def keeps_up(self) -> bool:
        """Whether it takes new events as they come; one that is behind reads the log by itself."""
        return not self._behind

    async def _catch_up(self) -> None:
        # Cleared before the read: what is published meanwhile leaves a gap and sets it again.
        self._behind = False
        async with self._hub.catching_up:
            page = (await self._hub.store.read({self.run_id: self.tail}, PAGE)).get(self.run_id, ())
            self.offer(page)
        if is_cut(page):
            self._behind = True

    async def _wait(self, timeout: float) -> None:
        self._wake_at = self._hub.now() + timeout
        self._waiter = asyncio.get_running_loop().create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def tick(self, now: float) -> None:
        """Called now and then by the hub: a timer for each wait of each viewer would cost more."""
        if self._waiter is not None and now >= self._wake_at:
            self.wake()
        if self.stalled(now) and self.sender is not None:
            self.sender.cancel()

    def stalled(self, now: float) -> bool:
        """Whether its socket has taken nothing for so long that nobody can be there."""
        return self.sending_since is not None and now - self.sending_since > SEND_TIMEOUT_SECONDS


class EventHub:
    """All viewers of one process, and the one reader that serves them."""

    def __init__(
        self,
        store: RunStore,
        clock: Clock,
        *,
        poll_seconds: float,
        buffer_events: int,
        bus: Bus | None = None,
    ) -> None:
        self.store = store
        self._bus = bus
        self._heard: set[UUID] = set()
        self._look = asyncio.Event()
        """Set when the log is to be read: a bell rang, or the time has come."""
        self._look_at_all = False
        self._looked_at = float("-inf")
        if bus is not None:
            bus.listen("events", self.hear)
        self.catching_up = asyncio.Semaphore(CATCHING_UP)
        self.buffer_events = buffer_events
        self._clock = clock
        self._poll_seconds = poll_seconds
        self._viewers: defaultdict[UUID, list[Viewer]] = defaultdict(list)
        self._is_local: Callable[[UUID], bool] = lambda run_id: False
        self._arrived = asyncio.Event()
        self._ticked_at = float("-inf")
        self.closing = asyncio.Event()
        """Set when the process drains: viewers are told to come back, elsewhere."""

    def local_runs(self, is_local: Callable[[UUID], bool]) -> None:
        """Whose events this process's own writer publishes: those are not polled for."""
        self._is_local = is_local

    @contextmanager
    def follow(self, run_id: UUID, after: int, *, from_log: bool = True) -> Generator[Viewer]:
        """Watch a run from a cursor. Subscribed first, then read: nothing falls between.

        `from_log=False` is for a run that is about to be started by this very request.
        """
        viewer = Viewer(self, run_id, after, from_log=from_log)
        self._viewers[run_id].append(viewer)
        self._arrived.set()
        try:
            yield viewer
        finally:
            self._viewers[run_id].remove(viewer)
            if not self._viewers[run_id]:
                del self._viewers[run_id]

    def now(self) -> float:
        return self._clock.monotonic()

    def publish(self, run_id: UUID, events: Sequence[LoggedEvent]) -> None:
        """Hand events that this process committed to the run's viewers, here and elsewhere. Never
        waits, never fails."""
        self._offer(run_id, events)
        if self._bus is not None:
            self._bus.publish("events", (run_id,))

    def announce(self, run_ids: Sequence[UUID]) -> None:
        """Events were committed past this process's log writer: let viewers here and elsewhere look."""
        self.hear(run_ids)
        if self._bus is not None:
            self._bus.publish("events", run_ids)

    def hear(self, run_ids: Sequence[UUID]) -> None:
        """Another process committed to these runs' logs; to any, if none is named."""
        if not run_ids:
            self._look_at_all = True
        self._heard.update(run_id for run_id in run_ids if run_id in self._viewers)
        if self._heard or self._look_at_all:
            self._look.set()

    def _offer(self, run_id: UUID, events: Sequence[LoggedEvent]) -> None:
        for viewer in self._viewers.get(run_id, ()):
            viewer.offer(events)

    @property
    def patience(self) -> float:
        """Seconds for which quiet events wait for something to go with."""
        return min(MOST_PATIENCE, len(self._viewers) * PATIENCE_PER_VIEWER)

    @property
    def viewers(self) -> int:
        return sum(len(viewers) for viewers in self._viewers.values())

    def close(self) -> None:
        """Tell every viewer that this process goes away."""
        self.closing.set()
        for viewers in self._viewers.values():
            for viewer in viewers:
                viewer.wake()

    async def serve(self, connection_errors: tuple[type[BaseException], ...]) -> None:
        """Read the log for the runs that other processes write: when a bell rings, and now and then.

        One query serves all viewers. While it is under way the next bells gather, so that the reading
        is its own clock.
        """
        async with asyncio.TaskGroup() as group:
            group.create_task(self._look_now_and_then())
            while True:
                await self._look.wait()
                self._look.clear()
                cursors = self._remote_cursors()
                if not cursors:
                    continue
                try:
                    found = await self.store.read(cursors, PAGE)
                except connection_errors as error:
                    log.warning("tail.read_failed", error=type(error).__name__)
                    continue
                for run_id, events in found.items():
                    self._offer(run_id, events)
                    if is_cut(events):
                        self.hear((run_id,))

    async def _look_now_and_then(self) -> None:
        """A bell may be lost, and without a bus none rings: then the looks are all there is."""
        while True:
            if not self._viewers:
                self._arrived.clear()
                await self._arrived.wait()
            await self._clock.sleep(self._poll_seconds)
            rung = self._bus is not None and self._bus.healthy
            if not rung or self.now() - self._looked_at >= SLOW_POLL_SECONDS:
                self._looked_at = self.now()
                self._look_at_all = True
                self._look.set()
            self._tick()

    def _tick(self) -> None:
        now = self.now()
        if now - self._ticked_at >= TICK_SECONDS:
            self._ticked_at = now
            for viewers in self._viewers.values():
                for viewer in viewers:
                    viewer.tick(now)

    def _remote_cursors(self) -> dict[UUID, int]:
        """Where the viewers of the runs to be looked at stand."""
        heard, self._heard = self._heard, set()
        everything, self._look_at_all = self._look_at_all, False
        cursors: dict[UUID, int] = {}
        for run_id in list(self._viewers) if everything else heard:
            if not self._is_local(run_id):
                tails = [viewer.tail for viewer in self._viewers.get(run_id, ()) if viewer.keeps_up]
                if tails:
                    cursors[run_id] = min(tails)
        return cursors


def weight(events: Sequence[LoggedEvent]) -> int:
    """Bytes of these events in the log."""
    return sum(len(encode_event(logged.event)) for logged in events)


def is_cut(page: Sequence[LoggedEvent]) -> bool:
    """Whether a page of the log ends because it is full, so that there may be more."""
    return len(page) == PAGE or (len(page) > 0 and weight(page) >= MAX_BYTES)


def is_final(events: Sequence[LoggedEvent]) -> bool:
    """Whether the run ends with these events: nothing follows its final one."""
    return bool(events) and isinstance(events[-1].event, FINAL_EVENTS)
