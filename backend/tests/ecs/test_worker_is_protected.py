"""A real worker, and the agent's endpoint on loopback: protected from its first run to its last."""

from helium.adapters.ecs import Agent, Protection
from helium.adapters.ecs.protection import IDLE_SECONDS
from helium.bootstrap.running import running
from helium.kit.clock import ManualClock
from tests.ecs.fake_agent import fake_agent
from tests.engine.world import Stage
from tests.support.processes import hold, until


async def test_a_worker_is_protected_while_it_holds_runs() -> None:
    stage, clock, failed = Stage(slots=2), ManualClock(), list[None]()
    async with fake_agent() as agent, stage.world.working() as worker:
        protection = Protection(Agent(agent.uri), worker, clock, lambda: failed.append(None))
        worker.on_change = protection.look
        async with running([protection.serve()]):
            run_id = await stage.world.start()
            worker.ring()
            await until(lambda: agent.wishes == [True], "protected")
            stage.rest.set()
            await stage.world.settled(run_id)
            await until(lambda: worker.active == 0, "left")
            await hold(0.05)
            clock.advance(IDLE_SECONDS)
            await until(lambda: agent.wishes == [True, False], "given back")

    assert failed == []


async def test_a_draining_worker_gives_protection_back_at_once() -> None:
    stage, clock = Stage(slots=2), ManualClock()
    async with fake_agent() as agent, stage.world.working() as worker:
        protection = Protection(Agent(agent.uri), worker, clock, lambda: None)
        worker.on_change = protection.look
        async with running([protection.serve()]):
            await stage.world.start()
            worker.ring()
            await until(lambda: agent.wishes == [True], "protected")
            await worker.drain(0.1)
            await until(lambda: agent.wishes == [True, False], "given back")
