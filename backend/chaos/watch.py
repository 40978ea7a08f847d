"""Viewers of runs on bare connections: they come back after every break, and remember all they saw."""

import asyncio
import random
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import asyncpg

from chaos.children import clock
from chaos.http1 import chunks, read_head
from helium.core.events import decode_event, encode_event

ID = re.compile(rb"^id: (\d+)$", re.MULTILINE)
RETRY = re.compile(rb"^retry: (\d+)$", re.MULTILINE)
DATA = re.compile(rb'^data: \{"seq":(\d+),"at":"[^"]*",(.*)$', re.MULTILINE)
AT = re.compile(rb'"at":"([^"]*)"')
ENDS = re.compile(rb"^event: run\.(completed|failed|cancelled|incomplete)$", re.MULTILINE)


@dataclass(slots=True)
class Resumed:
    """One return to a stream: how long the client had been told to wait, and how long it took beside."""

    asked_seconds: float
    seconds: float
    """From the end of the old stream to the first event on the new one, without what was asked."""
    farewell: bool
    at: float


@dataclass(slots=True, eq=False)
class Watcher:
    """One viewer of one run."""

    run_id: str
    port: Callable[[], int]
    token: str
    dice: random.Random
    longest_pause: float = 5.0
    """A harness may come back sooner than it is asked to."""
    retry: float = 0.5
    """The pause after a break without a word: what the server said last."""
    seen: list[bytes] = field(default_factory=list[bytes])
    last: int = 0
    over: bool = False
    breaks: int = 0
    farewells: int = 0
    resets: int = 0
    refused: int = 0
    resumed: list[Resumed] = field(default_factory=list[Resumed])
    writer: asyncio.StreamWriter | None = None
    delays: list[tuple[float, float]] = field(default_factory=list[tuple[float, float]])
    """Of what came on an open stream: when it came (seconds since 1970), and how long after its commit."""
    _fresh: bool = False
    """Whether the stream was just opened, so that what comes first may be old."""
    _ended_at: float | None = None
    _asked: float = 0.0
    _farewell: bool = False

    async def follow(self) -> None:
        """Watch the run to its end."""
        while not self.over:
            try:
                await self._connect()
            except (OSError, asyncio.IncompleteReadError, ValueError, IndexError):
                self.breaks += 1
            if self.over:
                return
            self._ended_at = self._ended_at or clock.monotonic()
            if not self._farewell:
                self._asked = self.retry
            await clock.sleep(min(self._asked, self.longest_pause))

    async def _connect(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port())
        self.writer = writer
        try:
            writer.write(
                f"GET /v1/runs/{self.run_id}/events HTTP/1.1\r\nhost: chaos\r\nlast-event-id: "
                f"{self.last}\r\n"
                f"authorization: Bearer {self.token}\r\n\r\n".encode()
            )
            status, _ = await read_head(reader)
            self._fresh = True
            if status != 200:
                self.refused += 1
                return
            async for chunk in chunks(reader):
                self._take(chunk)
                if self.over:
                    return
            self._ended_at = clock.monotonic()
        finally:
            writer.close()
            self.writer = None

    def _take(self, chunk: bytes) -> None:
        if chunk.startswith(b"retry: ") and (told := RETRY.findall(chunk)):
            self.retry = int(told[-1]) / 1e3
        if b"event: reset\n" in chunk:
            self.resets += 1
        if numbers := ID.findall(chunk):
            self.seen.append(chunk)
            self.last = int(numbers[-1])
            self._note_return()
            self._note_delay(chunk)
            if ENDS.search(chunk):
                self.over = True
        if b"event: reconnect\n" in chunk:
            self.farewells += 1
            self._farewell = True
            self._asked = int(RETRY.findall(chunk)[-1]) / 1e3
            self._ended_at = clock.monotonic()

    def _note_delay(self, chunk: bytes) -> None:
        if not self._fresh and (at := AT.search(chunk)):
            now = clock.time()
            self.delays.append((now, now - datetime.fromisoformat(at[1].decode()).timestamp()))
        self._fresh = False

    def _note_return(self) -> None:
        if self._ended_at is not None:
            asked = min(self._asked, self.longest_pause)
            now = clock.monotonic()
            self.resumed.append(Resumed(asked, now - self._ended_at - asked, self._farewell, now))
        self._ended_at = None
        self._farewell = False

    def cut(self) -> None:
        """Break the connection, if there is one, as a network would."""
        if self.writer is not None:
            self.writer.transport.abort()

    @property
    def shown(self) -> list[tuple[int, bytes]]:
        """All that was shown, in its order: number and event."""
        return [(int(seq), b"{" + event) for seq, event in DATA.findall(b"".join(self.seen))]


async def the_log(connection: asyncpg.Connection, run_id: str) -> list[tuple[int, bytes]]:
    """The run's stored events, in the form in which a viewer is shown them."""
    rows = await connection.fetch(
        "select seq, payload from event where run_id = $1 order by seq", run_id.removeprefix("run_")
    )
    return [(row["seq"], encode_event(decode_event(row["payload"]))) for row in rows]


async def differing(
    watchers: list[Watcher], read: Callable[[str], Awaitable[list[tuple[int, bytes]]]]
) -> list[str]:
    """What some viewer saw that is not the log; [] if all is well. A run without an end has a prefix."""
    found: list[str] = []
    logs: dict[str, list[tuple[int, bytes]]] = {}
    for watcher in watchers:
        if watcher.run_id not in logs:
            logs[watcher.run_id] = await read(watcher.run_id)
        if wrong := difference(watcher.shown, logs[watcher.run_id], whole=watcher.over):
            found.append(f"{watcher.run_id}: {wrong}")
    return found


def difference(shown: list[tuple[int, bytes]], log: list[tuple[int, bytes]], *, whole: bool) -> str | None:
    """How what was shown differs from the log, or None; unless `whole`, its end may be missing."""
    numbers = [seq for seq, _ in shown]
    if len(set(numbers)) < len(numbers):
        return f"{len(numbers) - len(set(numbers))} events twice"
    if numbers != list(range(1, len(numbers) + 1)):
        return "numbers with a gap, or out of order"
    if whole and len(shown) != len(log):
        return f"{len(shown)} events, the log has {len(log)}"
    for (seq, mine), (_, stored) in zip(shown, log, strict=False):
        if mine != stored:
            return f"event {seq} is {mine[:80]!r}, in the log {stored[:80]!r}"
    return None if len(shown) <= len(log) else "more events than the log has"
