"""A server's life: start, attach, crash, stop, reset; one process or several."""

import asyncio
import os
import signal
import sys
import time
from pathlib import Path
from subprocess import Popen

import asyncpg
import pytest

from helium.adapters.embedded_postgres import EmbeddedPostgres, EmbeddedPostgresFailed
from helium.adapters.embedded_postgres.process import find_running
from tests.embedded.owners import ask, end, said_by, start_owner

pytestmark = pytest.mark.postgres

Owners = list[Popen[str]]


def server_pid(server: EmbeddedPostgres) -> int:
    running = find_running(server.path)
    assert running is not None
    return running.pid


def test_the_first_start_is_quick_and_later_ones_are_quicker(fresh_home: Path) -> None:
    server = EmbeddedPostgres(fresh_home)
    seconds: list[float] = []
    for _ in range(3):
        began = time.perf_counter()
        server.start()
        seconds.append(time.perf_counter() - began)
        assert server.stop()

    sys.stdout.write(f"starts took {', '.join(f'{value:.2f} s' for value in seconds)}\n")
    assert seconds[0] < 10
    assert max(seconds[1:]) < 5


def test_the_server_is_private_and_durable(server: EmbeddedPostgres) -> None:
    url = server.start()

    settings = "current_setting('%s')"
    names = (
        "listen_addresses",
        "fsync",
        "synchronous_commit",
        "jit",
        "server_encoding",
        "unix_socket_permissions",
    )
    found = [ask(url, f"SELECT {settings % name}") for name in names]

    assert found == ["", "on", "on", "off", "UTF8", "0700"]
    assert server.path.stat().st_mode & 0o777 == 0o700
    assert server.url() == url


def test_data_outlives_the_server(server: EmbeddedPostgres) -> None:
    url = server.start()
    ask(url, "CREATE TABLE stopped AS SELECT 42 AS answer")
    assert server.stop()
    assert not server.running()

    assert ask(server.start(), "SELECT answer FROM stopped") == 42


def test_a_second_start_attaches(home: Path, server: EmbeddedPostgres) -> None:
    url = server.start()
    pid = server_pid(server)

    assert EmbeddedPostgres(home).start() == url
    assert server_pid(server) == pid


def test_concurrent_first_starts_make_one_server(fresh_home: Path, owners: Owners) -> None:
    owners.extend(start_owner(fresh_home) for _ in range(3))

    said = [said_by(owner)[:2] for owner in owners]

    assert said[0] == said[1] == said[2]
    assert said[0][0].isdigit()


def test_a_killed_owner_leaves_a_server_that_is_attached_to(
    home: Path, server: EmbeddedPostgres, owners: Owners
) -> None:
    owners.append(start_owner(home))
    pid, url, _ = said_by(owners[0])
    end(owners[0])

    assert server.start() == url
    assert server_pid(server) == int(pid)
    assert server.stop_if_unused(), "the dead owner is still counted as a user"


def test_an_owner_killed_during_its_first_start_is_no_obstacle(fresh_home: Path, owners: Owners) -> None:
    server = EmbeddedPostgres(fresh_home)
    owners.append(start_owner(fresh_home))
    while not list(fresh_home.glob("postgres.new-*")):
        pass
    end(owners[0])

    server.start()

    assert server.running()


def test_a_killed_server_recovers_what_was_committed(server: EmbeddedPostgres) -> None:
    url = server.start()
    ask(url, "CREATE TABLE killed AS SELECT 42 AS answer")
    os.kill(server_pid(server), signal.SIGKILL)
    while server.running():
        pass

    assert ask(server.start(), "SELECT answer FROM killed") == 42


def test_a_pid_file_that_names_another_process_deceives_nobody(server: EmbeddedPostgres) -> None:
    server.start()
    pid_file = server.path / "postmaster.pid"
    lines = pid_file.read_text().splitlines()
    assert server.stop()
    others = "\n".join([str(os.getppid()), *lines[1:], ""])
    pid_file.write_text(others)
    (server.path / ".s.PGSQL.5432.lock").write_text(others)

    assert not server.running()
    server.start()

    assert server_pid(server) != os.getppid()


def test_the_last_user_stops_the_server(home: Path, server: EmbeddedPostgres) -> None:
    other = EmbeddedPostgres(home)
    server.start()
    other.start()

    assert not server.stop_if_unused()
    assert other.stop_if_unused()
    assert not other.running()


def test_a_connected_stranger_keeps_the_server_up(server: EmbeddedPostgres) -> None:
    url = server.start()

    async def stop_while_connected() -> bool:
        connection = await asyncpg.connect(url)
        stopped = await asyncio.to_thread(server.stop_if_unused)
        await connection.close()
        return stopped

    assert not asyncio.run(stop_while_connected())


def test_stopping_by_force_asks_nobody(home: Path, server: EmbeddedPostgres) -> None:
    server.start()

    assert EmbeddedPostgres(home).stop(force=True)
    assert not server.running()


def test_stopping_what_never_ran_is_no_error(server: EmbeddedPostgres) -> None:
    assert server.stop()


def test_reset_deletes_everything(fresh_home: Path) -> None:
    server = EmbeddedPostgres(fresh_home)
    url = server.start()
    ask(url, "CREATE TABLE kept AS SELECT 42 AS answer")

    server.reset()

    assert not server.path.exists()
    assert ask(server.start(), "SELECT to_regclass('kept')") is None


def test_reset_refuses_while_somebody_uses_the_database(home: Path, server: EmbeddedPostgres) -> None:
    server.start()

    with pytest.raises(EmbeddedPostgresFailed, match=r"helium db reset --force"):
        EmbeddedPostgres(home).reset()

    assert server.running()


def test_data_of_another_major_version_is_left_alone(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.stop()
    version = (server.path / "PG_VERSION").read_text()
    (server.path / "PG_VERSION").write_text("14\n")

    with pytest.raises(EmbeddedPostgresFailed, match=r"written by PostgreSQL 14 .* pg_dump .* HELIUM_HOME"):
        server.start()
    (server.path / "PG_VERSION").write_text(version)


def test_the_callers_environment_does_not_reach_the_server(
    server: EmbeddedPostgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGHOST", "203.0.113.1")
    monkeypatch.setenv("PGDATA", "/nowhere")
    monkeypatch.setenv("PGOPTIONS", "-c nonsense=on")

    server.start()

    assert server.running()


def test_old_logs_are_trimmed(server: EmbeddedPostgres) -> None:
    server.start()
    assert server.stop()
    for number in range(20):
        (server.log_directory / f"postgresql-old-{number}.log").touch()

    server.start()

    assert len(list(server.log_directory.iterdir())) <= 5
