"""A database that restarts is waited for, but not for long, and never again and again."""

import asyncio

import asyncpg
import pytest

from helium.db.connecting import LOOK_SECONDS, PatientConnect
from helium.kit.clock import ManualClock

PATIENCE = 10 * LOOK_SECONDS


class Server:
    """A server that is away until it is not."""

    def __init__(self) -> None:
        self.away: Exception | None = ConnectionRefusedError()
        self.asked = 0

    async def connect(self, url: str) -> str:
        self.asked += 1
        if self.away is not None:
            raise self.away
        return url


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


async def pass_time(clock: ManualClock, seconds: float) -> None:
    for _ in range(round(seconds / LOOK_SECONDS)):
        for _ in range(5):
            await asyncio.sleep(0)  # noqa: TID251 - only a turn
        clock.advance(LOOK_SECONDS)
    for _ in range(5):
        await asyncio.sleep(0)  # noqa: TID251 - only a turn


@pytest.mark.parametrize(
    "away",
    [
        ConnectionRefusedError(),
        asyncpg.CannotConnectNowError("starting up"),
        asyncpg.ConnectionDoesNotExistError("closed by the pooler in front"),
    ],
    ids=lambda away: type(away).__name__,
)
async def test_a_short_restart_is_waited_for(clock: ManualClock, away: Exception) -> None:
    server = Server()
    server.away = away
    connecting = asyncio.create_task(PatientConnect(server.connect, clock, PATIENCE)("url"))
    await pass_time(clock, PATIENCE / 2)
    server.away = None
    await pass_time(clock, LOOK_SECONDS)
    assert connecting.result() == "url"


async def test_guard_an_outage_that_lasts_is_answered_at_once(clock: ManualClock) -> None:
    server = Server()
    connect = PatientConnect(server.connect, clock, PATIENCE)
    first = asyncio.create_task(connect("url"))
    await pass_time(clock, PATIENCE + LOOK_SECONDS)
    with pytest.raises(ConnectionRefusedError):
        first.result()

    before = server.asked
    with pytest.raises(ConnectionRefusedError):
        await connect("url")
    assert server.asked == before + 1


async def test_patience_is_there_again_after_the_outage(clock: ManualClock) -> None:
    server = Server()
    connect = PatientConnect(server.connect, clock, PATIENCE)
    first = asyncio.create_task(connect("url"))
    await pass_time(clock, 2 * PATIENCE)
    assert isinstance(first.exception(), ConnectionRefusedError)
    server.away = None
    await connect("url")

    server.away = ConnectionRefusedError()
    again = asyncio.create_task(connect("url"))
    await pass_time(clock, PATIENCE / 2)
    assert not again.done()
    again.cancel()


async def test_a_wrong_password_is_no_restart(clock: ManualClock) -> None:
    server = Server()
    server.away = asyncpg.InvalidPasswordError("no")
    with pytest.raises(asyncpg.InvalidPasswordError):
        await PatientConnect(server.connect, clock, PATIENCE)("url")
