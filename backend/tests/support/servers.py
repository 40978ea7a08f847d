"""Servers that tests can do without: PgBouncer, and Debian's own PostgreSQL."""

import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from helium.adapters.embedded_postgres.account import Account, account_for

PGBOUNCER = Path("/usr/sbin/pgbouncer")
POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")
PORT = "6432"


def require(program: Path) -> None:
    """Skip the test where the program is missing; in CI it must be there."""
    if program.exists():
        return
    if os.environ.get("CI"):
        pytest.fail(f"{program} is missing, and CI must have it")
    pytest.skip(f"{program} is not installed")


@contextmanager
def pgbouncer(server_url: str) -> Generator[str]:
    """PgBouncer in transaction mode in front of a server. The URL of its `helium` database."""
    require(PGBOUNCER)
    with _place() as (place, account):
        config = place / "pgbouncer.ini"
        config.write_text(_bouncer_config(server_url, place))
        config.chmod(0o644)
        log = place / "log"
        # It leaves the foreground before it listens.
        script = f'{PGBOUNCER} -d "$1" >"$2" 2>&1 && until [ -S "$3" ]; do sleep 0.05; done'
        _run(account, ["/bin/sh", "-c", script, "sh", config, log, place / f".s.PGSQL.{PORT}"])
        try:
            yield f"postgresql://helium@/helium?host={quote(str(place))}&port={PORT}"
        finally:
            os.kill(int((place / "pid").read_text()), 3)


def _bouncer_config(server_url: str, place: Path) -> str:
    url = urlsplit(server_url)
    query = parse_qs(url.query)
    host = query.get("host", [url.hostname or "127.0.0.1"])[0]
    port = query.get("port", [str(url.port or 5432)])[0]
    password = f" password={url.password}" if url.password else ""
    return f"""
[databases]
* = host={host} port={port} user={url.username}{password}
[pgbouncer]
pool_mode = transaction
auth_type = any
unix_socket_dir = {place}
listen_port = {PORT}
pidfile = {place / "pid"}
logfile = {place / "pgbouncer.log"}
default_pool_size = 3
"""


@contextmanager
def postgres_15() -> Generator[str]:
    """Debian's PostgreSQL 15, empty. The URL of its `postgres` database."""
    require(POSTGRES_15)
    with _place() as (place, account):
        data = place / "data"
        options = ["--username=helium", "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"]
        _run(account, [POSTGRES_15 / "initdb", f"--pgdata={data}", *options])
        server = f"-c listen_addresses='' -c fsync=off -k {shlex.quote(str(place))}"
        control = [POSTGRES_15 / "pg_ctl", "-s", "-w", "-D", data]
        _run(account, [*control, "start", "-l", place / "server.log", "-o", server])
        try:
            yield f"postgresql://helium@/postgres?host={quote(str(place))}&port=5432"
        finally:
            _run(account, [*control, "stop", "-m", "immediate"])


@contextmanager
def _place() -> Generator[tuple[Path, Account]]:
    """A short directory that belongs to the account which may run servers."""
    place = Path(tempfile.mkdtemp(prefix="hel-"))
    account = account_for(place / "none")
    if os.geteuid() == 0:
        os.chown(place, account.uid, account.gid)
    try:
        yield place, account
    finally:
        shutil.rmtree(place)


def _run(account: Account, command: list[str | Path]) -> subprocess.CompletedProcess[str]:
    done = account.run(command)
    assert done.returncode == 0, done.stdout
    return done
