"""Who waits for a table, and how long: looked at often, since nobody writes it down."""

import asyncio
from dataclasses import dataclass, field

import asyncpg
import msgspec

from chaos.children import clock

LOOK_SECONDS = 0.02
STRONGEST = "AccessExclusiveLock"
WAITING = """
select l.relation::regclass::text as relation, l.mode,
    extract(epoch from clock_timestamp() - l.waitstart)::float8 as seconds
from pg_locks l where not l.granted and l.locktype = 'relation' and l.waitstart is not null
"""


class LockWait(msgspec.Struct, frozen=True, order=True):
    """A wait for a whole table; waits for rows are the matter of everyday work."""

    seconds: float
    relation: str
    mode: str


@dataclass
class LockWatch:
    """The longest wait for each table and mode so far."""

    connection: asyncpg.Connection
    looks: int = 0
    longest: dict[tuple[str, str], float] = field(default_factory=dict[tuple[str, str], float])
    _running: "asyncio.Task[None] | None" = None

    def start(self) -> None:
        self._running = asyncio.create_task(self._run())

    async def _run(self) -> None:
        while True:
            for row in await self.connection.fetch(WAITING):
                key = row["relation"], row["mode"]
                self.longest[key] = max(self.longest.get(key, 0.0), row["seconds"])
            self.looks += 1
            await clock.sleep(LOOK_SECONDS)

    async def stop(self) -> list[LockWait]:
        """The waits, the longest first."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
            if not self._running.cancelled():
                self._running.result()
        found = [LockWait(seconds, *key) for key, seconds in self.longest.items()]
        return sorted(found, reverse=True)
