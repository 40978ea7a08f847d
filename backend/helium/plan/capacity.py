"""How much one instance of a role holds and why, and how many instances a load needs, by minute."""

import math
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal

from helium.plan.assumptions import Assumptions, Cloud
from helium.plan.demand import Demand
from helium.plan.measured import Measured
from helium.plan.sizes import ROLES, Role, Size, Stack

Limit = Literal["sizes.tf", "CPU", "memory"]
# How full instances are when another one is asked for: Cloud Run's default, and scaling.tf's.
TARGETS: dict[Cloud, float] = {"gcp": 0.6, "aws": 0.7}
SPARE = 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleLoad:
    """What one role has to hold: arrivals in each minute, how long they stay, how many are there."""

    unit: str
    arrivals: tuple[float, ...]
    hold_seconds: float
    held: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class RoleCapacity:
    """What one instance holds at most, how much each limit aims at, and the least of those: the target."""

    role: Role
    size: Size
    load: RoleLoad
    aims: dict[Limit, float]
    target: float
    holds: float

    @property
    def limited_by(self) -> Limit:
        return min(self.aims, key=lambda limit: self.aims[limit])

    def wanted(self, held: float) -> int:
        """Instances for so many at once, between the role's least and most."""
        return min(self.size.max, max(self.size.min, math.ceil(held / self.target - SPARE)))

    @property
    def peak_instances(self) -> int:
        return self.wanted(max(self.load.held))

    @property
    def short(self) -> bool:
        """Whether the most instances together cannot hold the busiest minute."""
        return max(self.load.held) > self.size.max * self.holds


def loads_of(demand: Demand, assumed: Assumptions) -> dict[Role, RoleLoad]:
    return {
        "api": _steady("requests", demand.request_arrivals, assumed.request_seconds),
        "stream": _streams(demand.users, assumed),
        "worker": _steady("runs", demand.run_arrivals, demand.run.seconds),
    }


def _steady(unit: str, arrivals: tuple[float, ...], hold_seconds: float) -> RoleLoad:
    """As many at once as arrive while one stays (Little's law)."""
    held = tuple(rate / 60 * hold_seconds for rate in arrivals)
    return RoleLoad(unit=unit, arrivals=arrivals, hold_seconds=hold_seconds, held=held)


def _streams(users: tuple[float, ...], assumed: Assumptions) -> RoleLoad:
    """Everybody's stream ends after a while and comes again; new people come on top."""
    held = tuple(count * assumed.streams_per_user for count in users)
    minutes = max(1, round(assumed.connection_seconds / 60))
    arrivals = [held[0] / minutes]
    for minute in range(1, len(held)):
        again = arrivals[minute - minutes] if minute >= minutes else held[0] / minutes
        arrivals.append(max(0.0, held[minute] - held[minute - 1] + again))
    return RoleLoad(unit="open streams", arrivals=tuple(arrivals), hold_seconds=minutes * 60.0, held=held)


def capacities(
    cloud: Cloud, stack: Stack, demand: Demand, measured: Measured, assumed: Assumptions
) -> dict[Role, RoleCapacity]:
    """Each role's capacity; what is in sizes.tf stays the limit even where an instance could hold more."""
    loads = loads_of(demand, assumed)
    return {
        role: _capacity(
            cloud, role, _kept(cloud, role, stack), loads[role], _cost(demand, measured, role, assumed)
        )
        for role in ROLES
    }


def _kept(cloud: Cloud, role: Role, stack: Stack) -> Size:
    """On Google Cloud the sweep, once a minute, keeps a worker even where the least is 0."""
    size = stack.services[role]
    return replace(size, min=max(1, size.min)) if (cloud, role) == ("gcp", "worker") else size


@dataclass(frozen=True, slots=True)
class _Cost:
    """What one request, stream or run costs an instance while it is there."""

    cpu_ms_per_second: float
    kib: float
    idle_mib: float
    cpu_target: float
    memory_target: float


def _cost(demand: Demand, measured: Measured, role: Role, assumed: Assumptions) -> _Cost:
    run, targets = demand.run, (assumed.cpu_target, assumed.memory_target)
    if role == "worker":
        return _Cost(run.server_cpu_ms / run.seconds, measured.run_kib, measured.worker_idle_mib, *targets)
    if role == "stream":
        # Sending a run's events costs no more than all of its servers' CPU; waiting was measured.
        shared = demand.peak_runs_at_once / max(max(demand.users) * assumed.streams_per_user, SPARE)
        busy = min(1.0, shared) * run.server_cpu_ms / run.seconds
        idle = measured.viewer_cpu_us_per_second / 1000
        return _Cost(busy + idle, measured.viewer_kib, measured.stream_idle_mib, *targets)
    # No request costs more than a whole run of the benchmark.
    per_second = measured.server_ms_per_run * assumed.cpu_reserve / assumed.request_seconds
    return _Cost(per_second, measured.run_kib, measured.worker_idle_mib, *targets)


def _capacity(cloud: Cloud, role: Role, size: Size, load: RoleLoad, cost: _Cost) -> RoleCapacity:
    by_terraform = _of_terraform(cloud, role, size, load)
    by_cpu = size.cpu * 1000 / cost.cpu_ms_per_second
    by_memory = max(1.0, (size.memory_mib - cost.idle_mib) * 1024 / cost.kib)
    aims: dict[Limit, float] = {
        "sizes.tf": by_terraform * TARGETS[cloud],
        "CPU": by_cpu * cost.cpu_target,
        "memory": max(1.0, (size.memory_mib * cost.memory_target - cost.idle_mib) * 1024 / cost.kib),
    }
    # On AWS nothing refuses a request or a stream above the figure of sizes.tf: it only steers.
    refuses = cloud == "gcp" or role == "worker"
    holds = min(by_terraform if refuses else math.inf, by_cpu, by_memory)
    return RoleCapacity(role=role, size=size, load=load, aims=aims, target=min(aims.values()), holds=holds)


def _of_terraform(cloud: Cloud, role: Role, size: Size, load: RoleLoad) -> float:
    if cloud == "aws" and role == "api":  # sizes.tf: requests in a minute
        return size.concurrency / 60 * load.hold_seconds
    return size.concurrency


def schedule(capacity: RoleCapacity, scale_in_minutes: int) -> tuple[int, ...]:
    """Instances in each minute of a day like the one before it: what is wanted, kept for a while.

    It never falls when the load grows anywhere, which a price that is solved for needs.
    """
    wanted = {held: capacity.wanted(held) for held in set(capacity.load.held)}
    return _latest_most([wanted[held] for held in capacity.load.held], scale_in_minutes)


def _latest_most(values: Sequence[int], minutes: int) -> tuple[int, ...]:
    """At each minute the most of it and of so many before it, round the clock."""
    window: deque[tuple[int, int]] = deque()
    found: list[int] = []
    for at in range(-minutes, len(values)):
        while window and window[-1][1] <= values[at]:
            window.pop()
        window.append((at, values[at]))
        if window[0][0] < at - minutes:
            window.popleft()
        if at >= 0:
            found.append(window[0][1])
    return tuple(found)
