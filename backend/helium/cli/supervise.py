"""Several processes on one address: a dead one is replaced, and a deploy replaces them one by one.

The supervisor holds the listening socket, so no connection is lost while its processes come and go. Of
a process that died it knows the lease, and gives its runs back at once instead of when the lease ends.
"""

import asyncio
import os
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from uuid import UUID

import structlog

from helium.cli.failure import Failure
from helium.kit.clock import Clock
from helium.kit.ids import new_id
from helium.kit.metrics import REGISTRY, HostValues, Shared
from helium.kit.retry import backoff

log = structlog.get_logger()
READY_SECONDS = 60.0
# A process that lived this long had no trouble to start: the next one may come at once.
STEADY_SECONDS = 30.0


@dataclass(eq=False)
class Child:
    """One process, and the worker's id that it was given."""

    worker_id: UUID
    counts: Shared
    process: asyncio.subprocess.Process
    started_at: float
    ready: "asyncio.Future[None]"
    may_end: bool = False
    """It was told to: its end is no accident."""
    watcher: "asyncio.Task[None] | None" = field(default=None, repr=False)

    def terminate(self) -> None:
        self.may_end = True
        if self.process.returncode is None:
            self.process.terminate()


class Supervisor:
    """Keeps `count` processes alive on one listening socket.

    `command` is run with `--listen-fd`, `--alive-fd`, `--ready-fd`, `--metrics-fd` and `--worker-id`: it
    accepts on the first, ends in order when the second is closed (its supervisor is gone), writes a byte
    to the third when it serves, and counts in the fourth, which outlives it.
    `give_back` is called with the id of each worker that died.
    """

    def __init__(
        self,
        command: Sequence[str],
        env: Mapping[str, str],
        listener: socket.socket,
        clock: Clock,
        *,
        count: int,
        end_seconds: float,
        give_back: Callable[[UUID], Awaitable[None]],
    ) -> None:
        self._command = command
        self._env = env
        self._listener = listener
        self._clock = clock
        self._count = count
        self._end_seconds = end_seconds
        self._give_back = give_back
        self.counts = HostValues(REGISTRY)
        """What all these processes have counted, the dead ones included."""
        self._children: list[Child] = []
        self._failures = 0
        self._alive_read, self._alive_write = os.pipe()

    @property
    def children(self) -> Sequence[Child]:
        return self._children

    async def start(self) -> None:
        """Start all processes; return when they serve. Raises `Failure` if one does not."""
        for _ in range(self._count):
            await self._start_child()
        for child in list(self._children):
            await self._serves(child)

    async def restart(self) -> None:
        """Replace the processes one after the other; each new one serves before the old one ends."""
        for old in list(self._children):
            new = await self._start_child()
            await self._serves(new)
            old.terminate()
            await self._gone(old)
            log.info("supervisor.replaced", pid=old.process.pid, by=new.process.pid)

    async def stop(self) -> None:
        """End all processes in order; those that take too long are killed."""
        for child in self._children:
            child.terminate()
        await asyncio.gather(*(self._gone(child) for child in list(self._children)))
        os.close(self._alive_write)
        os.close(self._alive_read)

    async def _start_child(self) -> Child:
        ready_read, ready_write = os.pipe()
        worker_id = new_id()
        counts = self.counts.open()
        fds = {
            "listen": self._listener.fileno(),
            "alive": self._alive_read,
            "ready": ready_write,
            "metrics": counts.fd,
        }
        options = [word for name, fd in fds.items() for word in (f"--{name}-fd", str(fd))]
        process = await asyncio.create_subprocess_exec(
            *self._command,
            *options,
            "--worker-id",
            str(worker_id),
            env=self._env,
            pass_fds=tuple(fds.values()),
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which tells them
        )
        os.close(ready_write)
        child = Child(worker_id, counts, process, self._clock.monotonic(), _byte_from(ready_read))
        self._children.append(child)
        child.watcher = asyncio.create_task(self._watch(child))
        return child

    async def _serves(self, child: Child) -> None:
        try:
            async with asyncio.timeout(READY_SECONDS):
                await asyncio.shield(child.ready)
        except (TimeoutError, EOFError):
            raise Failure("A process did not start: what it said is above.") from None

    async def _gone(self, child: Child) -> None:
        try:
            async with asyncio.timeout(self._end_seconds):
                await child.process.wait()
        except TimeoutError:
            log.error("supervisor.killed", pid=child.process.pid)
            child.process.kill()
        assert child.watcher is not None
        await child.watcher

    async def _watch(self, child: Child) -> None:
        code = await child.process.wait()
        self._children.remove(child)
        self.counts.close(child.counts)
        if child.may_end:
            return
        log.error("supervisor.process_died", pid=child.process.pid, code=code)
        await self._give_back(child.worker_id)
        lived = self._clock.monotonic() - child.started_at
        self._failures = 0 if lived > STEADY_SECONDS else self._failures + 1
        if self._failures > 1:
            await self._clock.sleep(backoff(self._failures - 1))
        await self._start_child()


def _byte_from(fd: int) -> "asyncio.Future[None]":
    """Done when a byte arrives on this pipe; `EOFError` if it is closed first."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[None] = loop.create_future()

    def read() -> None:
        said = os.read(fd, 1)
        loop.remove_reader(fd)
        os.close(fd)
        if done.done():
            return
        if said:
            done.set_result(None)
        else:
            done.set_exception(EOFError())
            done.exception()  # looked at: nobody may wait for it any more

    loop.add_reader(fd, read)
    return done
