"""What is not counted where it happens but looked at now and then: sizes, and the loop's lag."""

import os
import resource
from collections.abc import Callable, Sequence

from helium.kit.clock import Clock
from helium.kit.metrics.instruments import CPU_SECONDS, LOOP_LAG_SECONDS, PROCESSES, RESIDENT_BYTES
from helium.kit.metrics.registry import Child

EVERY_SECONDS = 0.5
Sample = tuple[Child, Callable[[], float]]
_STATM = "/proc/self/statm"


class Sampler:
    """Sets gauges from what they show; cheap, so that it may be often."""

    def __init__(self, clock: Clock, samples: Sequence[Sample]) -> None:
        self._clock = clock
        self._samples = [*samples, (PROCESSES.of(), lambda: 1.0), (CPU_SECONDS.of(), _cpu_seconds)]
        self._lag = LOOP_LAG_SECONDS.of()
        self._memory = _opened()
        if self._memory is not None:
            self._samples.append((RESIDENT_BYTES.of(), self._resident_bytes))

    async def serve(self) -> None:
        """Sample until cancelled."""
        try:
            while True:
                self.sample()
                due_at = self._clock.monotonic() + EVERY_SECONDS
                await self._clock.sleep(EVERY_SECONDS)
                self._lag.observe(max(0.0, self._clock.monotonic() - due_at))
        finally:
            if self._memory is not None:
                os.close(self._memory)

    def sample(self) -> None:
        for child, read in self._samples:
            child.set(read())

    def _resident_bytes(self) -> float:
        assert self._memory is not None
        pages = os.pread(self._memory, 128, 0).split()[1]
        return float(int(pages) * resource.getpagesize())


def _opened() -> int | None:
    """Where the kernel tells the size of this process, if it does; kept open, since opening may block."""
    try:
        return os.open(_STATM, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return None


def _cpu_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
