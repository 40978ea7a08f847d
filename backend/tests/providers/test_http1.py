"""The HTTP/1.1 client on raw sockets, over asyncio's loop and uvloop's (see `conftest.py`)."""

import asyncio
import gc
import socket
from collections.abc import AsyncIterator, Sequence

import pytest

from helium.adapters.providers.http1 import MAX_BUFFERED, MAX_HEAD, Broken, Connection, Response
from helium.adapters.providers.http1_dial import NotConnected
from helium.adapters.providers.http1_pool import Pool
from helium.adapters.providers.http1_route import route_to

from .wires import Serve, Server, Wire, server


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    made = Pool(connect_seconds=5.0)
    yield made
    await made.aclose()


async def post(pool: Pool, to: Server, body: bytes = b"ask") -> Response:
    route = route_to(f"http://127.0.0.1:{to.port}/path?a=b")
    head = route.post_head({"X": "y"}) + b"Content-Length: %d\r\n\r\n" % len(body)
    async with asyncio.timeout(5):
        return await pool.post(route, head, body)


async def rest(response: Response) -> bytes:
    """The body to its end; then the connection is given back."""
    data = b""
    async with asyncio.timeout(5):
        while piece := await response.readany():
            data += piece
    assert response.at_eof()
    response.release()
    return data


def says(*answers: bytes, close: bool = False) -> Serve:
    """One answer after another on each connection, the last one for ever; then perhaps the end."""

    async def serve(wire: Wire) -> None:
        turn = 0
        while True:
            await wire.request()
            await wire.send(answers[min(turn, len(answers) - 1)])
            turn += 1
            if close:
                return

    return serve


CHUNKED = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
HELLO = CHUNKED + b"3\r\nhel\r\n2\r\nlo\r\n0\r\n\r\n"

WHOLE = {
    "of a known length": PLAIN,
    "in chunks": HELLO,
    "in chunks with extensions": CHUNKED + b'3;a=1;b="x"\r\nhel\r\n2;c\r\nlo\r\n0;d\r\n\r\n',
    "with trailers": CHUNKED + b"5\r\nhello\r\n0\r\nA: 1\r\nB: 2\r\n\r\n",
    "after interim answers": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nLink: x\r\n\r\n" + PLAIN,
}


class Pieces(asyncio.Transport):
    """A transport that answers a request with these pieces, each by itself."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        super().__init__()
        self.kept = 0
        self.aborted = False
        self.closed = False
        self._pieces = pieces
        self.connection = Connection(self._keep)
        self.connection.connection_made(self)

    def _keep(self, connection: Connection) -> None:
        self.kept += 1

    def write(self, data: bytes | bytearray | memoryview) -> None:
        for piece in self._pieces:
            asyncio.get_running_loop().call_soon(self.connection.data_received, piece)

    def get_write_buffer_size(self) -> int:
        return 0

    def abort(self) -> None:
        self.aborted = True

    def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize("how", WHOLE)
async def test_an_answer_is_whole_wherever_the_network_splits_it(how: str) -> None:
    answer = WHOLE[how]
    splits = [[answer[:at], answer[at:]] for at in range(1, len(answer))]
    for pieces in [*splits, [answer[at : at + 1] for at in range(len(answer))]]:
        transport = Pieces(pieces)
        response = await transport.connection.exchange(b"head", b"body")
        assert response.status == 200
        assert await rest(response) == b"hello"
        assert not response.headers.keys() & {"link", "a", "b"}
        assert (transport.kept, transport.aborted) == (1, False)


SPOILED = {
    "a second answer": PLAIN + PLAIN,
    "bytes after the end": PLAIN + b"x",
    "an answer that closes": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "an answer of HTTP/1.0": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
}


@pytest.mark.parametrize("how", SPOILED)
async def test_a_connection_is_not_kept_after(how: str) -> None:
    for pieces in ([SPOILED[how]], [SPOILED[how][:-1], SPOILED[how][-1:]]):
        transport = Pieces(pieces)
        assert await rest(await transport.connection.exchange(b"head", b"body")) == b"hello"
        assert (transport.kept, transport.aborted) == (0, True)


NO_HTTP = {
    "no HTTP": b"SSH-2.0-OpenSSH\r\n",
    "another protocol": b"HTTP/1.1 101 X\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "two lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
    "headers without end": b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD,
    "long headers": b"HTTP/1.1 200 OK\r\nX: " + b"x" * MAX_HEAD + b"\r\nContent-Length: 1\r\n\r\nx",
    "interim answers without end": b"HTTP/1.1 100 Continue\r\n\r\n" * 3000,
}


@pytest.mark.parametrize("how", NO_HTTP)
async def test_it_is_broken_to_send(how: str) -> None:
    transport = Pieces([NO_HTTP[how]])
    with pytest.raises(Broken, match=r"no HTTP/1\.1 answer|headers are too long"):
        await transport.connection.exchange(b"head", b"body")
    assert transport.aborted


async def test_trailers_without_end_break_an_answer() -> None:
    transport = Pieces([CHUNKED + b"5\r\nhello\r\n0\r\nA: ", b"x" * (MAX_HEAD + 1)])
    response = await transport.connection.exchange(b"head", b"body")
    assert await response.readany() == b"hello"
    with pytest.raises(Broken, match="too long"):
        await response.readany()


async def test_bytes_wake_a_reader_only_after_its_rest() -> None:
    transport = Pieces([CHUNKED])
    response = await transport.connection.exchange(b"head", b"body")
    waiter = response.arrival(rest=True)
    transport.connection.data_received(b"1\r\na\r\n")
    assert not waiter.done()
    response.wake()
    assert (waiter.done(), response.read_nowait()) == (True, b"a")

    waiter = response.arrival(rest=True)
    response.wake()
    assert not waiter.done()
    transport.connection.data_received(b"1\r\nb\r\n")
    assert (waiter.done(), response.read_nowait()) == (True, b"b")

    waiter = response.arrival(rest=True)
    transport.connection.data_received(b"0\r\n\r\n")
    assert (waiter.done(), response.at_eof()) == (True, True)


async def test_a_request_goes_out_with_its_headers_and_its_body(pool: Pool) -> None:
    asked: list[tuple[str, dict[str, str], bytes]] = []

    async def serve(wire: Wire) -> None:
        asked.append(await wire.request())
        await wire.send(PLAIN)

    async with server(serve) as to:
        await rest(await post(pool, to, b"x" * 200_000))
    headers = {"Host": f"127.0.0.1:{to.port}", "X": "y", "Content-Length": "200000"}
    assert asked == [("POST /path?a=b HTTP/1.1", headers, b"x" * 200_000)]


async def test_headers_have_lower_names_and_one_value(pool: Pool) -> None:
    answer = b"HTTP/1.1 429 No\r\nRetry-After: 7\r\nX-A: 1\r\nx-a: 2\r\nContent-Length: 0\r\n\r\n"
    async with server(says(answer)) as to:
        response = await post(pool, to)
        assert await rest(response) == b""
    assert (response.status, response.headers) == (
        429,
        {"retry-after": "7", "x-a": "1, 2", "content-length": "0"},
    )


async def test_a_connection_is_kept_for_the_next_request(pool: Pool) -> None:
    async with server(says(HELLO, PLAIN, *WHOLE.values())) as to:
        for _ in range(8):
            assert await rest(await post(pool, to)) == b"hello"
        assert to.connections == 1


async def test_requests_at_once_have_a_connection_each_and_keep_them(pool: Pool) -> None:
    async with server(says(PLAIN)) as to:
        for _ in range(2):
            responses = await asyncio.gather(*(post(pool, to) for _ in range(20)))
            assert [await rest(response) for response in responses] == [b"hello"] * 20
        assert to.connections == 20


async def test_an_answer_that_is_over_leaves_no_garbage(pool: Pool) -> None:
    async with server(says(HELLO)) as to:
        gc.collect()
        gc.disable()
        try:
            await rest(await post(pool, to))
            left = [thing for thing in gc.get_objects() if isinstance(thing, Response)]
        finally:
            gc.enable()
    assert left == []


async def test_an_answer_may_end_with_the_connection(pool: Pool) -> None:
    async with server(says(b"HTTP/1.1 200 OK\r\n\r\nhello", close=True)) as to:
        assert [await rest(await post(pool, to)) for _ in range(2)] == [b"hello"] * 2
        assert to.connections == 2


@pytest.mark.parametrize("answer", [HELLO[:-5], PLAIN[:-1]])
async def test_a_server_that_closes_too_early_breaks_the_answer_after_its_last_byte(
    answer: bytes, pool: Pool
) -> None:
    async with server(says(answer, close=True)) as to:
        response = await post(pool, to)
        with pytest.raises(Broken, match="before the end"):
            await rest(response)
        response.release()


@pytest.mark.parametrize("answer", [b"", b"HTTP/1.1 200 OK\r\nX: "])
async def test_a_server_that_closes_without_an_answer_is_broken(answer: bytes, pool: Pool) -> None:
    async with server(says(answer, close=True)) as to:
        with pytest.raises(Broken):
            await post(pool, to)
        assert to.connections == 1


async def test_a_kept_connection_that_was_closed_is_not_used(pool: Pool) -> None:
    async def serve(wire: Wire) -> None:
        await wire.request()
        await wire.send(PLAIN)
        if wire.number > 1:
            await wire.request()

    async with server(serve) as to:
        await rest(await post(pool, to))
        await rest(await post(pool, to))
        assert to.connections == 2


async def test_a_kept_connection_that_dies_under_a_request_is_replaced_once(pool: Pool) -> None:
    asked: list[bytes] = []

    async def serve(wire: Wire) -> None:
        asked.append((await wire.request())[2])
        await wire.send(PLAIN)
        asked.append((await wire.request())[2])

    async with server(serve) as to:
        await rest(await post(pool, to, b"1"))
        await rest(await post(pool, to, b"2"))
        assert (asked, to.connections) == ([b"1", b"2", b"2"], 2)


async def test_a_kept_connection_that_dies_in_the_middle_of_an_answer_is_not_replaced(pool: Pool) -> None:
    async def serve(wire: Wire) -> None:
        await wire.request()
        await wire.send(PLAIN)
        await wire.request()
        await wire.send(b"HTTP/1.1")

    async with server(serve) as to:
        await rest(await post(pool, to))
        with pytest.raises(Broken, match="before the end"):
            await post(pool, to)
        assert to.connections == 1


async def test_bytes_that_nobody_asked_for_end_a_kept_connection() -> None:
    transport = Pieces([PLAIN])
    await rest(await transport.connection.exchange(b"head", b"body"))
    assert (transport.kept, transport.connection.closed) == (1, False)
    transport.connection.data_received(b"HTTP/1.1 408 Late\r\n\r\n")
    assert (transport.connection.closed, transport.closed) == (True, True)


async def test_what_nobody_uses_is_closed_after_a_while() -> None:
    left = asyncio.Event()

    async def serve(wire: Wire) -> None:
        await wire.request()
        await wire.send(PLAIN)
        await wire.reader.read()
        left.set()

    pool = Pool(idle_seconds=0.05)
    async with server(serve) as to:
        await rest(await post(pool, to))
        async with asyncio.timeout(5):
            await left.wait()
    await pool.aclose()


@pytest.mark.asyncio(loop_factories=["asyncio"])
async def test_what_was_kept_for_too_long_is_not_used(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = asyncio.get_running_loop()
    async with server(says(PLAIN)) as to:
        await rest(await post(pool, to))
        later = loop.time() + 31
        monkeypatch.setattr(loop, "time", lambda: later)
        await rest(await post(pool, to))
        monkeypatch.undo()
        assert to.connections == 2


async def test_closing_an_answer_early_closes_its_connection(pool: Pool) -> None:
    left = asyncio.Event()

    async def serve(wire: Wire) -> None:
        await wire.request()
        await wire.send(CHUNKED + b"5\r\nhello\r\n")
        try:
            await wire.reader.read()
        finally:
            left.set()

    async with server(serve) as to:
        response = await post(pool, to)
        response.close()
        response.release()
        async with asyncio.timeout(5):
            await left.wait()


async def test_a_request_that_is_given_up_closes_its_connection(pool: Pool) -> None:
    asked, left = asyncio.Event(), asyncio.Event()

    async def serve(wire: Wire) -> None:
        await wire.request()
        asked.set()
        try:
            await wire.reader.read()
        finally:
            left.set()

    async with server(serve) as to, asyncio.timeout(5):
        asking = asyncio.ensure_future(post(pool, to))
        await asked.wait()
        asking.cancel()
        await left.wait()
    assert asking.cancelled()


async def test_a_slow_reader_stops_the_sender_and_loses_nothing(pool: Pool) -> None:
    piece, count = b"x" * 65536, 400
    sent = 0

    async def serve(wire: Wire) -> None:
        nonlocal sent
        await wire.request()
        await wire.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (count * len(piece)))
        for _ in range(count):
            await wire.send(piece)
            sent += 1
        await wire.request()

    async with server(serve) as to:
        response = await post(pool, to)
        quiet = -1
        while quiet != sent:
            quiet = sent
            await asyncio.wait([response.arrival(rest=True)], timeout=0.2)
        assert sent < count
        assert len(first := response.read_nowait()) < MAX_BUFFERED + (1 << 19)
        assert len(first) + len(await rest(response)) == count * len(piece)


async def test_a_host_is_looked_up_once_for_many(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    async with server(says(PLAIN)) as to:

        async def lookup(host: str, port: int) -> list[tuple[object, ...]]:
            asked.append(host)
            closed = (socket.AF_INET6, 0, 0, "", ("::1", port, 0, 0))
            return [closed, (socket.AF_INET, 0, 0, "", ("127.0.0.1", port))]

        monkeypatch.setattr("helium.adapters.providers.http1_dial._lookup", lookup)
        route = route_to(f"http://model.example:{to.port}/")
        head = route.post_head({}) + b"Content-Length: 0\r\n\r\n"
        responses = await asyncio.gather(*(pool.post(route, head, b"") for _ in range(5)))
        assert [await rest(response) for response in responses] == [b"hello"] * 5
    assert asked == ["model.example"]


async def test_no_connection_in_time_is_said_so() -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)):
            pool = Pool(connect_seconds=0.1)
            route = route_to(f"http://127.0.0.1:{port}/")
            with pytest.raises(NotConnected):
                await pool.post(route, route.post_head({}) + b"\r\n", b"")
