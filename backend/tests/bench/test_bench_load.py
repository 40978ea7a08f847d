"""The fake model and the load client, against each other."""

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from bench import fake_model
from bench.fake_model import Schedule, schedule_of
from bench.load import Crowd, Order, Played
from bench.wire import read_chat, request_bytes, unframed


@pytest.fixture
async def port() -> AsyncIterator[int]:
    async with await fake_model.listen(0) as server:
        yield server.sockets[0].getsockname()[1]


def order(port: int, **given: object) -> Order:
    few = {"model": "fake-5-1-1", "tokens": 5, "users": 3, "rounds": 2, "timeout_seconds": 10}
    return Order(port=port, dialect="chat", **{**few, **given})  # pyright: ignore[reportArgumentType] - any field


async def played(given: Order) -> Played:
    return await Crowd(given).play()


async def test_every_user_hears_every_token_of_every_round(port: int) -> None:
    result = await played(order(port))

    assert (result.runs, result.errors, result.reconnects) == (6, {}, 0)
    assert len(result.accept_ms) == len(result.first_ms) == 6
    assert all(total >= 5.0 for total in result.total_ms)
    assert result.bytes_received > 6 * len(schedule_or_fail("fake-5-1-1").payload)


async def test_a_missing_token_is_an_error_and_no_sample(port: int) -> None:
    result = await played(order(port, tokens=6))

    assert (result.runs, result.total_ms) == (0, [])
    assert result.errors == {"wrong text: 15 characters instead of 18": 6}


async def test_a_refusal_is_counted_with_its_words(port: int) -> None:
    result = await played(order(port, model="other", users=1))

    assert result.errors == {'HTTP 404: {"error":{"message":"ask for fake-TOKENS-FIRST_MS-STEP_MS"}}': 2}


async def test_a_run_that_does_not_end_in_time_is_an_error(port: int) -> None:
    result = await played(order(port, model="fake-2-60000-1", users=2, timeout_seconds=0.05))

    assert result.errors == {"not finished in 0.05 s": 2, "never started": 2}


async def test_an_answer_does_not_wait_for_one_that_began_before_it(port: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(request_bytes("chat", port, "fake-2-60000-1", ""))
    await reader.readuntil(b"\r\n\r\n")

    result = await played(order(port, timeout_seconds=2))

    assert (result.runs, result.errors) == (6, {})
    writer.close()
    await writer.wait_closed()


async def test_a_lost_connection_is_an_error_and_the_user_connects_again() -> None:
    def hang_up() -> asyncio.Protocol:
        return Rude()

    result = await against(hang_up, rounds=2)

    assert (result.errors, result.reconnects) == ({"connection lost": 2}, 1)


class Rude(asyncio.Protocol):
    """Hangs up on the first word."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.close()


async def against(protocol: Callable[[], asyncio.Protocol], rounds: int) -> Played:
    server = await asyncio.get_running_loop().create_server(protocol, "127.0.0.1", 0)
    async with server:
        return await played(order(server.sockets[0].getsockname()[1], users=1, rounds=rounds))


def schedule_or_fail(model: str) -> Schedule:
    schedule = schedule_of(model)
    assert schedule is not None
    return schedule


@pytest.mark.parametrize(
    ("age", "wanted"), [(0.0, 0), (0.0199, 0), (0.02, 1), (0.0299, 1), (0.03, 2), (0.045, 3), (9.0, 4)]
)
def test_a_token_is_due_at_its_moment(age: float, wanted: int) -> None:
    assert schedule_or_fail("fake-4-20-10").due(age) == wanted


def test_the_pieces_of_an_answer_are_whole_and_end_it() -> None:
    schedule = schedule_or_fail("fake-3-0-0")

    told = read_chat(b"".join(unframed(schedule.payload)))

    assert (told.text, told.end, told.events) == ("t0 t1 t2 ", "[DONE]", 7)
    assert (schedule.ends[0], schedule.ends[-1]) == (0, len(schedule.payload))


@pytest.mark.parametrize("model", ["gpt", "fake-0-1-1", "fake-1-1", "fake-1-1-1-1"])
def test_other_names_are_no_model(model: str) -> None:
    assert schedule_of(model) is None
