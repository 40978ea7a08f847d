"""Other processes that start and hold an embedded server."""

import asyncio
import os
import pwd
import subprocess
import sys
from pathlib import Path
from typing import TypedDict

import asyncpg
import pytest

OWNER = """
import sys, time
from pathlib import Path
from helium.adapters.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresFailed
server = EmbeddedPostgres(Path(sys.argv[1]))
try:
    began = time.perf_counter()
    url = server.start()
    pid = (server.path / "postmaster.pid").read_text().split()[0]
    print(pid, url, f"{time.perf_counter() - began:.2f}", flush=True)
except EmbeddedPostgresFailed as error:
    print("refused", error, flush=True)
sys.stdin.read()
"""
"""A process that starts the server, prints `pid url seconds`, and holds it until it is told to end."""


class Identity(TypedDict, total=False):
    """As whom a process runs."""

    user: int
    group: int
    extra_groups: list[int]


def identity(account: pwd.struct_passwd) -> Identity:
    return {"user": account.pw_uid, "group": account.pw_gid, "extra_groups": []}


def start_owner(
    home: Path,
    *,
    python: str = sys.executable,
    sources: Path | None = None,
    account: Identity | None = None,
) -> subprocess.Popen[str]:
    path = str(sources or Path(__file__).parents[2])
    return subprocess.Popen(
        [python, "-c", OWNER, str(home)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env={"PATH": os.environ["PATH"], "PYTHONPATH": path, "HOME": str(home.parent)},
        **(account or {}),
    )


def ask(url: str, sql: str) -> object:
    """One value from the database; in a loop of its own, since starting a server blocks."""

    async def fetch() -> object:
        connection = await asyncpg.connect(url)
        try:
            return await connection.fetchval(sql)
        finally:
            await connection.close()

    return asyncio.run(fetch())


def said_by(owner: subprocess.Popen[str]) -> list[str]:
    assert owner.stdout is not None
    return owner.stdout.readline().split(maxsplit=2)


def end(owner: subprocess.Popen[str]) -> None:
    """Kill the process, as nobody can prevent, and collect it."""
    owner.kill()
    owner.communicate()


def python_for(account: pwd.struct_passwd) -> str:
    """A Python that `account` can run: this one may lie in /root."""
    question = "import sys; print(sys.version_info >= (3, 11))"
    for python in (sys.executable, "/usr/bin/python3", "/usr/local/bin/python3"):
        try:
            answer = subprocess.run(
                [python, "-c", question], cwd="/", capture_output=True, text=True, **identity(account)
            )
        except OSError:
            continue
        if answer.stdout.strip() == "True":
            return python
    pytest.skip(f"no Python that {account.pw_name} can run")
