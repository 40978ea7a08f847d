"""`infra/compose/nginx.conf` in a real nginx: who gets which request, and how events pass through."""

import asyncio
import os
import re
import subprocess
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.support.names import name_server
from tests.support.processes import free_port, until
from tests.support.servers import require

ROOT = Path(__file__).resolve().parents[3]
TEXT = (ROOT / "infra/compose/nginx.conf").read_text()
NGINX = Path(os.environ.get("HELIUM_TEST_NGINX", "/usr/sbin/nginx"))
pytestmark = pytest.mark.process
RUN, RESPONSE = "/v1/runs/run_1", "/v1/responses/resp_1"
HEAD = b"HTTP/1.1 200 OK\r\nconnection: close\r\nx-accel-buffering: no\r\n\r\n"
# Each role has an address of its own, as each container has; nobody listens at the last one.
ADDRESSES = {"stream": "127.0.0.2", "api": "127.0.0.3"}
NOBODY = "127.0.0.4"


@dataclass
class Upstream:
    """A role: it says its name, and goes on when it is told to."""

    name: str
    go_on: asyncio.Event = field(default_factory=asyncio.Event)
    left: asyncio.Event = field(default_factory=asyncio.Event)
    bodies: list[bytes] = field(default_factory=list[bytes])
    under_way: set["asyncio.Task[None]"] = field(default_factory=set["asyncio.Task[None]"])

    def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.under_way.add(asyncio.create_task(self._answer(reader, writer)))

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", head)
        self.bodies.append(await reader.readexactly(int(length[1]) if length else 0))
        writer.write(HEAD + f"data: {self.name}\n\n".encode())
        going = asyncio.create_task(self.go_on.wait())
        leaving = asyncio.create_task(reader.read(1))
        await asyncio.wait({going, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if leaving.done():
            self.left.set()
        else:
            writer.write(b"data: end\n\n")
        going.cancel()
        leaving.cancel()
        await _closed(writer)


@dataclass
class Proxy:
    port: int
    stream: Upstream
    api: Upstream

    async def ask(
        self, method: str, path: str, body: bytes = b""
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """The answer's bytes, and the connection."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        head = f"{method} {path} HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(body)}\r\n\r\n"
        writer.write(head.encode() + body)
        return reader, writer

    async def asked(self, method: str, path: str, body: bytes = b"") -> str:
        """Which role answered; the status, if it was none."""
        reader, writer = await self.ask(method, path, body)
        async with asyncio.timeout(10):
            answered = (await reader.readline()).split()[1].decode()
            while answered == "200":
                if found := re.match(rb"data: (\w+)", await reader.readline()):
                    answered = found[1].decode()
        await _closed(writer)
        return answered


def configured(port: int, upstream_port: int, names_port: int) -> str:
    """The file with this machine's addresses, and without what only a container or a certificate allows."""
    text = TEXT.replace("resolver 127.0.0.11", f"resolver 127.0.0.1:{names_port}")
    text = text.replace("listen 8443 ssl;", f"listen 127.0.0.1:{port};").replace("http2 on;", "")
    text = re.sub(r"\n\s+ssl_\w+ [^;]+;", "", text)
    text = re.sub(r"(http://[\w$]+):8000", rf"\1:{upstream_port}", text)
    text = text.replace("listen 8080;", f"listen 127.0.0.1:{free_port()};")
    user = "user root;\n" if os.geteuid() == 0 else ""
    return user + text.replace("worker_rlimit_nofile 40000;", "").replace("16384", "512")


@contextmanager
def nginx(folder: Path, text: str) -> Generator[None]:
    require(NGINX)
    config = folder / "nginx.conf"
    config.write_text(text.replace("/tmp/", f"{folder}/"))
    command = [NGINX, "-e", "stderr", "-p", folder, "-c", config, "-g", "daemon off; master_process off;"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=log)
    try:
        yield
    finally:
        process.kill()
        process.wait(timeout=10)


@asynccontextmanager
async def proxy(folder: Path, *, gone: bool = False) -> AsyncGenerator[Proxy]:
    """nginx with one upstream for each role; with `gone`, one more of each that nobody listens on."""
    roles = {name: Upstream(name) for name in ADDRESSES}
    names = {name: [address, *([NOBODY] if gone else [])] for name, address in ADDRESSES.items()}
    port, upstream_port = free_port(), free_port()
    servers = [
        await asyncio.start_server(role.connected, ADDRESSES[role.name], upstream_port)
        for role in roles.values()
    ]
    try:
        async with name_server(names) as names_port:
            with nginx(folder, configured(port, upstream_port, names_port)):
                await until(lambda: _listens(port), "nginx listens")
                yield Proxy(port, **roles)
    finally:
        for role, server in zip(roles.values(), servers, strict=True):
            server.close()
            await asyncio.gather(*role.under_way)


async def _closed(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except ConnectionRefusedError:
        return False
    await _closed(writer)
    return True


ROUTES = {
    ("GET", f"{RUN}/events"): "stream",
    ("GET", f"{RUN}/events?x=1"): "stream",
    ("GET", f"{RESPONSE}?stream=true"): "stream",
    ("GET", f"{RESPONSE}?starting_after=3&stream=true"): "stream",
    ("GET", RESPONSE): "api",
    ("GET", f"{RESPONSE}?stream=false"): "api",
    ("POST", f"{RESPONSE}/cancel?stream=true"): "api",
    ("POST", "/v1/responses?stream=true"): "api",
    ("POST", f"{RUN}/events"): "api",
    ("POST", "/v1/files"): "api",
    ("POST", "/api/page-errors"): "api",
    ("GET", "/v1/files?limit=1"): "api",
    ("GET", RUN): "api",
    ("GET", "/api/ready"): "api",
    ("GET", "/metrics"): "404",
    ("POST", "/internal/tasks/execute"): "404",
    ("GET", "/"): "api",
}


async def test_followers_go_to_stream_and_everything_else_to_api(tmp_path: Path) -> None:
    async with proxy(tmp_path) as door:
        assert {asked: await door.asked(*asked) for asked in ROUTES} == ROUTES


async def test_an_event_passes_before_the_next_one_is_made(tmp_path: Path) -> None:
    async with proxy(tmp_path) as door:
        for path, role in ((f"{RUN}/events", door.stream), ("/v1/responses", door.api)):
            reader, writer = await door.ask("GET" if role is door.stream else "POST", path)
            async with asyncio.timeout(10):
                await reader.readuntil(f"data: {role.name}\n\n".encode())  # and the upstream waits for us
                role.go_on.set()
                await reader.readuntil(b"data: end\n\n")
            await _closed(writer)


async def test_a_viewer_that_leaves_is_not_kept_at_heliums_side(tmp_path: Path) -> None:
    async with proxy(tmp_path) as door:
        reader, writer = await door.ask("GET", f"{RUN}/events")
        async with asyncio.timeout(10):
            await reader.readuntil(b"data: stream\n\n")
            await _closed(writer)
            await door.stream.left.wait()


async def test_a_process_that_is_gone_costs_no_request_and_none_is_sent_twice(tmp_path: Path) -> None:
    async with proxy(tmp_path, gone=True) as door:
        answers = [await door.asked("POST", "/v1/runs", b"run %d" % number) for number in range(8)]
        uploads = [await door.asked("POST", "/v1/files", b"file %d" % number) for number in range(8)]

    assert answers == uploads == ["api"] * 8
    assert door.api.bodies == [b"%s %d" % (what, n) for what in (b"run", b"file") for n in range(8)]
