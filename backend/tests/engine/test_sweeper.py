"""The sweeper: it takes nothing from the living, and forgets nobody."""

from collections.abc import Sequence
from uuid import UUID

from helium.adapters.memory.run_store import MemoryRunStore
from helium.engine.options import EngineOptions
from helium.engine.sweeper import FORGET_EVERY_SECONDS, Sweeper
from helium.kit.clock import ManualClock

from .fakes import AWAY, DatabaseAway

RUN, HELD = UUID(int=1), UUID(int=2)
TTL = 3.0


class Floor(MemoryRunStore):
    """What a sweeper asks a store for, and what it was asked."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.asked: list[str] = []
        self.expired: list[UUID] = []
        self.held: list[UUID] = []
        self.is_due = False
        self.late: list[UUID] = []
        self.away = False

    async def promote(self, limit: int) -> Sequence[UUID]:
        self._ask("promote")
        ready, self.held = self.held, []
        return ready

    async def requeue_expired(self, limit: int) -> Sequence[UUID]:
        self._ask("requeue_expired")
        taken, self.expired = self.expired, []
        return taken

    async def due(self) -> bool:
        self._ask("due")
        return self.is_due

    async def overdue(self, seconds: float, again_seconds: float, limit: int) -> Sequence[UUID]:
        self._ask("overdue")
        late, self.late = self.late, []
        return late

    async def forget_workers(self) -> None:
        self._ask("forget_workers")

    def _ask(self, what: str) -> None:
        if self.away:
            raise DatabaseAway
        self.asked.append(what)


class RecordingBell:
    def __init__(self) -> None:
        self.rings: list[list[UUID]] = []

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        self.rings.append(list(run_ids))


class JumpingClock(ManualClock):
    """A clock whose wall time can go on while the machine sleeps."""

    asleep = 0.0

    def time(self) -> float:
        return super().time() + self.asleep


class House:
    def __init__(self, *, queue_delivers: bool = False) -> None:
        self.floor, self.bell, self.clock = Floor(), RecordingBell(), JumpingClock()
        options = EngineOptions(lease_ttl_seconds=TTL, sweep_seconds=0.5, queue_delivers=queue_delivers)
        self.sweeper = Sweeper(self.floor, self.bell, self.clock, options, AWAY)

    async def sweep_for(self, seconds: float) -> None:
        for _ in range(int(seconds / 0.5)):
            await self.sweeper.sweep()
            self.clock.advance(0.5)

    @property
    def stole(self) -> bool:
        return "requeue_expired" in self.floor.asked


async def test_guard_nothing_is_taken_before_the_database_was_healthy_for_a_whole_lease() -> None:
    house = House()

    await house.sweep_for(TTL)
    early = house.stole
    await house.sweeper.sweep()

    assert (early, house.stole) == (False, True)


async def test_guard_after_an_outage_the_living_may_renew_first() -> None:
    house = House()
    await house.sweep_for(TTL + 1)
    house.floor.away = True
    await house.sweep_for(3 * TTL)
    house.floor.away = False
    house.floor.asked.clear()

    await house.sweep_for(TTL)
    early = house.stole
    await house.sweep_for(1.0)

    assert (early, house.stole) == (False, True)


async def test_guard_a_machine_that_slept_takes_nothing_from_those_who_slept_with_it() -> None:
    house = House()
    await house.sweep_for(TTL + 1)
    house.floor.asked.clear()

    house.clock.asleep = 3600.0
    await house.sweep_for(TTL)
    early = house.stole
    await house.sweep_for(1.0)

    assert (early, house.stole) == (False, True)


async def test_what_was_abandoned_is_rung_for() -> None:
    house = House()
    await house.sweep_for(TTL + 0.5)
    house.bell.rings.clear()
    house.floor.expired = [RUN]

    await house.sweeper.sweep()

    assert house.bell.rings == [[RUN]]


async def test_what_waited_behind_another_run_is_promoted_and_rung_for_at_once() -> None:
    house = House()
    house.floor.held = [HELD]

    await house.sweeper.sweep()

    assert house.bell.rings == [[HELD]]


async def test_a_due_run_whose_bell_was_lost_is_rung_for() -> None:
    house = House()
    house.floor.is_due = True

    await house.sweeper.sweep()

    assert house.bell.rings == [[]]


async def test_a_queue_that_lost_rings_is_rung_again_for_exactly_those_runs() -> None:
    house = House(queue_delivers=True)
    house.floor.is_due = True
    house.floor.late = [RUN]

    await house.sweep_for(1.0)

    assert house.bell.rings == [[RUN]]


async def test_with_nothing_to_do_no_bell_rings() -> None:
    house = House()

    await house.sweep_for(2 * TTL)

    assert house.bell.rings == []


async def test_workers_that_are_long_gone_are_forgotten_once_an_hour() -> None:
    house = House()

    await house.sweeper.sweep()
    house.clock.advance(FORGET_EVERY_SECONDS - 1)
    await house.sweeper.sweep()
    first_hour = house.floor.asked.count("forget_workers")
    house.clock.advance(2)
    await house.sweeper.sweep()

    assert (first_hour, house.floor.asked.count("forget_workers")) == (1, 2)
