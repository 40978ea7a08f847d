"""New connections: names become addresses, TLS is verified, proxies are asked for a tunnel."""

import asyncio
import socket
import ssl
from asyncio.staggered import staggered_race
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from ipaddress import ip_address
from itertools import chain, zip_longest
from typing import Any, TypeVar

from helium.adapters.providers.http1 import MAX_HEAD, Broken
from helium.adapters.providers.http1_route import Origin, Proxy

DNS_SECONDS = 60.0
NEXT_ADDRESS_SECONDS = 0.25
"""How long one address of a host may take before the next is tried beside it (RFC 8305)."""

P = TypeVar("P", bound=asyncio.BaseProtocol)


class NotConnected(Exception):
    """No connection in the time that was given."""


class Dialer:
    """Opens connections. `tls` replaces the machine's own trust (`SSL_CERT_FILE`, `SSL_CERT_DIR`)."""

    def __init__(self, *, seconds: float, tls: ssl.SSLContext | None = None) -> None:
        self._seconds = seconds
        self._tls = tls
        self._tls_lock = asyncio.Lock()
        self._names = _Names()

    async def dial(self, origin: Origin, make: Callable[[], P]) -> P:
        """A protocol on a new connection, through the origin's proxy if it has one.

        Raises `NotConnected` when it takes too long, `Broken` for a proxy that says no, and `OSError`.
        """
        try:
            async with asyncio.timeout(self._seconds):
                if origin.proxy is not None:
                    return await self._through(origin.proxy, origin, make())
                return await self._direct(origin, make)
        except TimeoutError:
            raise NotConnected from None

    async def _direct(self, origin: Origin, make: Callable[[], P]) -> P:
        loop = asyncio.get_running_loop()
        tls = await self._context() if origin.tls else None
        addresses = await self._names.find(origin.host, origin.port)

        async def attempt(address: str) -> P:
            _, protocol = await loop.create_connection(
                make, address, origin.port, ssl=tls, server_hostname=origin.host if tls else None
            )
            return protocol

        try:
            return await _first(attempt, addresses)
        except OSError:
            self._names.forget(origin.host)
            raise

    async def _through(self, proxy: Proxy, origin: Origin, protocol: P) -> P:
        tls = await self._context()
        tunnel = await self._direct(proxy.origin, _Tunnel)
        try:
            transport = await tunnel.open(proxy.connect_head(origin.host, origin.port))
            loop = asyncio.get_running_loop()
            inner = await loop.start_tls(transport, protocol, tls, server_hostname=origin.host)
            if inner is None:
                raise Broken("the proxy closed the connection")
            protocol.connection_made(inner)
        except BaseException:
            tunnel.abort()
            raise
        return protocol

    async def _context(self) -> ssl.SSLContext:
        async with self._tls_lock:
            if self._tls is None:
                self._tls = await asyncio.to_thread(_system_trust)  # it reads 150 certificates: 30 ms
            return self._tls


def _system_trust() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.set_alpn_protocols(["http/1.1"])
    return context


async def _first(attempt: Callable[[str], Coroutine[None, None, P]], addresses: Sequence[str]) -> P:
    """The first attempt that succeeds; each starts when the one before failed or was slow."""
    if len(addresses) == 1:
        return await attempt(addresses[0])
    attempts = [partial(attempt, address) for address in addresses]
    protocol, _, errors = await staggered_race(attempts, NEXT_ADDRESS_SECONDS)
    if protocol is not None:
        return protocol
    raise next((e for e in errors if isinstance(e, OSError)), Broken("no address could be reached"))


class _Names:
    """Addresses of hosts, remembered for a while; many who ask at once share one answer."""

    def __init__(self) -> None:
        self._known: dict[str, _Name] = {}

    async def find(self, host: str, port: int) -> Sequence[str]:
        if _is_address(host):
            return (host,)
        name = self._known.setdefault(host, _Name())
        async with name.lock:
            loop = asyncio.get_running_loop()
            if name.until <= loop.time():
                found = await _lookup(host, port)
                name.addresses = _interleaved([(family, str(a[0])) for family, *_, a in found])
                name.until = loop.time() + DNS_SECONDS
            return name.addresses

    def forget(self, host: str) -> None:
        self._known.pop(host, None)


async def _lookup(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    return await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)


class _Name:
    __slots__ = ("addresses", "lock", "until")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.until = 0.0
        self.addresses: Sequence[str] = ()


def _interleaved(found: Sequence[tuple[int, str]]) -> Sequence[str]:
    """The addresses in the system's order, but the two families in turn: one of them may be cut off."""
    preferred = [address for family, address in found if family == found[0][0]]
    others = [address for family, address in found if family != found[0][0]]
    return tuple(dict.fromkeys(a for a in chain(*zip_longest(preferred, others)) if a is not None))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


class _Tunnel(asyncio.Protocol):
    """Asks a proxy for a way through. Its answer is a head without a body."""

    def __init__(self) -> None:
        self._transport: asyncio.Transport | None = None
        self._answer = asyncio.get_running_loop().create_future()
        self._head = b""

    async def open(self, request: bytes) -> asyncio.Transport:
        """The transport, from here on the target's. Raises `Broken` if the proxy refuses."""
        transport = self._transport
        if transport is None:
            raise Broken("the proxy closed the connection")
        transport.write(request)
        await self._answer
        _, _, rest = self._head.partition(b" ")
        status = rest[:3].decode("latin-1")
        if not status.startswith("2"):
            raise Broken(f"the proxy answered {status}" if status.isdigit() else "the proxy spoke no HTTP")
        return transport

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # uvloop's transports are no subclasses of `asyncio.Transport`, so this cannot be narrowed by asking.
    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._head += data
        if (b"\r\n\r\n" in self._head or len(self._head) > MAX_HEAD) and not self._answer.done():
            self._answer.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        if not self._answer.done():
            self._answer.set_exception(Broken("the proxy closed the connection"))
