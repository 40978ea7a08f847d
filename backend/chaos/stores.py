"""The stores of an installation under test: a PostgreSQL and a Redis of its own, which may be hurt."""

import asyncio
import signal
import subprocess
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from urllib.parse import parse_qs, urlsplit

import redis.asyncio

from bench.servers import NotReady, free_port
from bench.split import REDIS
from helium.adapters.embedded_postgres import EmbeddedPostgres

READY = b"Ready to accept connections"


@dataclass
class Postgres:
    """The embedded server in a home of its own."""

    home: Path
    url: str = ""
    _server: EmbeddedPostgres = field(init=False)

    def __post_init__(self) -> None:
        self._server = EmbeddedPostgres(self.home)

    @property
    def pid(self) -> int:
        """The postmaster's; 0 while there is none."""
        try:
            return int((self.home / "postgres" / "postmaster.pid").read_text().split()[0])
        except (OSError, ValueError, IndexError):
            return 0

    @property
    def socket(self) -> str:
        options = parse_qs(urlsplit(self.url).query)
        return f"{options['host'][0]}/.s.PGSQL.{options['port'][0]}"

    async def start(self) -> None:
        self.url = await asyncio.to_thread(self._server.start)

    async def stop(self, mode: Literal["fast", "immediate"]) -> None:
        cluster = self._server._cluster()  # pyright: ignore[reportPrivateUsage] - no other way to hurt it
        command = [cluster.programs.path("pg_ctl"), "stop", "-s", "-w", "-m", mode, "-D", cluster.data]
        await asyncio.to_thread(cluster.account.run, command)

    async def end(self) -> None:
        await asyncio.to_thread(lambda: self._server.stop(force=True))


@dataclass
class Redis:
    """A server that keeps its port over restarts, and nothing else."""

    folder: Path
    port: int = field(default_factory=free_port)
    _process: "subprocess.Popen[bytes] | None" = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """0 while there is none."""
        return 0 if self._process is None or self._process.poll() is not None else self._process.pid

    def start(self) -> None:
        """Start it; it is empty, and ready on return. Raises `NotReady`."""
        if not REDIS.exists():
            raise NotReady("This needs Redis: apt install redis-server.")
        command = [str(REDIS), "--bind", "127.0.0.1", "--port", str(self.port), "--save", ""]
        self._process = subprocess.Popen(
            [*command, "--appendonly", "no", "--dir", str(self.folder)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert self._process.stdout is not None
        with self._process.stdout as said:
            if not any(READY in line for line in said):
                raise NotReady("Redis did not start.")

    def kill(self) -> None:
        if self._process is not None and self._process.poll() is None:
            self._process.send_signal(signal.SIGKILL)
            self._process.wait()

    def freeze(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)

    async def flush(self) -> None:
        async with redis.asyncio.from_url(self.url) as client:
            await client.flushall()
