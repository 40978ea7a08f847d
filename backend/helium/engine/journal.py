"""One run's recorded steps, as the loop sees them: do a step once, however often the loop passes it.

Steps are numbered and named. A step that is recorded is returned as it was; a name that differs from
the recorded one means that the program changed under the run, and is an error instead of a guess.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

from helium.core.budget import Spent, Usage, exceeded
from helium.core.errors import StepMismatch
from helium.core.events import (
    ActionRequired,
    Event,
    FinalEvent,
    ItemDone,
    RunRequeued,
    StepCompleted,
    StepKind,
    StepRetracted,
    StepStarted,
)
from helium.core.items import Item, Message, Reasoning
from helium.core.steps import StepResult
from helium.engine.lease import Lease, wait_until_fresh
from helium.engine.log_writer import Pen
from helium.kit import trace
from helium.kit.clock import Clock
from helium.kit.ids import to_wire
from helium.kit.metrics import instruments as metrics
from helium.ports import ActionRow, ClaimedRun, Close, EffectRow, StepRecord

# A log longer than this is nobody's answer; it would only slow its readers (I10).
MAX_EVENTS = 200_000


class HandOver(Exception):
    """The run stops at this step boundary and goes back to the queue: `slice_over` or `drain`."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class NeedsPerson(Exception):
    """The run cannot go on before a person has decided."""

    def __init__(self, action: ActionRow) -> None:
        super().__init__(action.kind)
        self.action = action


class OpenItems(Protocol):
    @property
    def items(self) -> Sequence[Item]: ...


class _NothingOpen:
    items: Sequence[Item] = ()


_NOTHING_OPEN = _NothingOpen()


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends: the state it closes in, and the event that says so."""

    close: Close
    event: Callable[[Usage], FinalEvent]


class Journal:
    """The journal of one leased run. Not shared between tasks; steps are taken in order."""

    def __init__(
        self,
        claimed: ClaimedRun,
        pen: Pen,
        clock: Clock,
        lease: Lease,
        must_stop: Callable[[], str | None],
    ) -> None:
        self.run = claimed
        self.pen = pen
        self.usage = claimed.row.usage
        self.position = 0
        self.index = 0
        """The place in the output of the next item."""
        self.open_items: OpenItems = _NOTHING_OPEN
        """What this attempt has begun and not recorded, as far as it has come."""
        self._clock = clock
        self._lease = lease
        self._must_stop = must_stop
        self._tool_calls = 0
        self._ids = 0
        self._begun_at = clock.monotonic()

    def open(self) -> None:
        """Take back what a dead attempt left half-said. Done before anything else is written."""
        if self.run.unfinished_items:
            metrics.RETRACTIONS.of("takeover").add()
            self.pen.append(
                StepRetracted(position=len(self.run.recorded), items=tuple(self.run.unfinished_items))
            )

    async def step(
        self,
        kind: StepKind,
        name: str,
        do: Callable[[], Awaitable[tuple[StepResult, Usage]]],
        *,
        ending: Callable[[StepResult], Ending | None] = lambda result: None,
        call_id: str | None = None,
        settles: Callable[[], bool] = lambda: False,
    ) -> StepResult:
        """The result of this step: recorded, or done now and recorded before this returns.

        `ending` looks at the result; if it gives an ending, the run is closed in the same
        transaction. `settles` says afterwards whether the effect `call_id` was begun.
        """
        if self.recorded:
            return self._replay(name)
        self.boundary()
        await wait_until_fresh(self._lease, self._clock)
        with trace.span("step", position=self.position, step=kind):
            return await self._first_time(kind, name, do, ending, call_id, settles)

    async def _first_time(
        self,
        kind: StepKind,
        name: str,
        do: Callable[[], Awaitable[tuple[StepResult, Usage]]],
        ending: Callable[[StepResult], Ending | None],
        call_id: str | None,
        settles: Callable[[], bool],
    ) -> StepResult:
        self.pen.mention(StepStarted(position=self.position, kind=kind, name=name, call_id=call_id))
        started = self._clock.monotonic()
        result, usage = await do()
        seconds = self._clock.monotonic() - started
        metrics.STEP_SECONDS.of(kind).observe(seconds)
        events = self._done(result.items)
        events.append(
            StepCompleted(
                position=self.position,
                kind=kind,
                name=name,
                usage=usage,
                seconds=round(seconds, 4),
            )
        )
        self.usage = self.usage + usage
        end = ending(result)
        if end is not None:
            events.append(end.event(self.usage))
        await self.pen.commit(
            *events,
            step=StepRecord(position=self.position, kind=kind, name=name, result=result, usage=usage),
            effect_done=call_id if settles() else None,
            close=end.close if end is not None else None,
        )
        self._advance(kind, result)
        return result

    @property
    def recorded(self) -> bool:
        """Whether the next step is one that an earlier attempt has recorded."""
        return self.position < len(self.run.recorded)

    def boundary(self) -> None:
        """Raise `HandOver` if the run must stop here. Nothing is open at a boundary."""
        reason = self._must_stop()
        if reason is not None:
            raise HandOver(reason)

    def over_budget(self) -> str | None:
        """The budget that is used up, if one is; recorded steps pass."""
        if self.recorded:
            return None
        if self.pen.next_seq > MAX_EVENTS:
            return "max_events"
        row = self.run.row
        lost = Usage(output_tokens=self.run.lost_tokens)
        age = self.run.claimed_at - row.created_at + self._clock.monotonic() - self._begun_at
        spent = Spent(
            steps=self.position, tool_calls=self._tool_calls, usage=self.usage + lost, seconds=age
        )
        return exceeded(row.spec.limits, spent)

    def new_item_id(self, prefix: str) -> str:
        """An id that no other attempt at this run will ever give: run, epoch, number."""
        lease = self.run.lease
        self._ids += 1
        return f"{prefix}_{lease.run_id.hex}{lease.epoch:x}x{self._ids:x}"

    async def intend(self, effect: EffectRow) -> None:
        """Record that a `once` call is about to begin. Durable when this returns."""
        await self.pen.commit(intent=effect)

    async def park(self, action: ActionRow) -> None:
        """Give the run to a person. The lease ends; nothing is lost while they think."""
        await self.pen.commit(
            ActionRequired(
                action_id=to_wire("act", action.id),
                kind=action.kind,
                prompt=action.prompt,
                tool=action.tool,
                arguments=action.arguments,
                call_id=action.call_id,
            ),
            close=Close(status="requires_action", action=action, progress=True),
        )
        metrics.ACTIONS.of(action.kind).add()

    async def hand_over(self, reason: str, *, after_seconds: float = 0.0, progress: bool = True) -> None:
        """Put the run back into the queue, taking back what was half-said."""
        events: list[Event] = []
        if self.open_items.items:
            metrics.RETRACTIONS.of("handover").add()
            ids = tuple(item.id for item in self.open_items.items)
            events.append(StepRetracted(position=self.position, items=ids))
        assert reason in ("slice_over", "drain", "error")
        events.append(RunRequeued(reason=reason, after_seconds=after_seconds))
        await self.pen.commit(
            *events,
            close=Close(status="queued", due_in_seconds=after_seconds, progress=progress),
        )

    async def finish(self, ending: Ending) -> None:
        """End the run here. What was said so far stays, marked incomplete; open calls are dropped."""
        said: list[Item] = []
        dropped: list[str] = []
        for item in self.open_items.items:
            kept = _cut_short(item)
            if kept is None:
                dropped.append(item.id)
            else:
                said.append(kept)
        events: list[Event] = []
        if dropped:
            metrics.RETRACTIONS.of("end").add()
            events.append(StepRetracted(position=self.position, items=tuple(dropped)))
        events.extend(self._done(tuple(said)))
        events.append(ending.event(self.usage))
        record = None
        if said and not self.recorded:
            result = StepResult(items=tuple(said), finish="cancelled")
            record = StepRecord(position=self.position, kind="model", name="model", result=result)
        await self.pen.commit(*events, step=record, close=ending.close)

    def forget_open_items(self) -> None:
        self.open_items = _NOTHING_OPEN

    def _replay(self, name: str) -> StepResult:
        record = self.run.recorded[self.position]
        if record.name != name:
            raise StepMismatch(
                f"step {self.position} was recorded as {record.name!r}, the loop wants {name!r}"
            )
        self._advance(record.kind, record.result)
        return record.result

    def _advance(self, kind: StepKind, result: StepResult) -> None:
        self.position += 1
        self.index += len(result.items)
        self._tool_calls += kind == "tool"
        self.forget_open_items()

    def _done(self, items: tuple[Item, ...]) -> list[Event]:
        return [ItemDone(index=self.index + n, item=item) for n, item in enumerate(items)]


def _cut_short(item: Item) -> Item | None:
    """The item as far as it came, or None for one that means nothing unfinished."""
    match item:
        case Message(content=content) if content:
            return Message(id=item.id, role=item.role, content=content, status="incomplete")
        case Reasoning(text=text) if text:
            return Reasoning(id=item.id, text=text, status="incomplete")
        case _:
            return None
