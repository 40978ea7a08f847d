"""`python -m chaos.proxy ROUTES`: a process that passes connections on, and can be a black hole.

Each route listens on a port and leads to its targets in turn: `unix:/path` or a port of this machine. A
route with `health` is a balancer as a service has in front: it leaves out a target whose `/api/ready` does
not say 200, and cuts the connections of one that does not answer at all. Lines on stdin: `freeze NAME`
(nothing passes any more, nobody is told), `thaw NAME`, `cut NAME` (all its connections at once).
"""

import asyncio
import gc
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec
import uvloop

CHECK_SECONDS = 0.25
CHECK_TIMEOUT_SECONDS = 1.0
MISSES = 2
"""Checks in a row without an answer after which a target is out; one may be the machine's fault."""


class Route(msgspec.Struct, kw_only=True):
    name: str
    port: int
    targets: list[str]
    health: bool = False


class Leg(asyncio.Protocol):
    """One side of a connection; what it reads is written to the other side."""

    def __init__(self, pair: "Pair") -> None:
        self.pair = pair
        self.transport: Any = None
        self.held: list[bytes] = []
        """Read, and not passed on: the other side is not there yet, or the route is frozen."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        other = self.pair.other(self)
        if self.pair.gate.frozen or other.transport is None:
            self.held.append(data)
            self.read(False)
        else:
            other.transport.write(data)

    def flow(self) -> None:
        """Pass on what was held, and read on."""
        other = self.pair.other(self)
        if self.held and other.transport is not None and not other.transport.is_closing():
            other.transport.writelines(self.held)
        self.held.clear()
        self.read(True)

    def read(self, on: bool) -> None:
        if self.transport is not None and not self.transport.is_closing():
            self.transport.resume_reading() if on else self.transport.pause_reading()

    def eof_received(self) -> bool:
        other = self.pair.other(self).transport
        if other is not None and other.can_write_eof():
            other.write_eof()
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.pair.end(self, broken=exc is not None)

    def pause_writing(self) -> None:
        self.pair.other(self).read(False)

    def resume_writing(self) -> None:
        if not self.pair.gate.frozen:
            self.pair.other(self).read(True)


class Pair:
    """A client's connection and the one to the target."""

    def __init__(self, gate: "Gate") -> None:
        self.gate = gate
        self.client = ClientLeg(self)
        self.server = Leg(self)
        self.target = ""

    def other(self, leg: Leg) -> Leg:
        return self.server if leg is self.client else self.client

    def end(self, leg: Leg, *, broken: bool) -> None:
        self.gate.pairs.discard(self)
        other = self.other(leg).transport
        if other is not None:
            other.abort() if broken else other.close()

    def abort(self) -> None:
        for leg in (self.client, self.server):
            if leg.transport is not None:
                leg.transport.abort()


class ClientLeg(Leg):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self.pair.gate.pairs.add(self.pair)
        self.pair.gate.connecting.add(task := asyncio.ensure_future(self.pair.gate.connect(self.pair)))
        task.add_done_callback(self.pair.gate.connecting.discard)


@dataclass(eq=False)
class Gate:
    """One route, live."""

    route: Route
    frozen: bool = False
    pairs: set[Pair] = field(default_factory=set[Pair])
    connecting: "set[asyncio.Future[None]]" = field(default_factory=set["asyncio.Future[None]"])
    out: set[str] = field(default_factory=set[str])
    """Targets that are not ready."""
    silent: dict[str, int] = field(default_factory=dict[str, int])
    """How often in a row each did not answer."""
    _turn: int = 0
    _flowing: asyncio.Event = field(default_factory=asyncio.Event)

    def order(self) -> list[str]:
        """The targets to try, the ready ones first, each time beginning with another one."""
        targets = self.route.targets
        self._turn = (self._turn + 1) % len(targets)
        turned = [*targets[self._turn :], *targets[: self._turn]]
        return sorted(turned, key=lambda target: target in self.out)

    async def connect(self, pair: Pair) -> None:
        if self.frozen:
            await self._flowing.wait()
        for target in self.order():
            try:
                await dial(target, pair.server)
            except OSError:
                if self.route.health:
                    self.out.add(target)
                continue
            pair.target = target
            if pair not in self.pairs:
                pair.abort()
            elif not self.frozen:
                pair.client.flow()
            return
        if pair.client.transport is not None:
            pair.client.transport.abort()

    def freeze(self) -> None:
        self.frozen = True
        self._flowing.clear()
        for pair in self.pairs:
            for leg in (pair.client, pair.server):
                leg.read(False)

    def thaw(self) -> None:
        self._flowing.set()
        if not self.frozen:
            return
        self.frozen = False
        for pair in self.pairs:
            if pair.server.transport is not None:
                for leg in (pair.client, pair.server):
                    leg.flow()

    def cut(self) -> None:
        for pair in list(self.pairs):
            pair.abort()

    async def check(self) -> None:
        """Ask each target whether it is ready, for ever."""
        while True:
            await asyncio.gather(*(self._check(target) for target in self.route.targets))
            await asyncio.sleep(CHECK_SECONDS)  # noqa: TID251 - this process has no other clock

    async def _check(self, target: str) -> None:
        status = await ask_ready(target)
        self.silent[target] = 0 if status is not None else self.silent.get(target, 0) + 1
        if status == 200:
            self.out.discard(target)
        elif status is not None:
            self.out.add(target)
        elif self.silent[target] >= MISSES:
            self.out.add(target)
            if len(self.out) < len(self.route.targets):
                for pair in [pair for pair in self.pairs if pair.target == target]:
                    pair.abort()


async def dial(target: str, leg: Leg) -> None:
    loop = asyncio.get_running_loop()
    if target.startswith("unix:"):
        await loop.create_unix_connection(lambda: leg, target.removeprefix("unix:"))
    else:
        await loop.create_connection(lambda: leg, "127.0.0.1", int(target))


async def ask_ready(target: str) -> int | None:
    """The status of `/api/ready`; None if there is no answer in time."""
    writer = None
    try:
        async with asyncio.timeout(CHECK_TIMEOUT_SECONDS):
            reader, writer = await asyncio.open_connection("127.0.0.1", int(target))
            writer.write(b"GET /api/ready HTTP/1.1\r\nhost: balancer\r\nconnection: close\r\n\r\n")
            head = await reader.readuntil(b"\r\n")
            return int(head.split()[1])
    except (OSError, TimeoutError, asyncio.IncompleteReadError, ValueError, IndexError):
        return None
    finally:
        if writer is not None:
            writer.close()


async def obey(gates: dict[str, Gate]) -> None:
    """Carry out the lines on stdin until it is closed, then end."""
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        verb, _, name = line.decode().strip().partition(" ")
        if verb in ("freeze", "thaw", "cut"):
            getattr(gates[name], verb)()


async def serve(routes: Sequence[Route]) -> None:
    gates = {route.name: Gate(route) for route in routes}
    loop = asyncio.get_running_loop()
    checks: list[asyncio.Task[None]] = []
    for gate in gates.values():
        gate.thaw()
        await loop.create_server(
            lambda gate=gate: Pair(gate).client, "127.0.0.1", gate.route.port, backlog=4096
        )
        if gate.route.health:
            checks.append(asyncio.create_task(gate.check()))
    gc.freeze()
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    await obey(gates)


if __name__ == "__main__":
    uvloop.run(serve(msgspec.json.decode(sys.argv[1], type=list[Route])))
