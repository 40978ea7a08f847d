"""Through a transaction-mode pooler: no session state may be relied on."""

import os
import pwd
import shutil
import subprocess
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import pytest

from tests.support.processes import Forge, free_port, until
from tests.support.scene import Scene, said, scene

PGBOUNCER = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.fixture
async def pooler_url(database_url: str, tmp_path: Path) -> AsyncIterator[str]:
    """PgBouncer with five server connections in transaction mode."""
    if PGBOUNCER is None:
        message = "PgBouncer is missing (Debian: apt-get install pgbouncer)"
        pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    parts, port = urlsplit(database_url), free_port()
    socket = parse_qs(parts.query)["host"][0]
    name = parts.path.lstrip("/")
    settings = tmp_path / "pgbouncer.ini"
    settings.write_text(
        f"[databases]\n{name} = host={socket} dbname={name} user={parts.username}\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
        "auth_type = any\npool_mode = transaction\ndefault_pool_size = 5\nmax_client_conn = 200\n"
        "ignore_startup_parameters = extra_float_digits\n"
    )
    command = [PGBOUNCER, "-q", str(settings)]
    owner = Path(socket).stat().st_uid
    if os.geteuid() == 0:
        # It refuses to be root; the server's own account may enter the socket's directory.
        command[1:1] = ["-u", pwd.getpwuid(owner).pw_name]
        for folder in (tmp_path, *tmp_path.parents[:2]):
            folder.chmod(0o755)
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    url = f"postgresql://{parts.username}@127.0.0.1:{port}/{name}?sslmode=disable"

    async def answers() -> bool:
        assert process.poll() is None, process.stderr and process.stderr.read()
        try:
            connection = await asyncpg.connect(url, statement_cache_size=0)
        except (OSError, asyncpg.PostgresError):
            return False
        await connection.close()
        return True

    try:
        await until(answers, "PgBouncer answers", 10)
        yield url
    finally:
        process.terminate()
        process.wait(10)
        assert process.stderr is not None
        process.stderr.close()


async def test_runs_finish_and_are_taken_over_through_a_transaction_mode_pooler(
    helium_forge: Forge, tmp_path: Path, database_url: str, pooler_url: str
) -> None:
    behind = {"HELIUM_DATABASE_URL": pooler_url, "HELIUM_DATABASE__POOLER": "true"}
    async with scene(helium_forge, tmp_path, database_url, **behind) as stage:
        first = await stage.fleet.worker()
        slow = [await stage.start("count from 1 to 30 slowly") for _ in range(5)]
        quick = [await stage.start("append to log.txt: the line") for _ in range(5)]
        question = await stage.start("ask me before you calculate 6 * 7")
        await finish_quick(stage, quick, question)
        for run_id in slow:
            await stage.events(run_id, 6)

        await first.kill()
        await stage.fleet.worker()

        ended = await stage.whole(slow)
        expected = ("completed", " ".join(map(str, range(1, 31))))
        assert [(run["status"], said(run)) for run in ended] == [expected] * 5
        await stage.consistent()


async def finish_quick(stage: Scene, quick: list[str], question: str) -> None:
    for run_id in quick:
        run = await stage.finished(run_id)
        assert (run["status"], await stage.file(run_id, "log.txt")) == ("completed", "the line\n")
    await stage.status(question, "requires_action")
    await stage.decide(question, "approve")
    assert said(await stage.finished(question)) == "6 * 7 = 42."
