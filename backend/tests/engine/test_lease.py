"""The lease keeper: its thread renews, tells of cancels, and lets go of a loop that is stuck."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from uuid import UUID

from helium.adapters.memory.run_store import MemoryRunStore
from helium.engine.lease import Lease, LeaseKeeper, wait_until_fresh
from helium.kit.clock import ManualClock
from helium.ports import RunStore

from .fakes import AWAY, DatabaseAway, turns

WORKER, RUN = UUID(int=1), UUID(int=2)


class Book(MemoryRunStore):
    """What a lease keeper writes; it may be away for a while."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.renewals = 0
        self.away = 0
        self.to_cancel: list[UUID] = []

    async def renew(self, worker_id: UUID, ttl_seconds: float) -> None:
        if self.away > 0:
            self.away -= 1
            raise DatabaseAway
        self.renewals += 1

    async def cancels(self, worker_id: UUID) -> Sequence[UUID]:
        return self.to_cancel


class Kept:
    """A keeper at work on a short lease, with an event for what a test waits for."""

    def __init__(self, book: Book, *, stuck_loop_seconds: float = 60.0) -> None:
        self.lease = Lease(WORKER, 0.03)
        self.told: list[UUID] = []
        self.cancelled = asyncio.Event()

        @asynccontextmanager
        async def open_store() -> AsyncGenerator[RunStore]:
            yield book

        self.keeper = LeaseKeeper(
            self.lease,
            open_store,
            AWAY,
            stuck_loop_seconds=stuck_loop_seconds,
            on_cancels=self._tell,
        )

    def _tell(self, run_ids: Sequence[UUID]) -> None:
        self.told.extend(run_ids)
        self.cancelled.set()


async def test_the_keeper_renews_and_tells_of_runs_to_cancel() -> None:
    book = Book()
    book.to_cancel = [RUN]
    kept = Kept(book)

    kept.keeper.start()
    await kept.cancelled.wait()
    await kept.keeper.stop()

    assert book.renewals >= 1
    assert kept.told[:1] == [RUN]
    assert kept.lease.renewed_at > float("-inf")


async def test_the_keeper_goes_on_after_the_database_was_away() -> None:
    book = Book()
    book.away = 2
    book.to_cancel = [RUN]
    kept = Kept(book)

    kept.keeper.start()
    await kept.cancelled.wait()
    await kept.keeper.stop()

    assert (book.away, book.renewals >= 1) == (0, True)


async def test_guard_a_loop_that_no_longer_turns_loses_its_lease() -> None:
    book = Book()
    book.to_cancel = [RUN]
    kept = Kept(book, stuck_loop_seconds=-1.0)  # every loop counts as stuck

    kept.keeper.start()
    await kept.cancelled.wait()
    await kept.keeper.stop()

    assert (book.renewals, kept.lease.renewed_at) == (0, float("-inf"))


async def test_an_effect_waits_for_a_late_renewal() -> None:
    clock, lease = ManualClock(), Lease(WORKER, 10.0)
    waiting = asyncio.create_task(wait_until_fresh(lease, clock))

    await turns(5)
    early = waiting.done()
    lease.renewed_at = clock.monotonic()
    clock.advance(10.0 / 20)
    await waiting

    assert not early
