"""Questions, figures and capacities for the tests of plans."""

from typing import Any

from helium.plan.assumptions import Assumptions, Cloud, Workload
from helium.plan.capacity import RoleCapacity, RoleLoad
from helium.plan.measured import Measured
from helium.plan.planning import Question
from helium.plan.profiles import MINUTES
from helium.plan.sizes import Size

ROUND = Measured(
    sources={},
    commits={},
    runs_per_second=1000,
    run_kib=64,
    worker_idle_mib=100,
    ready_seconds=2,
    tokens=50,
    server_ms_per_run=2.5,
    database_ms_per_run=0.5,
    bytes_per_run=10_000,
    stream_idle_mib=100,
    viewer_kib=16,
    viewer_cpu_us_per_second=5,
)
"""Figures to compute with by hand."""


def question(cloud: Cloud = "gcp", users: int = 1000, **changed: Any) -> Question:
    return Question(workload=Workload(users=users), cloud=cloud, **changed)


def steady(per_minute: float, *, hold_seconds: float, holds: float, size: Size) -> RoleCapacity:
    """A worker with the same load all day that is filled to a half."""
    return varying((per_minute,) * MINUTES, hold_seconds=hold_seconds, holds=holds, size=size)


def varying(
    per_minute: tuple[float, ...], *, hold_seconds: float, holds: float, size: Size
) -> RoleCapacity:
    held = tuple(rate / 60 * hold_seconds for rate in per_minute)
    load = RoleLoad(unit="runs", arrivals=per_minute, hold_seconds=hold_seconds, held=held)
    return RoleCapacity(
        role="worker", size=size, load=load, aims={"sizes.tf": holds / 2}, target=holds / 2, holds=holds
    )


ASSUMED = Assumptions()
