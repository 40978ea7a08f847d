"""A proxy in front of PostgreSQL that breaks connections at the moment that a test chooses.

It reads the client's side of the protocol, message by message, so that it knows which statement a batch
executes: a statement is parsed under a name and executed under that name later.
"""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import parse_qs, urlsplit

Cut = Literal["before", "after"]
END_OF_BATCH = b"SHQX"
"""Sync, Flush, a simple query, the end: the server works now."""


@dataclass(slots=True)
class Plan:
    """Cut the connection around the next batches that execute a statement with these words."""

    words: str
    cut: Cut
    times: int = 1
    done: int = 0


@dataclass(slots=True)
class PostgresProxy:
    """Listens on a TCP port, talks to the server's socket."""

    socket: str
    database: str
    user: str
    port: int = 0
    cuts: list[Plan] = field(default_factory=list[Plan])
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)
    _writers: set[asyncio.StreamWriter] = field(default_factory=set[asyncio.StreamWriter])

    @property
    def url(self) -> str:
        return f"postgresql://{self.user}@127.0.0.1:{self.port}/{self.database}?sslmode=disable"

    def cut(self, words: str, when: Cut, times: int = 1) -> Plan:
        plan = Plan(words, when, times)
        self.cuts.append(plan)
        return plan

    def freeze(self) -> None:
        """Nothing passes any more, in either direction; nobody is told."""
        self._flowing.clear()

    def thaw(self) -> None:
        self._flowing.set()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One client's connection, to its end."""
        self._writers.add(writer)
        try:
            up_reader, up_writer = await asyncio.open_unix_connection(self.socket)
        except OSError:
            writer.close()
            return
        self._writers.add(up_writer)
        client = Connection(self, reader, up_reader, writer, up_writer)
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            await client.run()
        for end in (writer, up_writer):
            self._writers.discard(end)
            end.close()

    async def flow(self) -> None:
        await self._flowing.wait()

    def close(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    def due(self, statement: str) -> Plan | None:
        for plan in self.cuts:
            if plan.done < plan.times and plan.words in statement:
                plan.done += 1
                return plan
        return None


class Connection:
    """One client and its server connection."""

    def __init__(
        self,
        proxy: PostgresProxy,
        client: asyncio.StreamReader,
        server: asyncio.StreamReader,
        to_client: asyncio.StreamWriter,
        to_server: asyncio.StreamWriter,
    ) -> None:
        self._proxy = proxy
        self._client = client
        self._server = server
        self._to_client = to_client
        self._to_server = to_server
        self._statements: dict[bytes, str] = {}
        self._swallow: asyncio.Event | None = None

    async def run(self) -> None:
        await self._start_up()
        back = asyncio.create_task(self._answers())
        try:
            await self._requests()
        finally:
            back.cancel()

    async def _start_up(self) -> None:
        size = int.from_bytes(await self._client.readexactly(4), "big")
        await self._pass_on(size.to_bytes(4, "big") + await self._client.readexactly(size - 4))

    async def _requests(self) -> None:
        batch, executes = b"", ""
        while True:
            kind, body = await message(self._client)
            batch += kind + (len(body) + 4).to_bytes(4, "big") + body
            executes += self._executed(kind, body)
            if kind not in END_OF_BATCH:
                continue
            plan = self._proxy.due(executes) if kind in b"SQ" else None
            if plan is not None and plan.cut == "before":
                return
            if plan is not None:
                self._swallow = asyncio.Event()
            await self._pass_on(batch)
            if self._swallow is not None:
                await self._swallow.wait()
                return
            batch, executes = b"", ""

    async def _pass_on(self, data: bytes) -> None:
        await self._proxy.flow()
        self._to_server.write(data)
        await self._to_server.drain()

    def _executed(self, kind: bytes, body: bytes) -> str:
        """The statement that this message executes, if it does."""
        if kind == b"Q":
            return body.rstrip(b"\0").decode()
        if kind == b"P":
            name, statement, _ = body.split(b"\0", 2)
            self._statements[name] = statement.decode()
        if kind == b"B":
            _, name, _ = body.split(b"\0", 2)
            return self._statements.get(name, "")
        return ""

    async def _answers(self) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            while True:
                kind, body = await message(self._server)
                await self._proxy.flow()
                if self._swallow is not None:
                    # The work is done (`Z`: ready for the next), and nobody is told.
                    if kind == b"Z":
                        self._swallow.set()
                        return
                    continue
                self._to_client.write(kind + (len(body) + 4).to_bytes(4, "big") + body)
                await self._to_client.drain()
        if self._swallow is not None:
            self._swallow.set()
        self._to_client.close()


async def message(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    kind = await reader.readexactly(1)
    size = int.from_bytes(await reader.readexactly(4), "big")
    return kind, await reader.readexactly(size - 4)


@asynccontextmanager
async def postgres_proxy(url: str) -> AsyncGenerator[PostgresProxy]:
    """A proxy for the database at `url`, which leads to a socket."""
    parts = urlsplit(url)
    options = parse_qs(parts.query)
    port = options.get("port", ["5432"])[0]
    path = f"{options['host'][0]}/.s.PGSQL.{port}"
    proxy = PostgresProxy(path, parts.path.lstrip("/"), parts.username or "")
    proxy.thaw()
    serve: Callable[..., object] = proxy.serve
    server = await asyncio.start_server(serve, "127.0.0.1", 0)  # pyright: ignore[reportArgumentType]
    proxy.port = server.sockets[0].getsockname()[1]
    try:
        yield proxy
    finally:
        proxy.thaw()
        server.close()
        proxy.close()
