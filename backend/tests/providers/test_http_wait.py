"""How long a provider may be silent, and windows that end together."""

import asyncio
from typing import Any

import pytest

from helium.adapters.providers.http import Upstream
from helium.adapters.providers.http_wait import TICK_SECONDS, Silence, Ticker, Timeouts
from helium.core.errors import Retryable
from helium.kit.clock import SystemClock
from helium.ports import ModelEvent

TIMEOUTS = Timeouts(first_token=5.0, between_chunks=0.2, thinking=5.0)


class Mute:
    """A decoder of nothing."""

    finished = False

    def __init__(self, *, thinking: bool = False) -> None:
        self.thinking = thinking

    def feed(self, data: bytes) -> list[ModelEvent]:
        return []

    def close(self) -> list[ModelEvent]:
        return []


def begun(decoder: Mute) -> Silence:
    silence = Silence(TIMEOUTS, decoder, "Acme")
    silence.first_content_came()
    return silence


def waiter() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


async def test_each_wait_has_the_whole_time() -> None:
    silence, first, second = begun(Mute()), waiter(), waiter()
    silence.bound(first)
    await asyncio.wait([first], timeout=0.1)
    first.set_result(None)
    start = asyncio.get_running_loop().time()
    with pytest.raises(Retryable, match=r"Acme fell silent for 0\.2 s"):
        await silence.bound(second)
    assert asyncio.get_running_loop().time() - start >= 0.19


async def test_the_end_of_thinking_shortens_the_time() -> None:
    decoder = Mute(thinking=True)
    silence, first = begun(decoder), waiter()
    silence.bound(first)
    first.set_result(None)
    decoder.thinking = False
    async with asyncio.timeout(2):
        with pytest.raises(Retryable, match=r"fell silent for 0\.2 s"):
            await silence.bound(waiter())


async def test_a_window_is_no_silence() -> None:
    silence = begun(Mute())
    start = asyncio.get_running_loop().time()
    with pytest.raises(Retryable):
        await silence.bound(waiter(), after=0.2)
    assert asyncio.get_running_loop().time() - start >= 0.39


async def test_nothing_rings_when_nobody_waits() -> None:
    rung: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: rung.append(context))
    silence, ended = begun(Mute()), begun(Mute())
    first, left = waiter(), waiter()
    silence.bound(first)
    first.set_result(None)
    ended.bound(left)
    ended.end()
    await SystemClock().sleep(0.3)
    assert (rung, left.done()) == ([], False)


async def test_windows_that_end_together_end_in_one_turn() -> None:
    ticker, woken, all_woken = Ticker(), list[int](), waiter()
    start = asyncio.get_running_loop().time()
    for number in range(100):
        ticker.call_later(0.05, lambda number=number: woken.append(number))
    ticker.call_later(0.08, lambda: all_woken.set_result(None))
    async with asyncio.timeout(2):
        await all_woken
    assert woken == list(range(100))
    assert asyncio.get_running_loop().time() - start >= 0.08 - TICK_SECONDS


@pytest.mark.parametrize(
    ("streams", "window"), [(1, 0.04), (80, 0.04), (200, 0.1), (500, 0.25), (9000, 0.25)]
)
def test_many_streams_gather_for_longer(streams: int, window: float) -> None:
    upstream = Upstream()
    upstream.open_streams = streams
    assert upstream.window(0.04) == pytest.approx(window)
