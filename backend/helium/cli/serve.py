"""`helium up`, `api`, `worker`: processes that run until they are told to stop, and drain then (I9)."""

import asyncio
import contextlib
import os
import signal
import socket
import threading
import webbrowser
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager

import structlog
import uvicorn
from rich.console import Console

from helium.bootstrap import Helium, Role, open_helium, tune_garbage_collector
from helium.cli.database import migrated, open_url
from helium.cli.failure import Failure
from helium.features.identity.local_owner import local_owner_token
from helium.kit.logs import configure_logging
from helium.settings import Settings

console = Console(highlight=False, soft_wrap=True)
log = structlog.get_logger()

# libuv accepts one connection per listening handle and turn of its loop (since 1.45). Under load a turn
# takes milliseconds, and the last of a thousand new clients waited for seconds. Several handles on
# the one socket accept that many per turn.
ACCEPTS_PER_TURN = 32

# What a process may take to end after its drain: hand over, close the database.
TIDY_END_SECONDS = 4.0


class Server(uvicorn.Server):
    """Uvicorn without its own signals: the process drains first, then the server ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


async def up(settings: Settings, *, browser: bool) -> None:
    """Everything in one process, and the address of the page."""
    configure_logging(settings.log_format, settings.log_level)
    listener = listen(settings.host, settings.port)
    with console.status("Starting the database …"):
        stack = contextlib.AsyncExitStack()
        url = await stack.enter_async_context(open_url(settings))
    async with stack:
        await migrated(settings, url)
        async with serving(settings, url, "all", listener) as helium:
            token = await local_owner_token(helium.database, helium.product.identity, settings.home)
            address = f"http://{settings.host}:{listener.getsockname()[1]}/#token={token}"
            console.print(f"\n  Helium is running. Open:\n\n    [bold]{address}[/]\n", markup=True)
            console.print("  It stops with Ctrl-C; runs that are not finished go on at the next start.\n")
            if browser and not os.environ.get("HELIUM_NO_BROWSER"):
                await asyncio.to_thread(_open_browser, address)
            await stop_signal()
            console.print("Draining …")
            await drain(helium, settings)


async def api(settings: Settings) -> None:
    """HTTP only."""
    configure_logging(settings.log_format, settings.log_level)
    listener = listen(settings.host, settings.port)
    async with open_url(settings) as url:
        await migrated(settings, url)
        async with serving(settings, url, "api", listener) as helium:
            log.info("api.listening", host=settings.host, port=settings.port)
            await stop_signal()
            await drain(helium, settings)


async def worker(settings: Settings) -> None:
    """A worker and a sweeper, no HTTP."""
    configure_logging(settings.log_format, settings.log_level)
    async with open_url(settings) as url:
        await migrated(settings, url)
        async with open_helium(settings, url, "worker") as helium:
            tune_garbage_collector()
            log.info("worker.started")
            await stop_signal()
            await drain(helium, settings)
            log.info("worker.stopped")


async def print_token(settings: Settings) -> None:
    """Print the owner's token, making it if there is none."""
    configure_logging(settings.log_format, "error")
    async with open_url(settings) as url:
        await migrated(settings, url)
        async with open_helium(settings, url, "api") as helium:
            print(await local_owner_token(helium.database, helium.product.identity, settings.home))


@asynccontextmanager
async def serving(
    settings: Settings, url: str, role: Role, listener: socket.socket
) -> AsyncGenerator[Helium]:
    """A process of this role, answering on `listener`."""
    async with open_helium(settings, url, role) as helium:
        tune_garbage_collector()
        config = uvicorn.Config(
            helium.app,  # pyright: ignore[reportArgumentType] - an ASGI application
            http="httptools",
            ws="none",
            lifespan="off",
            access_log=False,
            log_config=None,
            log_level="warning",
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=75,
            timeout_graceful_shutdown=2,
        )
        server = Server(config)
        listeners = [listener, *(listener.dup() for _ in range(ACCEPTS_PER_TURN - 1))]
        task = asyncio.create_task(server.serve(sockets=listeners))
        try:
            await server.listening.wait()
            yield helium
        finally:
            server.should_exit = True
            await task


def listen(host: str, port: int) -> socket.socket:
    """A listening socket, or one sentence that says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Failure(
            f"Cannot listen on {host}:{port} ({error.strerror}): stop what uses it, or set HELIUM_PORT"
            " to another port."
        ) from None
    listener.listen(4096)
    listener.setblocking(False)
    return listener


async def drain(helium: Helium, settings: Settings) -> None:
    """Drain, and end soon after whatever happens: a database that is silent may hold up every tidy end.

    Nothing is lost by it: what this process still held is taken over when its lease expires.
    """
    last = threading.Timer(settings.worker.drain_seconds + TIDY_END_SECONDS, os._exit, (1,))
    last.daemon = True
    last.start()
    await helium.drain(settings.worker.drain_seconds)


async def stop_signal() -> None:
    """Wait for SIGINT or SIGTERM. A second SIGINT ends the process as usual."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


def _open_browser(address: str) -> None:
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.name != "posix":
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)
