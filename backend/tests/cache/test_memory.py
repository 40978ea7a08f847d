"""What only memory can get wrong: growing without end."""

from helium.adapters.cache.bounded import Bounded
from helium.adapters.cache.json_cache import JsonCache
from helium.adapters.cache.memory import MemoryCache
from helium.kit.clock import ManualClock


async def test_memory_holds_so_many_entries_and_tags_and_no_more() -> None:
    clock = ManualClock()
    backend = MemoryCache(clock, entries=3)
    cache = JsonCache(backend, clock, near_seconds=0)
    for number in range(10):
        await cache.set(f"agents:{number}", number, 10, tags=[f"agents:{number}"])

    assert len(backend) == 3
    assert [await cache.get(f"agents:{number}") for number in range(10)] == [None] * 7 + [7, 8, 9]


def test_the_least_recently_used_goes_first() -> None:
    kept: Bounded[int] = Bounded(ManualClock(), 2)
    kept.put("a", 1, 10)
    kept.put("b", 2, 10)
    kept.get("a")
    kept.put("c", 3, 10)
    kept.put("c", 4, 10)

    assert kept.items() == [("a", 1), ("c", 4)]


def test_what_has_no_time_left_is_not_kept_and_replaces_what_was() -> None:
    clock = ManualClock()
    kept: Bounded[int] = Bounded(clock, 2)
    kept.put("a", 1, 10)
    assert kept.get("a") == (1, clock.monotonic() + 10)
    kept.put("a", 2, 0)
    assert (kept.get("a"), len(kept)) == (None, 0)

    kept.put("b", 1, 10)
    clock.advance(10)
    assert (kept.get("b"), len(kept)) == (None, 0)


async def test_the_moments_memory_of_a_process_is_bounded_too() -> None:
    clock = ManualClock()
    cache = JsonCache(MemoryCache(clock), clock, near_entries=3)

    async def compute() -> int:
        return 1

    for number in range(10):
        await cache.get_or_compute(f"agents:{number}", compute, 10)
    assert len(cache._near) == 3  # pyright: ignore[reportPrivateUsage]
