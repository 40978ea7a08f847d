"""A container is protected while it holds runs; whatever the agent does, work goes on."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from structlog.testing import capture_logs

from helium.adapters.ecs import Agent, Protection
from helium.adapters.ecs.protection import FINAL_WAIT_SECONDS, IDLE_SECONDS, MINUTES, RENEW_SECONDS
from helium.bootstrap.running import running
from helium.kit.clock import ManualClock
from tests.ecs.fake_agent import BROKEN, FORBIDDEN, THROTTLED, FakeAgent, fake_agent
from tests.support.processes import hold, until

WHILE_NOTHING_HAPPENS = 0.05


@dataclass(slots=True)
class Held:
    """A worker, as far as it is looked at."""

    active: int = 0
    draining: bool = False


@dataclass(slots=True)
class Scene:
    held: Held
    clock: ManualClock
    agent: FakeAgent
    protection: Protection
    failed: list[None]

    def hold(self, runs: int) -> None:
        self.held.active = runs
        self.protection.look()

    async def asked(self, *wishes: bool) -> None:
        """These questions came, in this order, and after them no other."""
        await until(lambda: len(self.agent.asked) >= len(wishes), f"asked {wishes}")
        await hold(WHILE_NOTHING_HAPPENS)
        assert self.agent.wishes == list(wishes)


@asynccontextmanager
async def scene() -> AsyncGenerator[Scene]:
    held, clock, failed = Held(), ManualClock(), list[None]()
    async with fake_agent() as agent:
        protection = Protection(Agent(agent.uri), held, clock, lambda: failed.append(None))
        async with running([protection.serve()]):
            yield Scene(held, clock, agent, protection, failed)


async def test_it_is_protected_with_the_first_run_and_not_again_with_the_second() -> None:
    async with scene() as s:
        s.hold(1)
        await s.asked(True)
        s.hold(2)
        await s.asked(True)

    assert s.agent.asked == [{"ProtectionEnabled": True, "ExpiresInMinutes": MINUTES}]


async def test_nothing_is_asked_while_nothing_is_held() -> None:
    async with scene() as s:
        s.hold(0)
        s.clock.advance(2 * RENEW_SECONDS)
        await s.asked()


async def test_it_is_renewed_before_it_expires() -> None:
    async with scene() as s:
        s.hold(1)
        await s.asked(True)
        s.clock.advance(RENEW_SECONDS - 1)
        await s.asked(True)
        s.clock.advance(1)
        await s.asked(True, True)

    assert RENEW_SECONDS * 2 < MINUTES * 60, "a renewal may fail"


async def test_it_is_given_back_when_nothing_was_held_for_a_while() -> None:
    async with scene() as s:
        s.hold(1)
        await s.asked(True)
        s.hold(0)
        await s.asked(True)
        s.clock.advance(IDLE_SECONDS)
        await s.asked(True, False)


async def test_runs_that_come_and_go_are_no_questions() -> None:
    async with scene() as s:
        s.hold(1)
        await s.asked(True)
        for _ in range(20):
            s.hold(0)
            await s.asked(True) if _ % 10 == 0 else None
            s.clock.advance(IDLE_SECONDS - 1)
            s.hold(1)
        await s.asked(True, True)  # a renewal, for 20 times 14 s have passed


async def test_a_drain_gives_it_back_at_once() -> None:
    async with scene() as s:
        s.hold(3)
        await s.asked(True)
        s.held.draining = True
        s.protection.look()
        await s.asked(True, False)
        s.hold(0)
        await s.asked(True, False)


async def test_a_throttled_question_is_repeated_later_and_said_once() -> None:
    async with scene() as s:
        s.agent.answers += [THROTTLED, THROTTLED, BROKEN]
        with capture_logs() as lines:
            s.hold(1)
            for asked in (1, 2, 3):
                await s.asked(*[True] * asked)
                s.hold(2)
                await s.asked(*[True] * asked)  # a further run does not hurry it
                s.clock.advance(60)
            await s.asked(True, True, True, True)

    assert s.agent.protected
    assert len(s.failed) == 3
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("protection.away", "warning"),
        ("protection.back", "info"),
    ]


async def test_a_container_without_the_right_asks_seldom() -> None:
    async with scene() as s:
        s.agent.answers += [FORBIDDEN, FORBIDDEN]
        s.hold(1)
        await s.asked(True)
        s.clock.advance(FINAL_WAIT_SECONDS - 1)
        await s.asked(True)
        s.clock.advance(1)
        await s.asked(True, True)
        s.hold(0)
        await s.asked(True, True)
        s.clock.advance(FINAL_WAIT_SECONDS + IDLE_SECONDS)
        await s.asked(True, True)  # there is nothing to give back


async def test_what_got_no_answer_is_given_back_all_the_same() -> None:
    async with scene() as s:
        s.agent.answers.append(BROKEN)
        s.hold(1)
        await s.asked(True)
        s.hold(0)
        await s.asked(True)
        s.clock.advance(60)
        await s.asked(True, False)
