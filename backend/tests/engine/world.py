"""A whole engine in memory: a store, one worker at a time, a scripted model, a clock that skips."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any
from uuid import UUID

import msgspec

from helium.adapters.blobs import open_blobs
from helium.adapters.memory.bell import LocalBell
from helium.adapters.memory.bus import SilentBus
from helium.adapters.memory.files import MemoryFiles
from helium.adapters.memory.run_record import RunRecord
from helium.adapters.memory.run_store import MemoryRunStore
from helium.adapters.scripted import ScriptedModel
from helium.core.budget import Usage
from helium.core.errors import InvalidRequest
from helium.core.events import Event, LoggedEvent, UnknownEvent, event_type
from helium.core.fold import EMPTY, RunView, fold
from helium.core.items import FunctionTool, Item, Message, ToolCall, ToolResult, user_message
from helium.core.spec import AgentSpec
from helium.engine.lease import Lease
from helium.engine.log_writer import LogWriter
from helium.engine.options import EngineOptions
from helium.engine.tail import EventHub
from helium.engine.worker import Worker
from helium.platform import Platform
from helium.ports import (
    Committed,
    Effect,
    FinishReason,
    Model,
    ModelFinished,
    NewRun,
    Tool,
    ToolContext,
    WhenBusy,
    Write,
)

from .fakes import AWAY, SkippingClock, until

WORKSPACE = UUID(int=0xA)
ENDED = ("completed", "failed", "cancelled", "incomplete", "requires_action")


def ends(reason: FinishReason) -> ModelFinished:
    return ModelFinished(reason, Usage(input_tokens=10, output_tokens=5))


class ProbedStore(MemoryRunStore):
    """The store, with a place to stand before and after every write."""

    def __init__(self, clock: SkippingClock) -> None:
        super().__init__(clock)
        self.before: Callable[[Sequence[Write]], Awaitable[None]] | None = None
        self.after: Callable[[Sequence[Write]], Awaitable[None]] | None = None
        self.written: list[Write] = []

    async def commit(self, writes: Sequence[Write]) -> Sequence[Committed | Exception]:
        if self.before is not None:
            await self.before(writes)
        results = await super().commit(writes)
        self.written.extend(w for w, r in zip(writes, results, strict=True) if isinstance(r, Committed))
        if self.after is not None:
            await self.after(writes)
        return results


@dataclass
class Catalog:
    """Models by name; every token costs one micro-dollar."""

    models: Mapping[str, Model]

    def resolve(self, name: str) -> tuple[Model, str]:
        if name not in self.models:
            raise InvalidRequest(f"There is no model {name}.")
        return self.models[name], name

    def price(self, name: str, usage: Usage) -> Usage:
        return usage + Usage(cost_microusd=usage.total_tokens)

    def names(self) -> Sequence[str]:
        return list(self.models)


@dataclass
class Recorder:
    """A tool that remembers its calls, and does with them what a test wants."""

    name: str
    effect: Effect = "read"
    asks_person: bool = False
    do: Callable[[dict[str, Any]], Awaitable[str]] | None = None
    calls: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    keys: list[str] = field(default_factory=list[str])

    @property
    def definition(self) -> FunctionTool:
        return FunctionTool(name=self.name, description="Notes that it was called.")

    async def call(self, arguments: dict[str, Any], context: ToolContext) -> str:
        self.calls.append(arguments)
        self.keys.append(context.idempotency_key)
        if self.do is not None:
            return await self.do(arguments)
        return f"{self.name} was called"


class World:
    """What a scenario plays with."""

    def __init__(
        self, model: Model, *tools: Recorder, models: Mapping[str, Model] | None = None, **options: Any
    ) -> None:
        self.clock = SkippingClock()
        self.store = ProbedStore(self.clock)
        self.options = replace(EngineOptions(lease_ttl_seconds=1e9, poll_seconds=60.0), **options)
        self.tools: dict[str, Tool] = {tool.name: tool for tool in tools}
        self.platform = Platform(
            clock=self.clock,
            runs=self.store,
            bell=LocalBell(),
            bus=SilentBus(),
            models=Catalog({"m": model, **(models or {})}),
            tools=self.tools,
            files=MemoryFiles(self.clock),
            blobs=open_blobs("memory:///"),
        )
        self.hub = EventHub(
            self.store, self.clock, poll_seconds=1.0, buffer_events=self.options.viewer_buffer_events
        )
        self._runs = 0
        self._workers = 0

    async def start(
        self,
        text: str = "Hello",
        *,
        previous: UUID | None = None,
        input: Sequence[Item] | None = None,
        when_busy: WhenBusy = "reject",
        **spec: Any,
    ) -> UUID:
        """Accept a run of an agent that has every tool of this world. Its id."""
        self._runs += 1
        run_id = UUID(int=0x100 + self._runs)
        defaults: dict[str, Any] = {"model": "m", "tools": tuple(self.tools)}
        new = NewRun(
            id=run_id,
            workspace_id=WORKSPACE,
            thread_id=run_id if previous is None else self.stored(previous).thread_id,
            new_thread=previous is None,
            agent_id=None,
            spec=AgentSpec(**{**defaults, **spec}),
            input=[user_message(f"u{self._runs}", text)] if input is None else input,
            previous_run_id=previous,
            when_busy=when_busy,
        )
        (started,) = await self.store.start([new])
        assert isinstance(started, Committed), started
        return run_id

    @asynccontextmanager
    async def working(self) -> AsyncGenerator[Worker]:
        """A worker of its own, running. At the end of the block it is killed, not drained."""
        self._workers += 1
        lease = Lease(UUID(int=0x200 + self._workers), self.options.lease_ttl_seconds)
        await self.store.renew(lease.worker_id, lease.ttl_seconds)
        lease.renewed_at = self.clock.monotonic()
        writer = LogWriter(self.store, self.hub, self.clock, AWAY)
        worker = Worker(self.platform, writer, self.hub, lease, self.options, AWAY)
        writer.on_successor = worker.promote_soon
        self.hub.local_runs(writer.holds)
        self.lease = lease
        tasks = [asyncio.create_task(work) for work in (writer.serve(), worker.serve())]
        try:
            yield worker
        finally:
            for task in reversed(tasks):
                task.cancel()
            ended = await asyncio.gather(*tasks, return_exceptions=True)
            failures = [e for e in ended if isinstance(e, Exception)]
            assert failures == [], failures

    async def take_over(self) -> Sequence[UUID]:
        """What a sweeper does once the leases of the dead have expired."""
        self.store.leases.clear()
        return await self.store.requeue_expired(100)

    async def finish(self, run_id: UUID) -> RunView:
        """Work until the run ends or waits for a person, with one worker; the view then."""
        async with self.working():
            await self.settled(run_id)
        return self.view(run_id)

    async def settled(self, run_id: UUID) -> None:
        await until(lambda: self.stored(run_id).status in ENDED, "the end of the run")

    async def decide(self, run_id: UUID, decision: str, answer: str | None = None) -> None:
        (action,) = [a for a in self.stored(run_id).actions.values() if a.state == "pending"]
        await self.store.decide(action.id, decision=decision, answer=answer, decided_by="test")

    def stored(self, run_id: UUID) -> RunRecord:
        return self.store.runs[run_id]

    def view(self, run_id: UUID) -> RunView:
        return fold(EMPTY, self.log(run_id))

    def log(self, run_id: UUID) -> list[LoggedEvent]:
        return [
            LoggedEvent(seq=seq, event=entry.event, created_at=entry.created_at)
            for seq, entry in enumerate(self.stored(run_id).log, 1)
        ]

    def events(self, run_id: UUID) -> list[Event | UnknownEvent]:
        return [logged.event for logged in self.log(run_id)]

    def types(self, run_id: UUID) -> list[str]:
        return [event_type(event) for event in self.events(run_id)]


class Stage:
    """A run in the middle of its first answer: `Hel` is said and shown, then the model is silent."""

    def __init__(self, **options: Any) -> None:
        self.rest = asyncio.Event()
        self.world = World(answers(["Hel", self.rest, "lo"]), **options)

    async def said(self, run_id: UUID) -> None:
        await until(lambda: "item.delta" in self.world.types(run_id), "the first text")


def answers(*turns: Sequence[Any]) -> ScriptedModel:
    """A model that says these turns, on a clock that skips."""
    return ScriptedModel(turns, clock=SkippingClock())


def outputs(view: RunView) -> list[tuple[str, bool]]:
    """What the tools answered, and whether it was an error."""
    return [(item.output, item.is_error) for item in view.items if isinstance(item, ToolResult)]


def texts(view: RunView) -> list[str]:
    return [item.text for item in view.items if isinstance(item, Message)]


def changed_arguments(stored: RunRecord, arguments: str) -> None:
    """As if the recorded call had other arguments than a person was shown."""
    first = stored.steps[0]
    items = tuple(
        msgspec.structs.replace(item, arguments=arguments) if isinstance(item, ToolCall) else item
        for item in first.result.items
    )
    stored.steps[0] = replace(first, result=msgspec.structs.replace(first.result, items=items))
