"""Processes of the harness's own: started, started again when they die, ended by their own number."""

import asyncio
import os
import shutil
import signal
import subprocess
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import psutil
import uvloop

from bench.servers import BACKEND
from helium.kit.clock import SystemClock

T = TypeVar("T")
clock = SystemClock()
RESTART_SECONDS = 0.1
"""What a supervisor waits before it starts a dead process again."""
END_SECONDS = 15.0


class ChildFailed(Exception):
    """A process did not start, or dies again and again; the end of its log says why."""


def source_copy(folder: Path) -> Path:
    """A copy of Helium's code: who edits the checkout meanwhile does not change what is measured."""
    code = folder / "code"
    shutil.copytree(
        BACKEND / "helium",
        code / "helium",
        ignore=shutil.ignore_patterns("__pycache__"),
        dirs_exist_ok=True,
    )
    return code


@dataclass(eq=False)
class Child:
    """One process that is to live: a task starts it again after each death until `end`."""

    name: str
    command: Sequence[str]
    env: Mapping[str, str]
    cwd: Path
    log: Path
    starts: int = 0
    frozen: bool = False
    _process: "subprocess.Popen[bytes] | None" = None
    _wanted: bool = True
    _watcher: "asyncio.Task[None] | None" = field(default=None, repr=False)

    @property
    def pid(self) -> int:
        if self._process is None:
            raise ChildFailed(f"{self.name} was not started")
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        self.log.touch()
        self._watcher = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        while self._wanted:
            self._spawn()
            while self.alive:
                await clock.sleep(0.02)
            if self._wanted:
                await clock.sleep(RESTART_SECONDS)

    def _spawn(self) -> None:
        self.starts += 1
        with self.log.open("ab") as output:
            self._process = subprocess.Popen(
                self.command,
                cwd=self.cwd,
                env=dict(self.env),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                start_new_session=True,  # Ctrl-C reaches the harness alone, which ends them
            )

    def send(self, number: signal.Signals) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(number)

    def freeze(self) -> None:
        self.frozen = True
        self.send(signal.SIGSTOP)

    def thaw(self) -> None:
        self.frozen = False
        self.send(signal.SIGCONT)

    async def replace(self) -> None:
        """Ask it to end, and wait until the next one has been started."""
        before = self.starts
        self.send(signal.SIGTERM)
        deadline = clock.monotonic() + END_SECONDS
        while self.starts == before:
            if clock.monotonic() > deadline:
                self.send(signal.SIGKILL)
            await clock.sleep(0.02)

    async def end(self, number: signal.Signals = signal.SIGTERM) -> None:
        """End it for good, with everything that it started."""
        self._wanted = False
        if self._process is None:
            return
        family = _family(self._process.pid)
        self.thaw()
        self.send(number)
        deadline = clock.monotonic() + END_SECONDS
        while self.alive and clock.monotonic() < deadline:
            await clock.sleep(0.02)
        for left in family:
            if left.is_running():
                left.kill()
        self._process.wait()
        if self._watcher is not None:
            self._watcher.cancel()


def _family(pid: int) -> list[psutil.Process]:
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def environment(own: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without Helium's settings and providers' keys, and `own`."""
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("HELIUM_") and not name.endswith(("_API_KEY", "_BASE_URL"))
    }
    return {**inherited, "PYTHONDONTWRITEBYTECODE": "", **own}


def play(work: Coroutine[Any, Any, T]) -> T:
    """Run it; Ctrl-C and SIGTERM cancel it, so that it ends its processes, and then this one ends."""

    async def cancellable() -> T:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        return uvloop.run(cancellable())
    except (KeyboardInterrupt, asyncio.CancelledError):
        raise SystemExit(130) from None


async def end_all(children: Sequence[Child]) -> None:
    await asyncio.gather(*(child.end() for child in children))
