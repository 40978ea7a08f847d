"""How busy the machine was, and how much of that was us: a shared machine's figures need it beside them."""

import asyncio
import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import msgspec
import psutil

from bench import processes
from chaos.children import clock

SAMPLE_SECONDS = 1.0


class Busy(msgspec.Struct, frozen=True, kw_only=True):
    """Cores in use on average: all, those of what is tested, those of the harness."""

    all: float
    tested: float
    harness: float

    @property
    def others(self) -> float:
        return max(0.0, self.all - self.tested - self.harness)

    def __str__(self) -> str:
        return (
            f"{self.all:.1f} cores busy: {self.tested:.1f} Helium, its database and Redis, "
            f"{self.harness:.1f} the harness, {self.others:.1f} others"
        )


@dataclass
class Meter:
    """Counts CPU time second by second, so that processes which die meanwhile are not forgotten."""

    roots: Callable[[], set[int]]
    """The first processes of what is tested."""
    running: "asyncio.Task[None] | None" = None
    _tested: float = 0.0
    _harness: float = 0.0
    _last: dict[int, float] = field(default_factory=dict[int, float])
    _began: float = field(default_factory=time.monotonic)
    _all: float = field(default_factory=lambda: machine_seconds())

    async def run(self) -> None:
        while True:
            self.sample()
            await clock.sleep(SAMPLE_SECONDS)

    def sample(self) -> None:
        tested = {pid for root in self.roots() for pid in processes.tree(root)}
        now: dict[int, float] = {}
        for pid in tested | processes.tree(os.getpid()):
            with contextlib.suppress(OSError):
                now[pid] = processes.cpu_clock(pid)
                # What a process used before it was seen for the first time counts if it is new.
                used = now[pid] - self._last.get(pid, 0.0 if self._last else now[pid])
                if pid in tested:
                    self._tested += used
                else:
                    self._harness += used
        self._last = now

    def read(self) -> Busy:
        """The averages so far; it measures no more."""
        if self.running is not None:
            self.running.cancel()
        self.sample()
        seconds = time.monotonic() - self._began
        return Busy(
            all=round((machine_seconds() - self._all) / seconds, 2),
            tested=round(self._tested / seconds, 2),
            harness=round(self._harness / seconds, 2),
        )


def measuring(roots: Callable[[], set[int]]) -> Meter:
    """A meter that has begun."""
    meter = Meter(roots)
    meter.running = asyncio.create_task(meter.run())
    return meter


def machine_seconds() -> float:
    """CPU seconds that the machine has been busy."""
    times = psutil.cpu_times()
    return sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
