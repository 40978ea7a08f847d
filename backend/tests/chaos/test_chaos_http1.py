"""A request on a kept connection that is closed beneath it."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from chaos.http1 import Broken, Http

ANSWER = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nhi"


@asynccontextmanager
async def server(second: bytes) -> AsyncGenerator[tuple[int, list[int]]]:
    """Answers the first request of each connection; of the first connection's second request it sends
    only `second`, and closes. Its port, and the number of requests of each connection."""
    requests: list[int] = []
    serving: set[asyncio.Task[object] | None] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        number = len(requests)
        requests.append(0)
        serving.add(asyncio.current_task())
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                requests[number] += 1
                if number == 0 and requests[0] == 2:
                    writer.write(second)
                    break
                writer.write(ANSWER)
        except asyncio.IncompleteReadError:
            pass
        writer.close()
        await writer.wait_closed()

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield listener.sockets[0].getsockname()[1], requests
        await asyncio.gather(*(task for task in serving if task is not None))


async def test_guard_a_request_beneath_which_a_kept_connection_was_closed_is_sent_once_more() -> None:
    async with server(b"") as (port, requests):
        http = Http(port, "token", resends=True)
        first, second = await http.ask("GET", "/"), await http.ask("GET", "/")
        http.close()
    assert [(answer.status, answer.resent) for answer in (first, second)] == [(200, False), (200, True)]
    assert requests == [2, 1]


async def test_who_counts_strictly_is_told_that_the_connection_was_cut() -> None:
    async with server(b"") as (port, requests):
        http = Http(port, "token")
        await http.ask("GET", "/")
        with pytest.raises(Broken, match="idle before"):
            await http.ask("GET", "/")
        http.close()
    assert requests == [2]


async def test_an_answer_that_has_begun_is_not_asked_for_again() -> None:
    async with server(ANSWER[:-1]) as (port, requests):
        http = Http(port, "token", resends=True)
        await http.ask("GET", "/")
        with pytest.raises(Broken, match="truncated"):
            await http.ask("GET", "/")
        http.close()
    assert requests == [2]
