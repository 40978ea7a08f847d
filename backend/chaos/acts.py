"""Carrying out a fault on an installation, and undoing it."""

import asyncio
import random
import signal
import time
from collections.abc import Awaitable, Callable, Mapping
from uuid import UUID

import msgspec
import redis.asyncio
from redis.exceptions import RedisError

from chaos.children import clock
from chaos.faults import Fault
from chaos.installation import Installation
from helium.adapters.redis.messages import pack
from helium.kit.ids import new_id

TOPICS = ("work", "events", "cancel")
COPIES = 10


class Done(msgspec.Struct, frozen=True, kw_only=True):
    """A fault as it was carried out. `began` and `ended` are seconds since 1970, like the log's times."""

    fault: Fault
    began: float
    ended: float
    began_monotonic: float
    ended_monotonic: float


async def carry_out(here: Installation, fault: Fault, runs: Callable[[], list[str]]) -> Done:
    """Do it, hold it for as long as it says, undo it. `runs` gives runs to ring bells for."""
    began, began_monotonic = time.time(), time.monotonic()
    verb, _, _ = fault.sort.partition(" ")
    try:
        if fault.sort in ACTS:
            await ACTS[fault.sort](here, fault)
        elif fault.sort == "repeat bells":
            await repeat_bells(here, fault, runs)
        else:
            await ON_PROCESSES[verb](here, fault)
    finally:
        undo(here)
    return Done(
        fault=fault,
        began=began,
        ended=time.time(),
        began_monotonic=began_monotonic,
        ended_monotonic=time.monotonic(),
    )


def undo(here: Installation) -> None:
    """Whatever happened, nothing stays frozen."""
    here.redis.thaw()
    for name, child in here.children.items():
        if child.frozen:
            child.thaw()
        here.proxies.tell("thaw", f"db-{name}")


async def _kill(here: Installation, fault: Fault) -> None:
    here.children[fault.target].send(signal.SIGKILL)


async def _freeze(here: Installation, fault: Fault) -> None:
    child = here.children[fault.target]
    child.freeze()
    await clock.sleep(fault.seconds)
    child.thaw()


async def _cut_off(here: Installation, fault: Fault) -> None:
    here.proxies.tell("freeze", f"db-{fault.target}")
    await clock.sleep(fault.seconds)


async def _kill_redis(here: Installation, fault: Fault) -> None:
    here.redis.kill()
    await clock.sleep(fault.seconds)
    await asyncio.to_thread(here.redis.start)


async def _flush_redis(here: Installation, fault: Fault) -> None:
    await here.redis.flush()


async def _freeze_redis(here: Installation, fault: Fault) -> None:
    here.redis.freeze()
    await clock.sleep(fault.seconds)


async def _restart_fast(here: Installation, fault: Fault) -> None:
    await here.postgres.stop("fast")
    await here.postgres.start()


async def _restart_immediate(here: Installation, fault: Fault) -> None:
    await here.postgres.stop("immediate")
    await here.postgres.start()


async def _stop_postgres(here: Installation, fault: Fault) -> None:
    await here.postgres.stop("fast")
    await clock.sleep(fault.seconds)
    await here.postgres.start()


async def _rolling_restart(here: Installation, fault: Fault) -> None:
    await here.rolling_restart()


Act = Callable[[Installation, Fault], Awaitable[None]]
ON_PROCESSES: Mapping[str, Act] = {"kill": _kill, "freeze": _freeze, "cut": _cut_off}
ACTS: Mapping[str, Act] = {
    "kill redis": _kill_redis,
    "flush redis": _flush_redis,
    "freeze redis": _freeze_redis,
    "restart postgres fast": _restart_fast,
    "restart postgres immediate": _restart_immediate,
    "stop postgres for 30 s": _stop_postgres,
    "rolling restart": _rolling_restart,
}


async def repeat_bells(here: Installation, fault: Fault, runs: Callable[[], list[str]]) -> None:
    """Ring for real runs and for runs that there are not, ten times each, and say nonsense beside."""
    dice, deadline = random.Random(fault.at), clock.monotonic() + fault.seconds
    async with redis.asyncio.from_url(here.redis.url) as client:
        while clock.monotonic() < deadline:
            known = [UUID(run_id.removeprefix("run_")) for run_id in runs()[-50:]]
            message = pack(new_id().bytes, [*known, *(new_id() for _ in range(10))])
            for topic in TOPICS:
                try:
                    for _ in range(COPIES):
                        await client.publish(f"helium:bus:{topic}", message)
                    await client.publish(f"helium:bus:{topic}", dice.randbytes(33))
                except RedisError:
                    continue
            await clock.sleep(0.1)
