"""What every test gets: no blocking of the event loop, no network by surprise, a database on request.

`HELIUM_TEST_DATABASE_URL` puts the tests on another server (a role that may create databases).
"""

import asyncio
import os
import shutil
import socket
import tempfile
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlsplit, urlunsplit
from uuid import uuid4

import asyncpg
import pytest
from blockbuster import BlockBuster, blockbuster_ctx

from helium.adapters.embedded_postgres import EmbeddedPostgres, cluster

T = TypeVar("T")

MAY_BLOCK = (
    # The first import of a provider or of a driver's codec reads files, once in a process's life.
    ("os.stat", "<frozen importlib._bootstrap_external>", "_path_stat"),
    # asyncpg looks for a password file once for each new connection, never for a query.
    ("os.stat", "asyncpg/connect_utils.py", "_read_password_file"),
    ("os.stat", "asyncpg/connect_utils.py", "_parse_connect_dsn_and_args"),
)
"""Calls that may block the loop, each with its reason. Nothing on the path of a request is here."""

_ABANDONED_AFTER_SECONDS = 900
_MEMORY = Path("/dev/shm")
_ENOUGH_BYTES = 4 * 1024**3
"""What the servers of a whole run may take, with room to spare."""


WITH_SERVICES = (
    *(
        "redis_adapter",
        "release/test_burn.py",
        "sqs",
        "cloud_tasks",
        "cache",
        "blobs",
        "secrets_adapter",
        "docs/test_proxy.py",
        "backup/test_round_trip.py",
    ),
    *(
        f"contract/test_{name}.py"
        for name in ("queues", "queue_logs", "dramatiq", "cache", "blobs", "files", "secrets")
    ),
)
"""Tests that start a Redis, or a cloud's counterpart."""


SLOW = (
    "release/test_killed.py",
    "upgrade/",
    "docs/test_moving_clouds.py",
    "monitoring/test_runbook_commands.py",
    "delivery/test_linters.py",
    "monitoring/test_rules.py::test_alerts_fire_when_they_must_and_are_silent_when_they_must_not",
)
"""Tests that take minutes together and look at what changes seldom: `make test-slow`."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Whoever asks for a database needs one: `-m "not postgres"` leaves it out without a mark."""
    here = Path(__file__).parent
    for item in items:
        if str(item.path.relative_to(here)).startswith(WITH_SERVICES):
            item.add_marker("service")
        if item.nodeid.removeprefix("tests/").startswith(SLOW):
            item.add_marker("slow")
        if item.path.name == "test_aws_moto.py":
            item.add_marker("terraform")
        if isinstance(item, pytest.Function) and "postgres_url" in item.fixturenames:
            item.add_marker("postgres")


@pytest.fixture(autouse=True)
def loop_guard() -> Generator[BlockBuster]:
    """A blocking call of Helium's on the event loop fails the test."""
    with blockbuster_ctx("helium") as detector:
        for call, file, function in MAY_BLOCK:
            detector.functions[call].can_block_in(file, function)
        yield detector


@pytest.fixture(autouse=True)
def network_guard(monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection to anything but this machine fails the test."""
    for name in ("connect", "connect_ex"):
        monkeypatch.setattr(socket.socket, name, _guarded(getattr(socket.socket, name)))
    resolve = socket.getaddrinfo

    def resolve_local(host: Any, *args: Any, **kwargs: Any) -> Any:
        _refuse_distant(host)
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve_local)


def _guarded(connect: Callable[..., Any]) -> Callable[..., Any]:
    def connect_local(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6):
            _refuse_distant(address[0])
        return connect(self, address)

    return connect_local


def _refuse_distant(host: str | bytes | None) -> None:
    name = host.decode() if isinstance(host, bytes) else host or "localhost"
    if name != "localhost" and not _is_loopback(name):
        raise AssertionError(f"a test tried to reach {name}: tests stay on this machine")


def _is_loopback(name: str) -> bool:
    try:
        address = ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


@pytest.fixture(scope="session")
def postgres_url() -> Iterator[str]:
    """A PostgreSQL server, one for all tests: the URL of a database to make others from."""
    if given := os.environ.get("HELIUM_TEST_DATABASE_URL"):
        yield given
        return
    remove_abandoned_servers()
    home = Path(tempfile.mkdtemp(prefix="helium-test-", dir=_place_of_servers()))
    home.chmod(0o755)  # root's server runs as another account, which must be able to enter
    server = EmbeddedPostgres(home)
    try:
        yield _start_for_tests(server)
    finally:
        server.stop(force=True)
        shutil.rmtree(home)


def _place_of_servers() -> Path | None:
    """Memory where there is enough of it: making and dropping databases is most of their work."""
    if not _MEMORY.is_dir() or not os.access(_MEMORY, os.W_OK | os.X_OK):
        return None
    return _MEMORY if shutil.disk_usage(_MEMORY).free > _ENOUGH_BYTES else None


def _start_for_tests(server: EmbeddedPostgres) -> str:
    """Start without `fsync`, which only a machine's crash could miss, and no test makes one crash."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster, "_OPTIONS", {**vars(cluster)["_OPTIONS"], "fsync": "off"})
        return server.start()


def remove_abandoned_servers() -> None:
    """Stop what a killed test session left behind; sessions that are alive hold their server."""
    places = (Path(tempfile.gettempdir()), _MEMORY)
    for home in (home for place in places for home in place.glob("helium-test-*")):
        try:
            found = home.stat()
        except FileNotFoundError:
            continue  # another process of this run was faster, or its owner has ended
        old = time.time() - found.st_mtime > _ABANDONED_AFTER_SECONDS
        if old and found.st_uid == os.geteuid() and EmbeddedPostgres(home).stop_if_unused():
            shutil.rmtree(home, ignore_errors=True)


@pytest.fixture(scope="session")
def execute(postgres_url: str) -> Iterator[Callable[[str], None]]:
    """Execute a statement on the server, over a connection that is kept."""
    loop = asyncio.new_event_loop()
    with ThreadPoolExecutor(1) as thread:  # a thread of its own: its loop runs beside a test's

        def wait_for(work: Coroutine[Any, Any, T]) -> T:
            return thread.submit(loop.run_until_complete, work).result()

        def execute_and_wait(sql: str) -> None:
            wait_for(connection.execute(sql))

        connection = wait_for(asyncpg.connect(postgres_url))
        yield execute_and_wait
        wait_for(connection.close())
    loop.close()


@pytest.fixture(scope="session")
def migrated_template(postgres_url: str, execute: Callable[[str], None]) -> Iterator[str]:
    """The name of a database with all migrations applied, to copy."""
    from helium.db.migrate import migrate  # only tests with a database need it

    name = f"helium_template_{uuid4().hex[:12]}"
    execute(f"CREATE DATABASE {name}")
    _wait_for(lambda: migrate(_with_database(postgres_url, name)))
    yield name
    execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def database_url(
    postgres_url: str, migrated_template: str, execute: Callable[[str], None]
) -> Iterator[str]:
    """A database of the test's own with all migrations applied and nothing in it."""
    name = f"helium_test_{uuid4().hex[:12]}"
    # Without a write-ahead log of its pages: a quarter of the time.
    execute(f"CREATE DATABASE {name} TEMPLATE {migrated_template} STRATEGY file_copy")
    yield _with_database(postgres_url, name)
    execute(f"DROP DATABASE {name} WITH (FORCE)")


def _with_database(url: str, name: str) -> str:
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}"))


def _wait_for(work: Callable[[], Awaitable[T]]) -> T:
    """Run `work` in a loop of its own, so that tests with and without a loop can ask for it."""

    async def run() -> T:
        return await work()

    with ThreadPoolExecutor(1) as executor:
        return executor.submit(lambda: asyncio.run(run())).result()
