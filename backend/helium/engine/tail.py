"""Watching runs: one hub per process for all its viewers. Readers only read (I6).

Committed events reach a viewer in one of two ways, told apart by nothing but their numbers: the log
writer of this process hands them over, or the log is read. A viewer accepts only the next number;
whatever does not fit sends it back to the log, so no order of arrival can lose or repeat an event.
"""

import asyncio
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog

from helium.core.events import FINAL_EVENTS, LoggedEvent
from helium.kit.clock import Clock
from helium.ports import RunStore

PAGE = 500
TICK_SECONDS = 0.5
# A client that takes nothing for this long is gone, or as good as gone.
SEND_TIMEOUT_SECONDS = 30.0
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Sending:
    """A write to a socket that began at a time and may never end."""

    task: "asyncio.Task[object]"
    since: float


class Viewer:
    """One reader of one run, at a cursor. `next` gives what came after it, in order."""

    def __init__(self, hub: "EventHub", run_id: UUID, after: int, *, from_log: bool) -> None:
        self.run_id = run_id
        self.tail = after
        """The last number that is buffered or delivered."""
        self._hub = hub
        self._buffer: deque[LoggedEvent] = deque()
        self._behind = from_log
        self._waiter: asyncio.Future[None] | None = None
        self._wake_at = 0.0
        self.sending: Sending | None = None
        """The write to this viewer's socket that is under way, if one is."""

    async def next(self, timeout: float) -> Sequence[LoggedEvent]:
        """The next events, at least one; or none after about `timeout` seconds of silence."""
        if not self._buffer and not self._behind:
            await self._wait(timeout)
        if not self._buffer and self._behind:
            await self._catch_up()
        events = tuple(self._buffer)
        self._buffer.clear()
        return events

    def offer(self, events: Sequence[LoggedEvent]) -> None:
        """Take what follows the tail. A gap, or a reader too slow for its buffer, means: read the log."""
        for event in events:
            if event.seq <= self.tail:
                continue
            if event.seq > self.tail + 1 or len(self._buffer) >= self._hub.buffer_events:
                self._behind = True
                break
            self._buffer.append(event)
            self.tail = event.seq
        self.wake()

    def wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    @property
    def idle(self) -> bool:
        return not self._buffer and not self._behind

    async def _catch_up(self) -> None:
        # Cleared before the read: what is published meanwhile leaves a gap and sets it again.
        self._behind = False
        page = (await self._hub.store.read({self.run_id: self.tail}, PAGE)).get(self.run_id, ())
        self.offer(page)
        if len(page) == PAGE:
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
        if self.sending is not None and now - self.sending.since > SEND_TIMEOUT_SECONDS:
            self.sending.task.cancel()


class EventHub:
    """All viewers of one process, and the one reader that serves them."""

    def __init__(self, store: RunStore, clock: Clock, *, poll_seconds: float, buffer_events: int) -> None:
        self.store = store
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
        """Hand committed events to the run's viewers. Never waits, never fails."""
        for viewer in self._viewers.get(run_id, ()):
            viewer.offer(events)

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
        """Poll the log, in one query per tick, for the runs that other processes write."""
        while True:
            if not self._viewers:
                self._arrived.clear()
                await self._arrived.wait()
            await self._clock.sleep(self._poll_seconds)
            self._tick()
            cursors = self._remote_cursors()
            if not cursors:
                continue
            try:
                found = await self.store.read(cursors, PAGE)
            except connection_errors as error:
                log.warning("tail.read_failed", error=type(error).__name__)
                continue
            for run_id, events in found.items():
                self.publish(run_id, events)

    def _tick(self) -> None:
        now = self.now()
        if now - self._ticked_at >= TICK_SECONDS:
            self._ticked_at = now
            for viewers in self._viewers.values():
                for viewer in viewers:
                    viewer.tick(now)

    def _remote_cursors(self) -> dict[UUID, int]:
        cursors: dict[UUID, int] = {}
        for run_id, viewers in self._viewers.items():
            if not self._is_local(run_id):
                tails = [viewer.tail for viewer in viewers if viewer.idle]
                if tails:
                    cursors[run_id] = min(tails)
        return cursors


def is_final(events: Sequence[LoggedEvent]) -> bool:
    """Whether the run ends with these events: nothing follows its final one."""
    return bool(events) and isinstance(events[-1].event, FINAL_EVENTS)
