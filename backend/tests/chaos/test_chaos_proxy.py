"""The proxies: they pass on, they swallow, they cut; a balancer leaves out who is not ready."""

import asyncio
from collections.abc import AsyncIterator, Iterator

import pytest

from bench.servers import free_port
from chaos.installation import Proxies, start_proxies
from chaos.proxy import Gate, Route

pytestmark = pytest.mark.process
SILENCE_SECONDS = 0.3


@pytest.fixture
async def echo() -> AsyncIterator[int]:
    """A server that says everything back."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(1000):
            writer.write(data)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    yield server.sockets[0].getsockname()[1]
    server.close()


@pytest.fixture
def proxies(echo: int) -> Iterator[Proxies]:
    made = start_proxies([Route(name="way", port=free_port(), targets=[str(echo)])])
    yield made
    made.end()


async def silent(reader: asyncio.StreamReader) -> bool:
    try:
        async with asyncio.timeout(SILENCE_SECONDS):
            await reader.read(1)
    except TimeoutError:
        return True
    return False


async def test_what_is_sent_into_a_frozen_route_arrives_when_it_thaws(proxies: Proxies) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxies.ports["way"])
    writer.write(b"one")
    assert await reader.readexactly(3) == b"one"

    proxies.tell("freeze", "way")
    late_reader, late = await asyncio.open_connection("127.0.0.1", proxies.ports["way"])
    writer.write(b"two")
    late.write(b"new")
    assert await silent(reader)
    assert await silent(late_reader)
    proxies.tell("thaw", "way")

    assert await reader.readexactly(3) == b"two"
    assert await late_reader.readexactly(3) == b"new"
    writer.close()
    late.close()


async def test_a_cut_ends_every_connection_of_the_route_and_new_ones_work(proxies: Proxies) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", proxies.ports["way"])
    writer.write(b"one")
    assert await reader.readexactly(3) == b"one"

    proxies.tell("cut", "way")

    with pytest.raises((ConnectionError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", proxies.ports["way"])
    writer.write(b"two")
    assert await reader.readexactly(3) == b"two"
    writer.close()


def test_a_balancer_takes_turns_and_tries_those_that_are_out_last() -> None:
    gate = Gate(Route(name="front", port=1, targets=["1", "2", "3"], health=True))

    firsts = [gate.order()[0] for _ in range(6)]
    gate.out.add("2")

    assert sorted(firsts) == ["1", "1", "2", "2", "3", "3"]
    for _ in range(3):
        order = gate.order()
        assert (order[-1], sorted(order)) == ("2", ["1", "2", "3"])
