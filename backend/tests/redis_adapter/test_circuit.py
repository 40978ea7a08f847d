"""The circuit: an outage costs one call its wait, and the others nothing."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from redis.exceptions import AuthenticationError, ConnectionError, RedisError, ResponseError, TimeoutError

from helium.adapters.redis.circuit import REDIS_ERRORS, Circuit, RedisAway
from helium.kit.clock import ManualClock

Command = Callable[[], Awaitable[str]]


class Redis:
    """Answers or fails, and counts how often it was asked."""

    def __init__(self) -> None:
        self.error: Exception | None = None
        self.asked = 0

    async def __call__(self) -> str:
        self.asked += 1
        if self.error is not None:
            raise self.error
        return "PONG"


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def circuit(clock: ManualClock) -> Circuit:
    return Circuit(clock, timeout_seconds=1.0)


async def refused(circuit: Circuit, command: Command) -> Exception:
    with pytest.raises(REDIS_ERRORS) as caught:
        await circuit.call(command)
    assert isinstance(caught.value, Exception)
    return caught.value


@pytest.mark.parametrize(
    "error",
    [ConnectionError(), TimeoutError(), AuthenticationError(), ConnectionRefusedError()],
    ids=lambda error: type(error).__name__,
)
async def test_after_a_failure_calls_fail_without_asking(
    circuit: Circuit, clock: ManualClock, error: Exception
) -> None:
    redis = Redis()
    redis.error = error
    assert await refused(circuit, redis) is error

    clock.advance(0.9)
    assert isinstance(await refused(circuit, redis), RedisAway)

    assert redis.asked == 1


async def test_after_the_pause_one_call_tries_and_the_others_still_fail_at_once(
    circuit: Circuit, clock: ManualClock
) -> None:
    redis = Redis()
    redis.error = ConnectionError()
    await refused(circuit, redis)
    clock.advance(1.0)
    asked, answer = asyncio.Event(), asyncio.Event()

    async def slow() -> str:
        asked.set()
        await answer.wait()
        return "PONG"

    async with asyncio.TaskGroup() as group:
        trial = group.create_task(circuit.call(slow))
        await asked.wait()
        assert isinstance(await refused(circuit, redis), RedisAway)
        answer.set()

    redis.error = None
    assert (trial.result(), await circuit.call(redis)) == ("PONG", "PONG")


async def test_a_trial_that_is_cancelled_leaves_the_next_one_free(
    circuit: Circuit, clock: ManualClock
) -> None:
    redis = Redis()
    redis.error = ConnectionError()
    await refused(circuit, redis)
    clock.advance(1.0)
    asked = asyncio.Event()

    async def endless() -> str:
        asked.set()
        await asyncio.Event().wait()
        return "never"

    trial = asyncio.create_task(circuit.call(endless))
    await asked.wait()
    trial.cancel()
    await asyncio.gather(trial, return_exceptions=True)

    redis.error = None
    clock.advance(1.0)
    assert await circuit.call(redis) == "PONG"


async def test_a_refusal_is_no_absence(circuit: Circuit) -> None:
    redis = Redis()
    redis.error = ResponseError("OOM command not allowed")
    await refused(circuit, redis)

    redis.error = None
    assert await circuit.call(redis) == "PONG"


async def test_a_refusal_ends_an_outage(circuit: Circuit, clock: ManualClock) -> None:
    redis = Redis()
    redis.error = ConnectionError()
    await refused(circuit, redis)
    clock.advance(1.0)
    redis.error = ResponseError("OOM command not allowed")
    await refused(circuit, redis)

    redis.error = None
    assert await circuit.call(redis) == "PONG"


async def test_a_call_ends_after_the_timeout_and_opens_the_circuit() -> None:
    circuit = Circuit(ManualClock(), timeout_seconds=0.01)

    assert isinstance(await refused(circuit, asyncio.Event().wait), OSError)  # pyright: ignore[reportArgumentType]

    assert isinstance(await refused(circuit, Redis()), RedisAway)


async def test_a_transport_that_was_closed_under_a_write_is_an_absence(circuit: Circuit) -> None:
    redis = Redis()
    redis.error = RuntimeError("unable to perform operation on <TCPTransport closed=True>")

    assert isinstance(await refused(circuit, redis), RedisError)
    assert isinstance(await refused(circuit, redis), RedisAway)
