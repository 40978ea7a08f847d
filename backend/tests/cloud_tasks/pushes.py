"""A server that a queue can push to, on uvicorn as in production."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from typing import Any

import uvicorn


class PushServer(uvicorn.Server):
    """Uvicorn without its own signals, which says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()

    async def cut(self) -> None:
        """Cancel the requests that are under way."""
        under_way = list(self.server_state.tasks)
        for request in under_way:
            request.cancel()
        await asyncio.gather(*under_way, return_exceptions=True)


@asynccontextmanager
async def pushed_to(app: Any, port: int) -> AsyncGenerator[None]:
    """Serve `app` until the block ends; what is under way then is cut."""
    config = uvicorn.Config(
        app, port=port, http="httptools", ws="none", lifespan="off", access_log=False, log_config=None
    )
    server = PushServer(config)
    serving = asyncio.create_task(server.serve())
    try:
        await server.listening.wait()
        yield
    finally:
        await server.cut()
        server.should_exit = True
        await serving
