"""The guards that every test runs under do stop what they are for."""

import asyncio
import socket
import tempfile
from pathlib import Path

import asyncpg
import pytest
from blockbuster import BlockingError

from helium.adapters.embedded_postgres import make_home
from tests.conftest import remove_abandoned_servers


async def test_a_blocking_call_of_ours_on_the_event_loop_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(BlockingError):
        make_home(tmp_path)


async def test_a_blocking_call_beside_the_event_loop_is_none(tmp_path: Path) -> None:
    await asyncio.to_thread(make_home, tmp_path)


@pytest.mark.parametrize("address", [("192.0.2.1", 80), ("example.org", 80)])
async def test_the_network_is_out_of_reach(address: tuple[str, int]) -> None:
    with pytest.raises(AssertionError, match=f"a test tried to reach {address[0]}"):
        await asyncio.open_connection(*address)


def test_a_socket_by_hand_does_not_get_out_either() -> None:
    with socket.socket() as probe, pytest.raises(AssertionError, match=r"192\.0\.2\.1"):
        probe.connect(("192.0.2.1", 80))


def test_this_machine_is_within_reach() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = ("localhost", server.getsockname()[1])
        with socket.create_connection(address) as client:
            assert client.getpeername() == server.getsockname()


def test_a_test_run_goes_on_when_another_removes_what_it_wanted_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    listed_but_gone = tmp_path / "helium-test-gone"
    listed_but_gone.symlink_to(tmp_path / "nowhere")
    remove_abandoned_servers()
    assert listed_but_gone.is_symlink()


async def test_every_test_gets_a_migrated_database_of_its_own(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        assert await connection.fetchval("SELECT count(*) FROM alembic_version") == 1
    finally:
        await connection.close()
