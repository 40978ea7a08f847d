"""What waits for a viewer is bounded by its bytes too, not by the number of events alone."""

from uuid import UUID

from helium.core.events import ItemDelta, LoggedEvent
from helium.engine.tail import MAX_BYTES, PAGE, EventHub, is_cut
from helium.kit.clock import ManualClock

from .fakes import LogStore

RUN = UUID(int=1)
BIG = 20_000


def big(number: int) -> ItemDelta:
    return ItemDelta(item_id="i", index=0, text=str(number) * BIG)


async def test_guard_a_slow_viewer_of_large_events_is_dropped_to_its_cursor() -> None:
    store = LogStore()
    hub = EventHub(store, ManualClock(), poll_seconds=1.0, buffer_events=1000)
    with hub.follow(RUN, 0, from_log=False) as viewer:
        for number in range(1, 40):
            hub.publish(RUN, store.add(RUN, big(number % 10)))

        first = await viewer.next(1)
        rest: list[LoggedEvent] = []
        while len(first) + len(rest) < 39:
            rest += await viewer.next(1)

    assert len(first) * BIG < 3 * MAX_BYTES
    assert [event.seq for event in (*first, *rest)] == list(range(1, 40))


def test_a_page_of_the_log_that_is_full_of_bytes_is_cut_too() -> None:
    few = [LoggedEvent(seq=n, event=big(1), created_at=0.0) for n in range(2)]
    full = [LoggedEvent(seq=n, event=big(1), created_at=0.0) for n in range(4)]
    small = [
        LoggedEvent(seq=n, event=ItemDelta(item_id="i", index=0, text="x"), created_at=0.0)
        for n in range(PAGE)
    ]

    assert [is_cut(page) for page in ([], few, full, small, small[:-1])] == [
        False,
        False,
        True,
        True,
        False,
    ]
