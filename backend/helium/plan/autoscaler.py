"""The autoscaler, step by step over a day: instances, who waits for a start and how long, what it costs.

Whole requests, runs and streams only, first come, first served: what arrived was served, or waits.
"""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from helium.plan.assumptions import Cloud
from helium.plan.capacity import RoleCapacity
from helium.plan.profiles import MINUTES

STEP_SECONDS = 5
STEPS_PER_MINUTE = 60 // STEP_SECONDS


@dataclass(frozen=True, slots=True, kw_only=True)
class Scaler:
    """How fast a platform is: seconds until it sees a load, until an instance serves, until one goes."""

    react_seconds: float
    cold_start_seconds: float
    scale_in_seconds: float

    @property
    def scale_in_minutes(self) -> int:
        return math.ceil(self.scale_in_seconds / 60)


# Google: at once; an instance is up in seconds, and idle ones stay for up to 15 minutes. Amazon: a metric a
# minute, three of them; scale_in_cooldown after the 15 minutes that target tracking looks back.
SCALERS: dict[Cloud, Scaler] = {
    "gcp": Scaler(react_seconds=5, cold_start_seconds=15, scale_in_seconds=900),
    "aws": Scaler(react_seconds=180, cold_start_seconds=60, scale_in_seconds=1200),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Minute:
    """`late` were served in it after a wait. At its end: those that wait, serve and start."""

    arrived: int
    served: int
    late: int
    waiting: int
    instances: int
    starting: int


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedDay:
    """A day of one role. `waits` are (seconds, how many), of those that did not start at once."""

    minutes: tuple[Minute, ...]
    waits: tuple[tuple[float, int], ...]
    instance_seconds: int

    @property
    def arrived(self) -> int:
        return sum(minute.arrived for minute in self.minutes)

    @property
    def served(self) -> int:
        return sum(minute.served for minute in self.minutes)

    @property
    def waiting(self) -> int:
        return self.minutes[-1].waiting

    @property
    def late(self) -> int:
        """Those that waited for an instance: longer than 200 ms, as no start is that fast."""
        return sum(count for _, count in self.waits) + self.waiting

    @property
    def late_share(self) -> float:
        return self.late / self.arrived if self.arrived else 0.0

    @property
    def longest_wait_seconds(self) -> float:
        return max((seconds for seconds, _ in self.waits), default=0.0)

    @property
    def mean_wait_seconds(self) -> float:
        """Over all that were served, those that did not wait too."""
        return sum(seconds * count for seconds, count in self.waits) / max(1, self.served)

    @property
    def most_instances(self) -> int:
        return max(minute.instances + minute.starting for minute in self.minutes)


@dataclass(slots=True)
class _Queue:
    """Those that wait, by the step in which they came."""

    groups: deque[tuple[int, int]] = field(default_factory=lambda: deque[tuple[int, int]]())
    waiting: int = 0
    late: int = 0
    waits: dict[int, int] = field(default_factory=lambda: dict[int, int]())

    def add(self, step: int, count: int) -> None:
        if count:
            self.groups.append((step, count))
            self.waiting += count

    def take(self, step: int, room: int) -> int:
        """Start so many at most, the oldest first."""
        taken = 0
        while self.groups and taken < room:
            came, count = self.groups[0]
            now = min(count, room - taken)
            taken += now
            if step > came:
                self.waits[step - came] = self.waits.get(step - came, 0) + now
                self.late += now
            if now == count:
                self.groups.popleft()
            else:
                self.groups[0] = (came, count - now)
        self.waiting -= taken
        return taken


@dataclass(slots=True)
class _Fleet:
    """Instances that serve, and those that start. Slow to see a load, slower to forget it."""

    capacity: RoleCapacity
    scaler: Scaler
    serving: int
    starting: deque[tuple[int, int]] = field(default_factory=lambda: deque[tuple[int, int]]())
    coming: int = 0
    seen: deque[float] = field(default_factory=lambda: deque[float]())
    recent: deque[tuple[int, int]] = field(default_factory=lambda: deque[tuple[int, int]]())

    def step(self, step: int, held: float, busy_instances: int) -> None:
        while self.starting and self.starting[0][0] <= step:
            _, count = self.starting.popleft()
            self.serving += count
            self.coming -= count
        wanted = self.capacity.wanted(self._seen(held))
        if wanted > self.serving + self.coming:
            more = wanted - self.serving - self.coming
            self.starting.append((step + _steps(self.scaler.cold_start_seconds), more))
            self.coming += more
        least = max(self._recently(step, wanted), busy_instances)
        if not self.coming and least < self.serving:
            self.serving = least

    def _seen(self, held: float) -> float:
        """The load that the platform knows of: one of some time ago."""
        self.seen.append(held)
        if len(self.seen) > _steps(self.scaler.react_seconds):
            return self.seen.popleft()
        return self.seen[0]

    def _recently(self, step: int, wanted: int) -> int:
        """The most that was wanted while instances are kept."""
        while self.recent and self.recent[-1][1] <= wanted:
            self.recent.pop()
        self.recent.append((step, wanted))
        while self.recent[0][0] < step - _steps(self.scaler.scale_in_seconds):
            self.recent.popleft()
        return self.recent[0][1]


@dataclass(frozen=True, slots=True)
class _Step:
    """`late` is counted from the day's beginning."""

    arrived: int
    served: int
    late: int
    waiting: int
    serving: int
    coming: int


def simulate(capacity: RoleCapacity, scaler: Scaler) -> SimulatedDay:
    """A day that begins with the instances that its first minute needs."""
    arrivals = whole(capacity.load.arrivals)
    hold = max(1, _steps(capacity.load.hold_seconds))
    # Steps are longer than some stay: what is over within one leaves its place to others.
    per_held = capacity.load.hold_seconds / (hold * STEP_SECONDS)
    slots = max(1, math.floor(capacity.holds / per_held))
    first = capacity.wanted(capacity.load.held[0])
    fleet = _Fleet(capacity, scaler, serving=first, recent=deque([(0, first)]))
    queue, leaving, running = _Queue(), deque([0] * hold), 0
    steps: list[_Step] = []
    for step, arrived in enumerate(arrivals):
        running -= leaving.popleft()
        queue.add(step, arrived)
        fleet.step(step, (running + queue.waiting) * per_held, math.ceil(running / slots))
        started = queue.take(step, max(0, fleet.serving * slots - running))
        running += started
        leaving.append(started)
        steps.append(_Step(arrived, started, queue.late, queue.waiting, fleet.serving, fleet.coming))
    return SimulatedDay(
        minutes=tuple(_minutes(steps)),
        waits=tuple(sorted((waited * float(STEP_SECONDS), n) for waited, n in queue.waits.items())),
        instance_seconds=STEP_SECONDS * sum(each.serving + each.coming for each in steps),
    )


def whole(per_minute: Sequence[float]) -> list[int]:
    """Arrivals in each step as whole numbers, whose sum is never more than one away from the exact one."""
    arrivals: list[int] = []
    exact, given = 0.0, 0
    for minute in per_minute:
        for _ in range(STEPS_PER_MINUTE):
            exact += minute / STEPS_PER_MINUTE
            arrivals.append(math.floor(exact + 1e-6) - given)
            given += arrivals[-1]
    return arrivals


def _minutes(steps: Sequence[_Step]) -> Iterable[Minute]:
    late = 0
    for minute in range(MINUTES):
        within = steps[minute * STEPS_PER_MINUTE : (minute + 1) * STEPS_PER_MINUTE]
        end = within[-1]
        yield Minute(
            arrived=sum(each.arrived for each in within),
            served=sum(each.served for each in within),
            late=end.late - late,
            waiting=end.waiting,
            instances=end.serving,
            starting=end.coming,
        )
        late = end.late


def _steps(seconds: float) -> int:
    return math.ceil(seconds / STEP_SECONDS)
