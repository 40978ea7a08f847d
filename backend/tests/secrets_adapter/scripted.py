"""A place of secrets that answers when, and as, a test says."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from helium.adapters.secrets.reference import Kind, Reference
from helium.adapters.secrets.source import Away, NotThere, Source
from helium.adapters.secrets.store import Secrets
from helium.kit.clock import ManualClock
from helium.ports import Secret

TTL = 300.0


class ScriptedSource:
    """`value` None: there is none. `away`: no answer. Reads that begin after `hold` wait for its door."""

    def __init__(self, value: str | None = "first value") -> None:
        self.value = value
        self.away = False
        self.reads = 0
        self._door = asyncio.Event()
        self._door.set()

    def hold(self) -> asyncio.Event:
        self._door = asyncio.Event()
        return self._door

    def release(self) -> None:
        """Open the last door; reads that wait at an earlier one go on waiting."""
        self._door.set()

    async def read(self, reference: Reference) -> Secret:
        self.reads += 1
        answer, away, door = self.value, self.away, self._door
        await door.wait()
        if away:
            raise Away("it is a test")
        if answer is None:
            raise NotThere
        return Secret(answer, "gcp", "1")

    async def aclose(self) -> None: ...


class World:
    """Secrets over a scripted place, with a clock that a test moves."""

    def __init__(
        self, secrets: Secrets, source: ScriptedSource, clock: ManualClock, learned: list[str]
    ) -> None:
        self.secrets = secrets
        self.source = source
        self.clock = clock
        self.learned = learned
        """What the logs were told to keep out."""

    async def value(self, name: str = "KEY") -> str | None:
        found = await self.secrets.get(name)
        return found.value if found else None

    async def idle(self) -> None:
        """Until no read is under way."""
        while tasks := self.secrets.under_way():
            await asyncio.wait(tasks)


@asynccontextmanager
async def opened(*, timeout_seconds: float = 5.0, **environ: str) -> AsyncGenerator[World]:
    source, clock = ScriptedSource(), ManualClock()
    sources: dict[Kind, Source] = {"gcp": source}
    known = {"KEY": "secret:gcp:a_key"} | environ
    learned = list[str]()
    secrets = Secrets(
        known,
        clock,
        sources,
        ttl_seconds=TTL,
        timeout_seconds=timeout_seconds,
        learn=learned.append,
    )
    async with secrets:
        yield World(secrets, source, clock, learned)
