"""A queue of Cloud Tasks as Google documents it: rates, retries, deadlines, names."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from google.cloud.tasks_v2 import Queue, RetryConfig
from google.cloud.tasks_v2 import Task as HttpTask

from helium.kit.clock import SystemClock

clock = SystemClock()
PAUSED = Queue.State.PAUSED
LEAST_SHARE = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Behaviour:
    """What Google does not document exactly, or what tests cannot wait for."""

    burst: int | None = None
    """Dispatches without a pause; None: as many as the rate has in a second, as Google says."""
    throttles: bool = False
    """429 and 503 lower the rate of the whole queue, success raises it again."""
    considers_retry_after: bool = True
    name_seconds: float = 3600.0
    """For how long a name cannot be used again after its task is gone."""
    least_deadline_seconds: float = 15.0


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a dispatch ended; no status: nobody answered in time."""

    status: int | None = None
    retry_after: float = 0.0

    @property
    def success(self) -> bool:
        return self.status is not None and 200 <= self.status < 300


@dataclass(eq=False, kw_only=True)
class Entry:
    """One task in the queue."""

    task: HttpTask
    due: float
    """Unix time."""
    retries: int = 0
    answered: int = 0
    """Responses that were no 5xx."""
    previous: int | None = None
    first_at: float | None = None
    dispatched_at: list[float] = field(default_factory=list[float])
    running: bool = False


def seconds_of(duration: object) -> float:
    """A proto duration as proto-plus hands it out; 0 if it is not set."""
    return duration.total_seconds() if hasattr(duration, "total_seconds") else 0.0  # pyright: ignore


def backoff_seconds(config: RetryConfig, failures: int) -> float:
    """The pause after the n-th failure: doubling, then linear, then constant.

    As documented: 10 s, 300 s and 3 doublings give 10, 20, 40, 80, 160, 240, 300, 300, …
    (The real service cuts both bounds to whole seconds; tests have no time for that.)
    """
    least, most = seconds_of(config.min_backoff), seconds_of(config.max_backoff)
    doublings = config.max_doublings
    if failures <= doublings + 1:
        return min(most, least * 2 ** (failures - 1))
    return min(most, least * 2**doublings * (failures - doublings))


def is_given_up(config: RetryConfig, attempts: int, age: float) -> bool:
    """Whether both limits are reached; a limit that is not set never forbids the other's end."""
    limit = seconds_of(config.max_retry_duration)
    if config.max_attempts == -1:
        return limit > 0 and age >= limit
    return attempts >= config.max_attempts and age >= limit


class FakeQueue:
    """Dispatches its tasks with `dispatch` while `serve` runs."""

    def __init__(
        self, config: Queue, behaviour: Behaviour, dispatch: Callable[[Entry], Awaitable[Outcome]]
    ) -> None:
        self.config = config
        self.behaviour = behaviour
        self.entries: dict[str, Entry] = {}
        self.dropped: list[Entry] = []
        """Tasks that were given up after their last attempt."""
        self.done: list[Entry] = []
        self.share = 1.0
        """Of the rate, what throttling leaves."""
        self.least_share = 1.0
        self._dispatch = dispatch
        self._gone: dict[str, float] = {}
        self._changed = asyncio.Event()
        self._tokens = float(self.burst)
        self._counted_at = clock.monotonic()
        self._running: set[asyncio.Task[None]] = set()

    @property
    def rate(self) -> float:
        return self.config.rate_limits.max_dispatches_per_second * self.share

    @property
    def burst(self) -> int:
        return self.behaviour.burst or max(1, int(self.config.rate_limits.max_dispatches_per_second))

    def knows(self, name: str) -> bool:
        return name in self.entries or clock.monotonic() < self._gone.get(name, 0.0)

    def add(self, task: HttpTask, due: float) -> None:
        self.entries[task.name] = Entry(task=task, due=due)
        self._changed.set()

    def remove(self, name: str) -> bool:
        """Take a task out. Its name stays blocked for a while."""
        self._gone[name] = clock.monotonic() + self.behaviour.name_seconds
        return self.entries.pop(name, None) is not None

    def set_state(self, state: Queue.State) -> None:
        self.config.state = state
        self._changed.set()

    async def serve(self) -> None:
        try:
            while True:
                self._changed.clear()
                wait = self._dispatch_due()
                try:
                    async with asyncio.timeout(wait):
                        await self._changed.wait()
                except TimeoutError:
                    pass
        finally:
            for running in self._running:
                running.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)

    def _dispatch_due(self) -> float | None:
        """Start what may start now. Seconds until more may; None: not before something changes."""
        while self.config.state != PAUSED:
            if len(self._running) >= self.config.rate_limits.max_concurrent_dispatches:
                return None
            waiting = [entry for entry in self.entries.values() if not entry.running]
            if not waiting:
                return None
            entry = min(waiting, key=lambda entry: entry.due)
            wait = max(entry.due - clock.time(), self._token_wait())
            if wait > 0:
                return wait
            self._tokens -= 1
            self._start(entry)
        return None

    def _token_wait(self) -> float:
        now = clock.monotonic()
        self._tokens = min(float(self.burst), self._tokens + (now - self._counted_at) * self.rate)
        self._counted_at = now
        return max(0.0, (1 - self._tokens) / self.rate)

    def _start(self, entry: Entry) -> None:
        entry.running = True
        entry.first_at = entry.first_at or clock.monotonic()
        entry.dispatched_at.append(clock.monotonic())
        running = asyncio.create_task(self._attempt(entry))
        self._running.add(running)
        running.add_done_callback(self._ended)

    def _ended(self, running: asyncio.Task[None]) -> None:
        self._running.discard(running)
        self._changed.set()
        if not running.cancelled():
            running.result()

    async def _attempt(self, entry: Entry) -> None:
        outcome = await self._dispatch(entry)
        entry.running = False
        self._throttle(outcome)
        if outcome.success:
            self.done.append(entry)
            self.remove(entry.task.name)
        else:
            self._retry(entry, outcome)

    def _retry(self, entry: Entry, outcome: Outcome) -> None:
        config = self.config.retry_config
        entry.retries += 1
        entry.previous = outcome.status
        entry.answered += outcome.status is not None and outcome.status < 500
        age = clock.monotonic() - (entry.first_at or 0.0)
        if is_given_up(config, entry.retries, age):
            if self.remove(entry.task.name):
                self.dropped.append(entry)
            return
        wait = backoff_seconds(config, entry.retries)
        if self.behaviour.considers_retry_after:
            wait = max(wait, outcome.retry_after)
        entry.due = clock.time() + wait

    def _throttle(self, outcome: Outcome) -> None:
        if self.behaviour.throttles:
            factor = 0.5 if outcome.status in (429, 503) else 1.2 if outcome.success else 1.0
            self.share = min(1.0, max(LEAST_SHARE, self.share * factor))
            self.least_share = min(self.least_share, self.share)
