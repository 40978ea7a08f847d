"""Many users at once, each on a connection of its own, reading every event to the end.

A process of its own: the order comes as JSON on standard input, the samples leave on standard output.
"""

import asyncio
import gc
import resource
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvloop

from bench.levels import expected_text
from bench.wire import MARKERS, Answer, Dialect, fault, request_bytes

CONNECT_AT_ONCE = 100


class Order(msgspec.Struct, kw_only=True):
    """What to play."""

    port: int
    dialect: Dialect
    model: str
    tokens: int
    users: int
    rounds: int
    timeout_seconds: float
    token: str = ""


class Played(msgspec.Struct, kw_only=True):
    """What came of it; the times in milliseconds, of right runs only."""

    seconds: float
    accept_ms: list[float]
    first_ms: list[float]
    total_ms: list[float]
    bytes_received: int
    errors: dict[str, int]
    reconnects: int
    client_cpu_seconds: float

    @property
    def runs(self) -> int:
        return len(self.total_ms)


@dataclass(slots=True)
class Run:
    """One request and its answer."""

    answer: Answer
    began: float
    ended: asyncio.Future[None]
    accept_at: float = 0.0
    first_at: float = 0.0
    end_at: float = 0.0
    error: str | None = None


class Connection(asyncio.Protocol):
    """One user's socket."""

    def __init__(self) -> None:
        self._transport: Any = None  # uvloop's transports are no subclass of asyncio's
        self._run: Run | None = None
        self.bytes_received = 0

    @property
    def open(self) -> bool:
        return self._transport is not None and not self._transport.is_closing()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def start(self, request: bytes, marker: bytes) -> Run:
        """Send the request. The run's future ends with the answer, or with the connection."""
        ended = asyncio.get_running_loop().create_future()
        self._run = Run(Answer(marker), time.perf_counter(), ended)
        self._transport.write(request)
        return self._run

    def data_received(self, data: bytes) -> None:
        self.bytes_received += len(data)
        run = self._run
        if run is None:
            return
        answer = run.answer
        answer.feed(data)
        if not run.first_at:
            now = time.perf_counter()
            if answer.head_seen and not run.accept_at:
                run.accept_at = now
            if answer.token_seen:
                run.first_at = now
        if answer.complete:
            self._end()

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("connection lost")

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    def _end(self, error: str | None = None) -> None:
        run, self._run = self._run, None
        if run is not None:
            run.end_at = time.perf_counter()
            run.error = error
            if not run.ended.done():
                run.ended.set_result(None)


@dataclass
class Crowd:
    """All users of one order."""

    order: Order
    connections: list[Connection] = field(default_factory=list[Connection])
    runs: list[Run] = field(default_factory=list[Run])
    reconnects: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])

    async def connect(self) -> Connection:
        loop = asyncio.get_running_loop()
        _, connection = await loop.create_connection(Connection, "127.0.0.1", self.order.port)
        self.connections.append(connection)
        return connection

    async def gather(self) -> list[Connection]:
        """A connection for every user, in groups that fit a listen queue."""
        gathered: list[Connection] = []
        while (missing := self.order.users - len(gathered)) > 0:
            group = [self.connect() for _ in range(min(missing, CONNECT_AT_ONCE))]
            gathered += await asyncio.gather(*group)
        return gathered

    async def user(self, connection: Connection) -> None:
        order = self.order
        request = request_bytes(order.dialect, order.port, order.model, order.token)
        for _ in range(order.rounds):
            if not connection.open:
                self.reconnects += 1
                try:
                    connection = await self.connect()
                except OSError as error:
                    self.refused[f"no connection: {error.strerror}"] += 1
                    continue
            run = connection.start(request, MARKERS[order.dialect])
            self.runs.append(run)
            await run.ended

    async def play(self) -> Played:
        connections = await self.gather()
        cpu_before, began = _cpu_seconds(), time.perf_counter()
        users = [asyncio.ensure_future(self.user(connection)) for connection in connections]
        finished, unfinished = await asyncio.wait(users, timeout=self.order.timeout_seconds)
        seconds, cpu = time.perf_counter() - began, _cpu_seconds() - cpu_before
        for user in unfinished:
            user.cancel()
        for user in finished:
            user.result()
        played = self.sum_up(seconds, cpu)
        for connection in self.connections:
            connection.close()
        return played

    def sum_up(self, seconds: float, cpu: float) -> Played:
        """Check every answer, now that no clock runs."""
        text, errors, right = expected_text(self.order.tokens), Counter(self.refused), list[Run]()
        for run in self.runs:
            if not run.end_at:
                error = f"not finished in {self.order.timeout_seconds:g} s"
            else:
                error = run.error or fault(run.answer, self.order.dialect, text)
            if error:
                errors[error] += 1
            else:
                right.append(run)
        never = self.order.users * self.order.rounds - len(self.runs) - self.refused.total()
        if never:
            errors["never started"] += never
        return Played(
            seconds=seconds,
            accept_ms=[(run.accept_at - run.began) * 1000 for run in right],
            first_ms=[(run.first_at - run.began) * 1000 for run in right],
            total_ms=[(run.end_at - run.began) * 1000 for run in right],
            bytes_received=sum(connection.bytes_received for connection in self.connections),
            errors=dict(errors),
            reconnects=self.reconnects,
            client_cpu_seconds=cpu,
        )


def _cpu_seconds() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


if __name__ == "__main__":
    gc.disable()
    order = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(uvloop.run(Crowd(order).play())))
    sys.stdout.buffer.flush()  # here, where a failure is an exit code, and not while Python ends
