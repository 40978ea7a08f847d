"""A name server of a test's own, on loopback: each name has the addresses that the test gives it."""

import asyncio
import socket
import struct
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager

HEADER = struct.Struct(">HHHHHH")
ANSWERED, NO_SUCH_NAME = 0x8180, 0x8183
ADDRESS, INTERNET, SECONDS = 1, 1, 1


class Names(asyncio.DatagramProtocol):
    """Answers questions for addresses (A records), which are to be asked again after a second."""

    def __init__(self, names: Mapping[str, Sequence[str]]) -> None:
        self._names = names

    def connection_made(self, transport: asyncio.DatagramTransport) -> None:
        self._transport = transport

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        number, *_ = HEADER.unpack_from(data)
        question = data[HEADER.size :].partition(b"\0")[0] + b"\0" + struct.pack(">HH", ADDRESS, INTERNET)
        found = self._names.get(_read(data), ())
        flags = ANSWERED if found else NO_SUCH_NAME
        record = struct.pack(">HHHIH", 0xC00C, ADDRESS, INTERNET, SECONDS, 4)
        answers = b"".join(record + socket.inet_aton(each) for each in found)
        head = HEADER.pack(number, flags, 1, len(found), 0, 0)
        self._transport.sendto(head + question + answers, addr)


def _read(data: bytes) -> str:
    labels: list[str] = []
    at = HEADER.size
    while length := data[at]:
        labels.append(data[at + 1 : at + 1 + length].decode())
        at += 1 + length
    return ".".join(labels)


@asynccontextmanager
async def name_server(names: Mapping[str, Sequence[str]]) -> AsyncGenerator[int]:
    """Its port. `names` may be changed meanwhile."""
    loop = asyncio.get_running_loop()
    transport, _ = await loop.create_datagram_endpoint(lambda: Names(names), local_addr=("127.0.0.1", 0))
    try:
        yield transport.get_extra_info("sockname")[1]
    finally:
        transport.close()
