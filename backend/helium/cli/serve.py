"""The commands that start processes: they run until they are told to stop, and drain then (I9)."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import threading
import webbrowser
from collections.abc import AsyncGenerator, Generator
from contextlib import asynccontextmanager
from uuid import UUID

import structlog
import uvicorn
from rich.console import Console
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from helium.adapters.prometheus import RunFigures
from helium.api.middleware import App
from helium.bootstrap import Helium, Role, open_helium, open_pool, tune_garbage_collector
from helium.bootstrap.metrics import allow_labels, host_text, metrics_app
from helium.bootstrap.secrets import redactor
from helium.cli.budget import check_budget
from helium.cli.database import migrated, open_url
from helium.cli.failure import Failure
from helium.cli.supervise import Supervisor
from helium.db.database import CONNECTION_ERRORS
from helium.db.run_store import PostgresRunStore
from helium.features.identity.local_owner import local_owner_token
from helium.features.identity.service import Identity
from helium.kit.asgi import CONNECTION
from helium.kit.clock import SystemClock
from helium.kit.logs import configure_logging
from helium.kit.metrics import REGISTRY, HostValues, Values
from helium.kit.metrics.instruments import TAKEOVERS
from helium.settings import Settings

console = Console(highlight=False, soft_wrap=True)
log = structlog.get_logger()

# libuv accepts one connection per listening handle and turn of its loop (since 1.45). Under load a turn
# takes milliseconds, and the last of a thousand new clients waited for seconds. Several handles on
# the one socket accept that many per turn.
ACCEPTS_PER_TURN = 32

# How long a process that is told to end still answers: see `Helium.drain`.
LINGER_SECONDS = 2.0

# What a process may take to end after its drain: hand over, close the database.
TIDY_END_SECONDS = 4.0


# The kernel would take 2.8 MB for a client that reads nothing, and each such client would cost the reading
# of that much. What is on its way to a client that reads is not bounded by this.
MOST_UNSENT = 128 * 1024


class Protocol(HttpToolsProtocol):
    """Uvicorn's, with a way to cut the connection and to ask for it (`kit.asgi`)."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        transport = self.transport
        self.scope["extensions"] = {CONNECTION: {"abort": transport.abort, "closed": transport.is_closing}}


class Server(uvicorn.Server):
    """Uvicorn without its own signals: the process drains first, then the server ends."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listening = asyncio.Event()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        yield

    def stop_accepting(self) -> None:
        """Leave new connections to the other processes of this socket."""
        for server in self.servers:
            server.close()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.listening.set()


async def up(settings: Settings, *, browser: bool, processes: int) -> None:
    """Everything, in one process or in several on one address; and the address of the page."""
    configure_logging(settings.log_format, settings.log_level, redactor)
    listener = listen(settings.host, settings.port)
    with console.status("Starting the database …"):
        stack = contextlib.AsyncExitStack()
        url = await stack.enter_async_context(open_url(settings))
    async with stack:
        await migrated(settings, url)
        await check_budget(settings, url, processes=processes)
        if processes > 1:
            async with supervised(settings, url, listener, processes) as supervisor:
                await _welcome(settings, url, listener, browser=browser)
                await _until_stopped(supervisor)
                console.print("Draining …")
            return
        async with serving(settings, url, "all", listener) as helium:
            await _welcome(settings, url, listener, browser=browser)
            await stop_signal()
            console.print("Draining …")
            await drain(helium, settings)


async def _welcome(settings: Settings, url: str, listener: socket.socket, *, browser: bool) -> None:
    """Print the page's address with the owner's token, and open it."""
    async with open_pool(settings, url) as database:
        token = await local_owner_token(database, Identity(database, SystemClock()), settings.home)
    address = f"http://{settings.host}:{listener.getsockname()[1]}/#token={token}"
    console.print(f"\n  Helium is running. Open:\n\n    [bold]{address}[/]\n", markup=True)
    console.print("  It stops with Ctrl-C; runs that are not finished go on at the next start.\n")
    if browser and not os.environ.get("HELIUM_NO_BROWSER"):
        await asyncio.to_thread(_open_browser, address)


async def role(settings: Settings, role: Role) -> None:
    """One process of this role: `api`, `stream`, `worker` or `sweeper`."""
    configure_logging(settings.log_format, settings.log_level, redactor)
    async with open_url(settings) as url:
        await migrated(settings, url)
        await check_budget(settings, url, processes=settings.database.processes)
        port = settings.port if role in ("api", "stream") else settings.worker.port
        listener = None if port is None else listen(settings.host, port)
        async with serving(settings, url, role, listener) as helium:
            log.info(f"{role}.started", host=settings.host, port=port)
            await stop_signal()
            await drain(helium, settings, linger_seconds=0.0 if listener is None else LINGER_SECONDS)
        log.info(f"{role}.stopped")


async def child(
    settings: Settings,
    *,
    listen_fd: int,
    alive_fd: int,
    ready_fd: int,
    metrics_fd: int,
    worker_id: UUID,
) -> None:
    """One of several processes on a supervisor's socket; it ends when the supervisor does."""
    configure_logging(settings.log_format, settings.log_level, redactor)
    listener = socket.socket(fileno=listen_fd)
    REGISTRY.move(Values.of_file(metrics_fd))
    os.close(metrics_fd)
    async with (
        open_url(settings) as url,
        serving(settings, url, "all", listener, worker_id=worker_id, alone=False) as helium,
    ):
        os.write(ready_fd, b"1")
        os.close(ready_fd)
        await stop_signal(alive_fd)
        helium.stop_accepting()
        await drain(helium, settings, linger_seconds=LINGER_SECONDS)


@asynccontextmanager
async def supervised(
    settings: Settings, url: str, listener: socket.socket, processes: int
) -> AsyncGenerator[Supervisor]:
    """Several processes, serving; ended in order at the end of the block."""

    async def give_back(worker_id: UUID) -> None:
        try:
            async with open_pool(settings, url, size=1) as database:
                taken = await PostgresRunStore(database).release(worker_id, crashed=True)
            log.warning("supervisor.gave_back", runs=len(taken))
            TAKEOVERS.of("crashed").add(len(taken))
        except CONNECTION_ERRORS as error:
            log.warning("supervisor.not_given_back", error=type(error).__name__)

    supervisor = Supervisor(
        [sys.executable, "-m", "helium", "child"],
        {**os.environ, "HELIUM_DATABASE_URL": url, "HELIUM_HOME": str(settings.home)},
        listener,
        SystemClock(),
        count=processes,
        end_seconds=settings.worker.drain_seconds + TIDY_END_SECONDS + 2,
        give_back=give_back,
    )
    async with _host_metrics(settings, url, supervisor.counts):
        try:
            await supervisor.start()
            yield supervisor
        finally:
            await supervisor.stop()


@asynccontextmanager
async def _host_metrics(settings: Settings, url: str, counts: HostValues) -> AsyncGenerator[None]:
    """The port for the metrics of all processes of a supervisor, if one is wanted."""
    if settings.metrics.port is None:
        yield
        return
    allow_labels(settings)
    async with open_pool(settings, url, size=1) as database:
        text = host_text(counts, RunFigures(database, SystemClock()))
        async with metrics_port(settings, metrics_app(settings, text)):
            yield


@asynccontextmanager
async def metrics_port(settings: Settings, app: App) -> AsyncGenerator[None]:
    """Answer on the port for metrics, if one is set."""
    if settings.metrics.port is None:
        yield
        return
    listener = listen(settings.metrics.host or settings.host, settings.metrics.port, "HELIUM_METRICS__PORT")
    async with answering(app, [listener]):
        yield


async def _until_stopped(supervisor: Supervisor) -> None:
    """Until SIGINT or SIGTERM; each SIGHUP replaces the processes one by one."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    loop.add_signal_handler(signal.SIGHUP, asked.set)

    async def restart_when_asked() -> None:
        while True:
            await asked.wait()
            asked.clear()
            try:
                await supervisor.restart()
                log.info("supervisor.restarted")
            except Failure as error:
                log.error("supervisor.restart_failed", error=str(error))

    restarting = asyncio.create_task(restart_when_asked())
    try:
        await stop_signal()
    finally:
        restarting.cancel()
        await asyncio.gather(restarting, return_exceptions=True)


async def print_token(settings: Settings) -> None:
    """Print the owner's token, making it if there is none."""
    configure_logging(settings.log_format, "error", redactor)
    async with open_url(settings) as url:
        await migrated(settings, url)
        async with open_pool(settings, url, size=1) as database:
            identity = Identity(database, SystemClock())
            print(await local_owner_token(database, identity, settings.home))


@asynccontextmanager
async def serving(
    settings: Settings,
    url: str,
    role: Role,
    listener: socket.socket | None,
    *,
    worker_id: UUID | None = None,
    alone: bool = True,
) -> AsyncGenerator[Helium]:
    """A process of this role, answering on `listener` if there is one."""
    async with open_helium(settings, url, role, worker_id=worker_id, alone=alone) as helium:
        tune_garbage_collector()
        async with contextlib.AsyncExitStack() as stack:
            if alone:
                await stack.enter_async_context(metrics_port(settings, helium.metrics))
            if listener is not None:
                listeners = [listener, *(listener.dup() for _ in range(ACCEPTS_PER_TURN - 1))]
                server = await stack.enter_async_context(answering(helium.app, listeners))
                helium.on_stop_accepting(server.stop_accepting)
            yield helium


@asynccontextmanager
async def answering(app: App, listeners: list[socket.socket]) -> AsyncGenerator[Server]:
    """A server of this application; it stops in order at the end."""
    config = uvicorn.Config(
        app,  # pyright: ignore[reportArgumentType] - an ASGI application
        http=Protocol,
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
    task = asyncio.create_task(server.serve(sockets=listeners))
    try:
        await server.listening.wait()
        yield server
    finally:
        server.should_exit = True
        await task


def listen(host: str, port: int, variable: str = "HELIUM_PORT") -> socket.socket:
    """A listening socket, or one sentence that says what to do."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        raise Failure(
            f"Cannot listen on {host}:{port} ({error.strerror}): stop what uses it, or set {variable}"
            " to another port."
        ) from None
    if hasattr(socket, "TCP_NOTSENT_LOWAT"):
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, MOST_UNSENT)
    listener.listen(4096)
    listener.setblocking(False)
    return listener


async def drain(helium: Helium, settings: Settings, *, linger_seconds: float = 0.0) -> None:
    """Drain, and end soon after whatever happens: a database that is silent may hold up every tidy end.

    Nothing is lost by it: what this process still held is taken over when its lease expires.
    """
    last = threading.Timer(settings.worker.drain_seconds + TIDY_END_SECONDS, os._exit, (1,))
    last.daemon = True
    last.start()
    await helium.drain(settings.worker.drain_seconds, linger_seconds=linger_seconds)


async def stop_signal(alive_fd: int | None = None) -> None:
    """Wait for SIGINT or SIGTERM, or for the end of whoever holds the other end of `alive_fd`. A
    second SIGINT ends the process as usual."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    if alive_fd is not None:
        loop.add_reader(alive_fd, stop.set)
    await stop.wait()
    if alive_fd is not None:
        loop.remove_reader(alive_fd)
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.remove_signal_handler(number)


def _open_browser(address: str) -> None:
    if os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY") or os.name != "posix":
        with contextlib.suppress(webbrowser.Error):
            webbrowser.open(address)
