"""A client that takes nothing any more is cut off: who closes in order would wait for it for ever."""

import asyncio
import contextlib
import socket

import uvicorn

from helium.api.middleware import Errors
from helium.cli.serve import MOST_UNSENT, Protocol, Server, listen
from helium.kit.asgi import ClientStalled, Message, Receive, Scope, Send, send_chunk, start_stream
from tests.support.processes import hold

SENT = 20_000_000


async def stalls(scope: Scope, receive: Receive, send: Send) -> None:
    """More than any buffer takes, and then the reader is given up."""
    await start_stream(send)
    sending = asyncio.ensure_future(send_chunk(send, b"x" * SENT))
    await asyncio.wait([sending], timeout=0.2)
    sending.cancel()
    raise ClientStalled


async def answered(port: int) -> bytes:
    """What a client finds that reads nothing for a while: all of it, or a cut."""
    loop = asyncio.get_running_loop()
    with socket.socket() as client:
        client.setblocking(False)
        await loop.sock_connect(client, ("127.0.0.1", port))
        await loop.sock_sendall(client, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        received = b""
        with contextlib.suppress(ConnectionResetError):
            while chunk := await loop.sock_recv(client, 65536):
                received += chunk
                await hold(0.05)
        return received


async def test_guard_a_stalled_client_is_cut_off_with_what_is_buffered_for_it() -> None:
    config = uvicorn.Config(
        Errors(stalls),  # pyright: ignore[reportArgumentType] - an ASGI application
        http=Protocol,
        lifespan="off",
        log_config=None,
    )
    server, listener = Server(config), listen("127.0.0.1", 0)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await server.listening.wait()
    port = listener.getsockname()[1]

    async with asyncio.timeout(10):
        received = await answered(port)

    server.should_exit = True
    await serving
    listener.close()
    # What the kernel had is sent; what waited in the process is thrown away.
    assert len(received) < SENT / 2


async def test_guard_the_kernel_takes_little_for_a_stalled_client() -> None:
    with listen("127.0.0.1", 0) as listener, socket.socket() as client:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.connect(listener.getsockname())
        accepted = listener.accept()[0]
        accepted.setblocking(False)
        taken = 0
        with contextlib.suppress(BlockingIOError), accepted:
            while taken < SENT:
                taken += accepted.send(b"x" * 65536)
    assert taken <= MOST_UNSENT + 256 * 1024


async def test_an_answer_of_another_server_is_left_to_it() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    async def gone(scope: Scope, receive: Receive, send: Send) -> None:
        raise ClientStalled

    async def receive() -> Message:
        return {"type": "http.disconnect"}

    await Errors(gone)({"type": "http", "path": "/"}, receive, send)

    assert sent == []
