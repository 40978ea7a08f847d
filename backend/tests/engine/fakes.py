"""Small stand-ins for one port at a time, for tests that look at one part of the engine."""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from uuid import UUID

from helium.adapters.memory.run_store import MemoryRunStore
from helium.core.budget import Usage
from helium.core.events import Event, LoggedEvent
from helium.core.spec import AgentSpec
from helium.kit.clock import ManualClock
from helium.kit.ids import new_id
from helium.ports import ClaimedRun, Committed, Lease, RunRow, Write


class DatabaseAway(Exception):
    """What a driver raises when the connection broke: the outcome is unknown."""


AWAY = (DatabaseAway,)


class SkippingClock(ManualClock):
    """A clock on which every sleep is over at once, and is remembered."""

    def __init__(self) -> None:
        super().__init__()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        if seconds > 0:
            self.slept.append(seconds)
            self.advance(seconds)
        await super().sleep(0)


async def until(holds: Callable[[], bool | Awaitable[bool]], what: str = "it") -> None:
    """Let the loop turn until this holds. Nothing here waits for time, so a few turns are enough."""
    turn = ManualClock()
    for _ in range(5000):
        found = holds()
        if found if isinstance(found, bool) else await found:
            return
        await turn.sleep(0)
    raise AssertionError(f"{what} did not happen")


async def turns(count: int = 50) -> None:
    """Let everything that is ready run: for asserting that something does not happen."""
    turn = ManualClock()
    for _ in range(count):
        await turn.sleep(0)


class LogStore(MemoryRunStore):
    """A log and nothing else: takes writes, gives them to readers. A test may stand in the way."""

    def __init__(self) -> None:
        super().__init__(ManualClock())
        self.logs: defaultdict[UUID, list[LoggedEvent]] = defaultdict(list)
        self.groups: list[list[Write]] = []
        self.reads = 0
        self.successor = False
        """Whether every run that ends has another one behind it."""
        self.before: Callable[[], Awaitable[None]] | None = None
        self.after: Callable[[], Awaitable[None]] | None = None
        self.before_read: Callable[[], Awaitable[None]] | None = None
        self.refuse: dict[UUID, Exception] = {}

    async def commit(self, writes: Sequence[Write]) -> Sequence[Committed | Exception]:
        self.groups.append(list(writes))
        if self.before is not None:
            await self.before()
        results = [self._store(write) for write in writes]
        if self.after is not None:
            await self.after()
        return results

    async def read(self, cursors: Mapping[UUID, int], limit: int) -> Mapping[UUID, Sequence[LoggedEvent]]:
        self.reads += 1
        found = {
            run_id: [logged for logged in self.logs[run_id] if logged.seq > after][:limit]
            for run_id, after in cursors.items()
        }
        if self.before_read is not None:
            await self.before_read()
        return {run_id: events for run_id, events in found.items() if events}

    def add(self, run_id: UUID, *events: Event) -> list[LoggedEvent]:
        """Append directly, as another process would."""
        log = self.logs[run_id]
        new = [
            LoggedEvent(seq=seq, event=event, created_at=0.0)
            for seq, event in enumerate(events, len(log) + 1)
        ]
        log.extend(new)
        return new

    def _store(self, write: Write) -> Committed | Exception:
        run_id = write.lease.run_id
        if run_id in self.refuse:
            return self.refuse[run_id]
        if write.first_seq <= len(self.logs[run_id]):  # it landed before: the answer was lost
            return Committed(write.first_seq, 0.0)
        self.add(run_id, *write.events)
        return Committed(write.first_seq, 0.0, successor=self.successor and write.close is not None)


def claimed_run(
    run_id: UUID | None = None, *, spec: AgentSpec | None = None, next_seq: int = 1
) -> ClaimedRun:
    """A run as a worker gets it, at the very beginning."""
    run_id = run_id or new_id()
    workspace = UUID(int=1)
    return ClaimedRun(
        lease=Lease(run_id, workspace, 1, UUID(int=7)),
        row=RunRow(
            id=run_id,
            workspace_id=workspace,
            thread_id=UUID(int=2),
            previous_run_id=None,
            status="in_progress",
            spec=spec or AgentSpec(),
            input=(),
            attempt=1,
            steps=0,
            tool_calls=0,
            usage=Usage(),
            error_code=None,
            error_message=None,
            last_seq=next_seq - 1,
            created_at=0.0,
            started_at=0.0,
            finished_at=None,
        ),
        next_seq=next_seq,
        claimed_at=0.0,
        attempts_without_progress=1,
        lost_tokens=0,
        cancel_requested=False,
        history=(),
        recorded=(),
        unfinished_items=(),
        effects={},
        decisions={},
    )


class Gate:
    """Holds whoever passes until a test lets them go."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.open = asyncio.Event()

    async def __call__(self) -> None:
        self.reached.set()
        await self.open.wait()
