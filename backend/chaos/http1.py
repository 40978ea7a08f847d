"""A small HTTP/1.1 client that hides nothing: every break has a name, and what it sent twice says so."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec

Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter, bool]
"""Both ends of it, and whether it has served before."""


class Broken(Exception):
    """No whole answer: what happened, in a word or two."""


class ClosedBefore(Broken):
    """A kept connection was closed beneath the request, without a byte of an answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes
    resent: bool = False
    """Whether it is the answer to the request's second sending."""

    @property
    def json(self) -> Any:
        """The body's value. Raises `ValueError` if it is no JSON."""
        try:
            return msgspec.json.decode(self.body)
        except msgspec.DecodeError as error:
            raise ValueError(str(error)) from error


@dataclass
class Http:
    """Keep-alive connections to one port of this machine."""

    port: int
    token: str
    resends: bool = False
    """Whether a request is sent once more, on a fresh connection, if a kept one was closed beneath it: what
    browsers and most clients do with a request that may be repeated (RFC 9112, 9.3.1)."""
    opened: int = 0
    _idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = field(
        default_factory=list[tuple[asyncio.StreamReader, asyncio.StreamWriter]]
    )

    async def ask(
        self, method: str, path: str, body: Any = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """One request, one answer. Raises `Broken`; whoever wants a deadline sets it around the call."""
        request = self._request(method, path, body, headers or {})
        try:
            return await self._send(request, *await self._connection())
        except ClosedBefore:
            if not self.resends:
                raise
            return replace(await self._send(request, *await self._open()), resent=True)

    async def _send(
        self, request: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reused: bool
    ) -> Answer:
        kept = False
        try:
            writer.write(request)
            answer, kept = await read_answer(reader)
        except (OSError, asyncio.IncompleteReadError, ValueError) as error:
            partial = isinstance(error, asyncio.IncompleteReadError) and bool(error.partial)
            if reused and not partial and not isinstance(error, ValueError):
                raise ClosedBefore(f"cut ({type(error).__name__}, idle before)") from error
            raise Broken("truncated" if partial else f"cut ({type(error).__name__})") from error
        finally:
            if kept:
                self._idle.append((reader, writer))
            else:
                writer.close()
        return answer

    async def _connection(self) -> Connection:
        while self._idle:
            reader, writer = self._idle.pop()
            if not reader.at_eof() and not writer.is_closing():
                return reader, writer, True
            writer.close()
        return await self._open()

    async def _open(self) -> Connection:
        self.opened += 1
        try:
            return *await asyncio.open_connection("127.0.0.1", self.port), False
        except OSError as error:
            raise Broken("refused connection") from error

    def _request(self, method: str, path: str, body: Any, headers: Mapping[str, str]) -> bytes:
        content = msgspec.json.encode(body) if body is not None else b""
        lines = [
            f"{method} {path} HTTP/1.1",
            "host: chaos",
            f"authorization: Bearer {self.token}",
            f"content-length: {len(content)}",
            *(["content-type: application/json"] if content else []),
            *(f"{name}: {value}" for name, value in headers.items()),
        ]
        return "\r\n".join(lines).encode() + b"\r\n\r\n" + content

    def close(self) -> None:
        for _, writer in self._idle:
            writer.close()
        self._idle.clear()


async def read_head(reader: asyncio.StreamReader) -> tuple[int, dict[str, str]]:
    """Status and headers. Raises `IncompleteReadError`, `ValueError` or `OSError`."""
    head = await reader.readuntil(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    pairs = (line.partition(":") for line in lines if line)
    return int(first.split(" ", 2)[1]), {name.lower(): value.strip() for name, _, value in pairs}


async def read_answer(reader: asyncio.StreamReader) -> tuple[Answer, bool]:
    """A whole answer, and whether the connection may be used again."""
    status, headers = await read_head(reader)
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join([chunk async for chunk in chunks(reader)])
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    return Answer(status, headers, body), headers.get("connection") != "close"


async def chunks(reader: asyncio.StreamReader):
    """The chunks of a body up to its proper end."""
    while True:
        size = int((await reader.readuntil(b"\r\n")).split(b";")[0], 16)
        chunk = (await reader.readexactly(size + 2))[:-2]
        if not size:
            return
        yield chunk
