"""What processes cost, from the kernel's own books (Linux)."""

import contextlib
import resource
import time
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import psutil


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds so far: of the processes that live, and of children that they have buried."""

    live: dict[int, float]
    buried: float


def tree(root: int) -> set[int]:
    """A process and all that descend from it."""
    try:
        process = psutil.Process(root)
        return {root, *(child.pid for child in process.children(recursive=True))}
    except psutil.NoSuchProcess:
        return set()


def postmasters(home: Path) -> set[int]:
    """The PostgreSQL servers whose data directory lies below `home`."""
    found: set[int] = set()
    for file in home.rglob("postmaster.pid"):
        lines = file.read_text().splitlines()
        if lines and psutil.pid_exists(int(lines[0])):
            found.add(int(lines[0]))
    return found


def cpu(pids: Iterable[int]) -> Cpu:
    """A reading; processes that just ended are left out (their parent has buried them)."""
    live, buried = dict[int, float](), 0.0
    for pid in pids:
        try:
            live[pid] = cpu_clock(pid)
            times = psutil.Process(pid).cpu_times()
            buried += times.children_user + times.children_system
        except (OSError, psutil.NoSuchProcess):
            continue
    return Cpu(live, buried)


def cpu_clock(pid: int) -> float:
    """User and system time of a process with all its threads, exact to the nanosecond.

    `/proc/<pid>/stat` counts in hundredths of a second, which is too coarse for 20 runs. The number
    is what clock_getcpuclockid(3) makes of a process id (kernel: `CPUCLOCK_SCHED`).
    """
    return time.clock_gettime((~pid << 3) | 2)


def used(before: Cpu, after: Cpu) -> float:
    """CPU seconds in between; a process that is new counts from its start."""
    grown = sum(seconds - before.live.get(pid, 0.0) for pid, seconds in after.live.items())
    gone = sum(seconds for pid, seconds in before.live.items() if pid not in after.live)
    return max(grown + after.buried - before.buried - gone, 0.0)


def machine_cpu() -> float:
    """CPU seconds that the whole machine has been busy, this program and its ended children left out."""
    times = psutil.cpu_times()
    mine = resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)
    busy = sum(times) - times.idle - times.iowait - times.guest - times.guest_nice
    return busy - sum(usage.ru_utime + usage.ru_stime for usage in mine)


def reset_peaks(pids: Iterable[int]) -> None:
    """Start the kernel's record of the largest resident size anew."""
    for pid in pids:
        try:
            Path(f"/proc/{pid}/clear_refs").write_text("5")
        except OSError:
            continue


def peak_mib(pids: Iterable[int]) -> float:
    """The sum of the largest resident sizes since `reset_peaks`, in MiB."""
    return sum(_peak_kib(pid) for pid in pids) / 1024


def _peak_kib(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    lines = [line for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(lines[0].split()[1]) if lines else 0


def end(pid: int, grace_seconds: float = 20.0) -> None:
    """Ask a process of ours to end; after the grace kill what is left of it and its children."""
    try:
        process = psutil.Process(pid)
        family = [process, *process.children(recursive=True)]
        process.terminate()
    except psutil.NoSuchProcess:
        return
    psutil.wait_procs([process], timeout=grace_seconds)
    _, alive = psutil.wait_procs(family, timeout=1.0)
    for left in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            left.kill()


def allow_many_files() -> None:
    """Raise the limit on open files as far as it goes; children inherit it."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
