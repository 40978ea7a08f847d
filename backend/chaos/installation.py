"""An installation as a production would have it, on one machine, under a harness that hurts it.

Two APIs and two stream processes behind balancers, workers, a proxy to PostgreSQL for
each process, and Redis. Whatever dies is started again, as a process supervisor would.
"""

import asyncio
import contextlib
import subprocess
import sys
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg
import msgspec

from bench.servers import BACKEND, NotReady, free_port
from chaos.children import Child, clock, end_all, environment, source_copy
from chaos.http1 import Broken, Http
from chaos.proxy import Route, ask_ready
from chaos.stores import Postgres, Redis

READY_SECONDS = 60.0


class Size(msgspec.Struct, frozen=True, kw_only=True):
    apis: int = 2
    streams: int = 2
    workers: int = 2


@dataclass
class Proxies:
    """The process of the proxies, and the ports on which they listen."""

    ports: dict[str, int]
    _process: "subprocess.Popen[bytes]"

    def tell(self, verb: str, name: str) -> None:
        """`freeze`, `thaw` or `cut` the route of this name."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{verb} {name}\n".encode())
        self._process.stdin.flush()

    def end(self) -> None:
        assert self._process.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()


def start_proxies(routes: list[Route]) -> Proxies:
    command = [sys.executable, "-m", "chaos.proxy", msgspec.json.encode(routes).decode()]
    process = subprocess.Popen(
        command, cwd=BACKEND, stdin=subprocess.PIPE, stdout=subprocess.PIPE, start_new_session=True
    )
    assert process.stdout is not None
    with process.stdout as said:  # what it says after that goes nowhere: it says nothing
        if said.readline() != b"ready\n":
            raise NotReady("The proxies did not start.")
    return Proxies({route.name: route.port for route in routes}, process)


@dataclass
class Installation:
    folder: Path
    home: Path
    postgres: Postgres
    redis: Redis
    proxies: Proxies
    children: dict[str, Child]
    token: str = ""
    direct: dict[str, int] = field(default_factory=dict[str, int])
    """The ports of the processes themselves, by name."""

    @property
    def port(self) -> int:
        """Where the API is, for everybody outside."""
        return self.proxies.ports["front-api"]

    @property
    def stream_port(self) -> int:
        return self.proxies.ports["front-stream"]

    def of(self, role: str) -> list[Child]:
        return [child for name, child in self.children.items() if name.startswith(role)]

    def http(self) -> Http:
        return Http(self.port, self.token)

    async def connect(self) -> asyncpg.Connection:
        """A connection past the proxies. Waits for a database that is on its way."""
        deadline = clock.monotonic() + READY_SECONDS
        while True:
            try:
                return await asyncpg.connect(self.postgres.url)
            except (OSError, asyncpg.PostgresError):
                if clock.monotonic() > deadline:
                    raise
                await clock.sleep(0.2)

    async def ready(self, child: Child) -> None:
        """Wait until this process serves; a worker, until it has said so."""
        deadline = clock.monotonic() + READY_SECONDS
        port = self.direct[child.name]
        while await ask_ready(str(port)) != 200:
            if clock.monotonic() > deadline:
                raise NotReady(f"{child.name} is not ready:\n{child.log.read_text()[-2000:]}")
            await clock.sleep(0.05)

    async def all_ready(self) -> None:
        for child in self.children.values():
            await self.ready(child)

    async def rolling_restart(self) -> None:
        """Replace every process, one after the other."""
        for child in self.children.values():
            await child.replace()
            await self.ready(child)

    def logs(self) -> str:
        """What was said that is no matter of course."""
        lines: list[str] = []
        for child in self.children.values():
            said = child.log.read_text(errors="replace").splitlines()
            lines += [f"{child.name}: {line}" for line in said if '"level": "error"' in line]
        return "\n".join(lines)


@asynccontextmanager
async def installation(
    folder: Path, size: Size, extra: Mapping[str, str] | None = None
) -> AsyncGenerator[Installation]:
    """Everything, started and ready; ended at the end of the block, whatever happened in it."""
    home = folder / "home"
    home.mkdir(mode=0o755)
    home.chmod(0o755)
    code = source_copy(folder)
    postgres, redis = Postgres(home), Redis(folder)
    async with contextlib.AsyncExitStack() as stack:
        await postgres.start()
        stack.push_async_callback(postgres.end)
        redis.start()
        stack.callback(redis.kill)
        names = [
            *(f"api-{n}" for n in range(1, size.apis + 1)),
            *(f"stream-{n}" for n in range(1, size.streams + 1)),
            *(f"worker-{n}" for n in range(1, size.workers + 1)),
        ]
        direct = {name: free_port() for name in names}
        proxies = start_proxies(routes(postgres.socket, direct))
        stack.callback(proxies.end)
        made = Installation(folder, home, postgres, redis, proxies, {}, direct=direct)
        for name in names:
            env = settings(made, name, len(names), extra or {})
            role = name.partition("-")[0]
            made.children[name] = Child(
                name, [sys.executable, "-m", "helium", role], env, code, folder / f"{name}.log"
            )
        made.token = await asyncio.to_thread(owner_token, code, made.children[names[0]].env)
        stack.push_async_callback(end_all, list(made.children.values()))
        for child in made.children.values():
            child.start()
        await made.all_ready()
        yield made


def routes(socket: str, direct: Mapping[str, int]) -> list[Route]:
    """A way to the database for each process, and a balancer for each kind that serves."""
    made = [Route(name=f"db-{name}", port=free_port(), targets=[f"unix:{socket}"]) for name in direct]
    for role in ("api", "stream"):
        targets = [str(port) for name, port in direct.items() if name.startswith(role)]
        if targets:
            made.append(Route(name=f"front-{role}", port=free_port(), targets=targets, health=True))
    return made


def settings(made: Installation, name: str, processes: int, extra: Mapping[str, str]) -> dict[str, str]:
    """The environment of one process."""
    parts = urlsplit(made.postgres.url)
    port = made.proxies.ports[f"db-{name}"]
    url = f"postgresql://{parts.username}@127.0.0.1:{port}{parts.path}?sslmode=disable"
    own = {
        "HELIUM_HOME": str(made.home),
        "HELIUM_ENVIRONMENT": "production",
        "HELIUM_DATABASE_URL": url,
        "HELIUM_DATABASE__PROCESSES": str(processes),
        "HELIUM_DATABASE__POOL_SIZE": "6",
        "HELIUM_REDIS_URL": made.redis.url,
        "HELIUM_LOG_FORMAT": "json",
        "HELIUM_WORKER__LEASE_TTL_SECONDS": "3",
    }
    is_worker = name.startswith("worker")
    own["HELIUM_WORKER__PORT" if is_worker else "HELIUM_PORT"] = str(made.direct[name])
    return environment({**own, **extra})


def owner_token(code: Path, env: Mapping[str, str]) -> str:
    """Migrate the database, as a deploy does before its processes, and make a key. Raises `NotReady`."""
    for command in ("migrate", "token"):
        shown = subprocess.run(
            [sys.executable, "-m", "helium", command],
            cwd=code,
            env=dict(env),
            capture_output=True,
            text=True,
        )
        if shown.returncode != 0:
            raise NotReady(f"`helium {command}` failed:\n{shown.stderr[-2000:]}")
    return shown.stdout.split()[-1]


async def patient(http: Http, method: str, path: str, body: object = None) -> dict[str, object]:
    """Ask until there is an answer below 500. Raises `NotReady` for one that is not a success."""
    while True:
        try:
            async with asyncio.timeout(5):
                answer = await http.ask(method, path, body)
        except (Broken, TimeoutError):
            await clock.sleep(0.2)
            continue
        if answer.status in (429, 503):
            await clock.sleep(0.5)
            continue
        if answer.status >= 300:
            raise NotReady(f"{method} {path}: {answer.status} {answer.body[:300]!r}")
        return answer.json
