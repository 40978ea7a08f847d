"""What is measured around one model call and one viewer, and what is sampled."""

import asyncio

import pytest

from helium.core.budget import Usage
from helium.kit.clock import ManualClock
from helium.kit.metrics import REGISTRY, Snapshot, calls, viewing
from helium.kit.metrics import instruments as metrics
from helium.kit.metrics.calls import ModelCall
from helium.kit.metrics.sampler import EVERY_SECONDS, Sampler
from helium.kit.metrics.viewing import Viewing


class Hands:
    """A clock's hands, in place of the module `time`."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def perf_counter(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now


@pytest.fixture
def hands(monkeypatch: pytest.MonkeyPatch) -> Hands:
    made = Hands()
    monkeypatch.setattr(calls, "time", made)
    monkeypatch.setattr(viewing, "time", made)
    monkeypatch.setattr(REGISTRY, "_open", {})
    REGISTRY.allow(metrics.PROVIDER, ["openai"])
    REGISTRY.allow(metrics.MODEL, ["openai:gpt-5"])
    return made


def grown(before: Snapshot) -> dict[tuple[str, ...], list[float]]:
    """What was counted since, by name and labels; buckets that stayed are 0."""
    found: dict[tuple[str, ...], list[float]] = {}
    for (name, labels), cells in REGISTRY.snapshot().items():
        old = before.get((name, labels), [0.0] * len(cells))
        if list(old) != list(cells):
            found[(name, *labels)] = [round(b - a, 6) for a, b in zip(old, cells, strict=True)]
    return found


def test_a_call_is_measured_over_its_tries(hands: Hands) -> None:
    before = REGISTRY.snapshot()
    call = ModelCall("openai:gpt-5")
    hands.now += 9
    call.ended("retryable")
    call.begin()
    hands.now += 0.3
    call.said()
    hands.now += 0.2
    call.said()
    call.answered(Usage(input_tokens=100, cached_tokens=40, output_tokens=11))
    call.cost(2_500)

    counted = grown(before)

    first = counted.pop(("helium_first_token_seconds", "openai"))
    between = counted.pop(("helium_inter_token_seconds", "openai"))
    assert (sum(first[:-1]), first[-1]) == (1, 0.3)
    assert (sum(between[:-1]), between[-1]) == (1, 0.02)
    assert counted == {
        ("helium_model_tries_total", "openai", "retryable"): [1],
        ("helium_model_tries_total", "openai", "answered"): [1],
        ("helium_tokens_total", "openai", "openai:gpt-5", "input"): [100],
        ("helium_tokens_total", "openai", "openai:gpt-5", "cached"): [40],
        ("helium_tokens_total", "openai", "openai:gpt-5", "output"): [11],
        ("helium_cost_usd_total", "openai", "openai:gpt-5"): [0.0025],
    }


def test_models_that_nobody_listed_are_counted_together(hands: Hands) -> None:
    before = REGISTRY.snapshot()

    for name in ("openai:made-up-1", "openai:made-up-2", "nobody:x"):
        ModelCall(name).answered(Usage(output_tokens=1))

    assert {key: n for key, n in grown(before).items() if key[0] == "helium_tokens_total"} == {
        ("helium_tokens_total", "openai", "other", "output"): [2],
        ("helium_tokens_total", "other", "other", "output"): [1],
    }


def test_the_lag_of_what_a_viewer_missed_is_no_lag(hands: Hands) -> None:
    before = REGISTRY.snapshot()
    shown = Viewing(again=True)
    hands.now += 5
    shown.sent(committed_at=999.0)
    shown.sent(committed_at=1_004.75)
    shown.sent(committed_at=1_006.0)  # the database's clock is ahead of ours
    shown.reason = "finished"
    shown.end()

    counted = grown(before)

    lag = counted.pop(("helium_event_lag_seconds",))
    assert (sum(lag[:-1]), lag[-1]) == (2, 0.25)
    assert counted == {
        ("helium_viewer_connections_total", "again"): [1],
        ("helium_viewer_ends_total", "finished"): [1],
    }


async def test_sizes_are_sampled_now_and_then_and_the_loop_is_watched() -> None:
    clock, size = ManualClock(), [3.0]
    sampler = Sampler(clock, [(metrics.VIEWERS.of(), lambda: size[0])])
    lag = metrics.LOOP_LAG_SECONDS.of()
    seen = lag.count
    serving = asyncio.create_task(sampler.serve())
    await clock.sleep(0)
    assert metrics.VIEWERS.of().value == 3

    size[0] = 5.0
    clock.advance(EVERY_SECONDS + 2)  # the loop comes two seconds late
    await clock.sleep(0)

    assert metrics.VIEWERS.of().value == 5
    assert lag.count == seen + 1
    assert metrics.CPU_SECONDS.of().value > 0
    assert metrics.RESIDENT_BYTES.of().value > 1_000_000
    serving.cancel()
    await asyncio.gather(serving, return_exceptions=True)
