"""One run as the reference model keeps it: its row, its log, its steps, its ledger, its actions."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from uuid import UUID

import msgspec

from helium.core.budget import Usage
from helium.core.events import (
    CancelRequested,
    Event,
    ItemAdded,
    RunCancelled,
    StepRetracted,
    UnknownEvent,
    encode_event,
    read_event,
)
from helium.core.items import Item
from helium.core.spec import AgentSpec
from helium.core.states import ACTIVE, RunStatus, is_terminal
from helium.core.steps import StepResult
from helium.kit.text import json_without_nul, without_nul
from helium.ports import ActionRow, Close, EffectRow, Lease, NewRun, RunRow, StepRecord, Write

LOST_CALL_TOKENS = 1024
"""What a lost model call is taken to have cost where the run does not bound its answers."""


@dataclass(frozen=True, slots=True)
class Entry:
    """An event at its place in the log, as it was written and under which epoch."""

    epoch: int
    payload: bytes
    created_at: float

    @property
    def event(self) -> Event | UnknownEvent:
        return read_event(self.payload)


@dataclass(slots=True, kw_only=True)
class RunRecord:
    id: UUID
    workspace_id: UUID
    thread_id: UUID
    previous_run_id: UUID | None
    spec: AgentSpec
    input: tuple[Item, ...]
    held: bool
    created_at: float
    due_at: float
    rung_at: float = float("-inf")
    """When a sweeper last rang for it."""
    status: RunStatus = "queued"
    epoch: int = 0
    owner_token: UUID | None = None
    worker_id: UUID | None = None
    attempt: int = 0
    attempts_without_progress: int = 0
    engine_version: int = 1
    """Of the worker that claimed it last."""
    lost_tokens: int = 0
    tool_calls: int = 0
    usage: Usage = Usage()  # noqa: RUF009 - frozen value
    cancel_requested: bool = False
    boundary_seq: int = 2
    error_code: str | None = None
    error_message: str | None = None
    started_at: float | None = None
    finished_at: float | None = None
    log: list[Entry] = field(default_factory=list[Entry])
    steps: list[StepRecord] = field(default_factory=list[StepRecord])
    effects: dict[str, EffectRow] = field(default_factory=dict[str, EffectRow])
    actions: dict[UUID, ActionRow] = field(default_factory=dict[UUID, ActionRow])

    @classmethod
    def of(cls, new: NewRun, *, previous: UUID | None, held: bool, now: float) -> "RunRecord":
        spec = json_without_nul(msgspec.json.encode(new.spec))
        return cls(
            id=new.id,
            workspace_id=new.workspace_id,
            thread_id=new.thread_id,
            previous_run_id=previous,
            spec=msgspec.json.decode(spec, type=AgentSpec),
            input=msgspec.json.decode(msgspec.json.encode(new.input), type=tuple[Item, ...]),
            held=held,
            created_at=now,
            due_at=now,
        )

    # --- what it is ----------------------------------------------------------------------------

    @property
    def next_seq(self) -> int:
        return len(self.log) + 1

    @property
    def active(self) -> bool:
        """Whether it has its thread's one place."""
        return not self.held and self.status in ACTIVE

    def due(self, now: float, engine_version: int) -> bool:
        """Whether a worker of this engine could claim it."""
        waits = self.status == "queued" and not self.held and self.due_at <= now
        return waits and self.engine_version <= engine_version

    def leased_by(self, lease: Lease) -> bool:
        return self.epoch == lease.epoch and self.owner_token == lease.token

    def row(self) -> RunRow:
        return RunRow(
            id=self.id,
            workspace_id=self.workspace_id,
            thread_id=self.thread_id,
            previous_run_id=self.previous_run_id,
            status=self.status,
            spec=self.spec,
            input=self.input,
            attempt=self.attempt,
            steps=len(self.steps),
            tool_calls=self.tool_calls,
            usage=self.usage,
            error_code=self.error_code,
            error_message=self.error_message,
            last_seq=len(self.log),
            created_at=self.created_at,
            started_at=self.started_at,
            finished_at=self.finished_at,
        )

    def unfinished_items(self) -> list[str]:
        """Items begun since the last boundary and not retracted."""
        begun: list[str] = []
        for entry in self.log[self.boundary_seq - 1 :]:
            event = entry.event
            if isinstance(event, ItemAdded):
                begun.append(event.item.id)
            elif isinstance(event, StepRetracted):
                begun = [item_id for item_id in begun if item_id not in event.items]
        return begun

    # --- what happens to it --------------------------------------------------------------------

    def append(self, events: Sequence[Event], now: float) -> None:
        self.log.extend(Entry(self.epoch, encode_event(event), now) for event in events)

    def lease_to(self, worker_id: UUID, token: UUID, *, now: float, engine_version: int) -> Lease:
        self.status = "in_progress"
        self.engine_version = engine_version
        self.epoch += 1
        self.attempt += 1
        self.attempts_without_progress += 1
        self.owner_token, self.worker_id = token, worker_id
        self.started_at = now if self.started_at is None else self.started_at
        return Lease(self.id, self.workspace_id, self.epoch, token)

    def end_lease(self, status: RunStatus, now: float, due_in_seconds: float = 0.0) -> None:
        """Move to a state in which nobody holds the run."""
        self.status = status
        self.owner_token = self.worker_id = None
        if status == "queued":
            self.due_at = now + due_in_seconds
        if is_terminal(status):
            self.finished_at = now

    def fits(self, write: Write) -> bool:
        """The fence: the token, the first number, the step."""
        return (
            self.leased_by(write.lease)
            and write.first_seq == self.next_seq
            and (write.step is None or write.step.position == len(self.steps))
        )

    def landed(self, write: Write) -> Entry | None:
        """The write's last event, if the log has it at its place, as it would be written now."""
        last = write.first_seq + len(write.events) - 2
        if not write.events or not 0 <= last < len(self.log):
            return None
        entry = self.log[last]
        same = entry.epoch == write.lease.epoch and entry.payload == encode_event(write.events[-1])
        return entry if same else None

    def store(self, write: Write, now: float) -> None:
        """All of a write that fits."""
        self.append(write.events, now)
        if write.step is not None:
            self._record(write.step)
        if write.intent is not None:
            self._intend(write.intent)
        if write.effect_done in self.effects:
            settled = self.effects[write.effect_done]
            self.effects[settled.call_id] = replace(settled, state="done")
        if write.step is not None or write.close is not None:
            self.boundary_seq = self.next_seq
        if write.close is not None:
            self._close(write.close, now)
        if self.status == "requires_action" and self.cancel_requested:
            self.cancel(now)  # nobody holds it who would do it

    def _record(self, step: StepRecord) -> None:
        result = msgspec.json.decode(msgspec.json.encode(step.result), type=StepResult)
        self.steps.append(
            StepRecord(position=step.position, kind=step.kind, name=without_nul(step.name), result=result)
        )
        self.tool_calls += step.kind == "tool"
        self.usage = self.usage + step.usage
        self.attempts_without_progress = 0

    def _intend(self, intent: EffectRow) -> None:
        known = self.effects.get(intent.call_id)
        first = known or replace(intent, state="intent")
        self.effects[intent.call_id] = replace(first, epoch=self.epoch)

    def _close(self, close: Close, now: float) -> None:
        if close.action is not None:
            self.actions[close.action.id] = _as_asked(close.action, self)
        if close.progress:
            self.attempts_without_progress = 0
        if close.error_code is not None:
            self.error_code = close.error_code
        if close.error_message is not None:
            self.error_message = without_nul(close.error_message)
        self.end_lease(close.status, now, close.due_in_seconds)

    def cancel(self, now: float) -> None:
        """The end of a run that nobody holds."""
        self.append([CancelRequested(), RunCancelled(usage=self.usage)], now)
        self._void_actions()
        self.held = False
        self.end_lease("cancelled", now)

    def _void_actions(self) -> None:
        for action in self.actions.values():
            if action.state == "pending":
                self.actions[action.id] = replace(action, state="void")

    def decisions(self) -> dict[tuple[str, str], ActionRow]:
        """The last decision of each call and kind."""
        decided = (action for action in self.actions.values() if action.state == "decided")
        return {(action.call_id, action.kind): action for action in decided}


def _as_asked(action: ActionRow, run: RunRecord) -> ActionRow:
    return replace(
        action,
        run_id=run.id,
        workspace_id=run.workspace_id,
        prompt=without_nul(action.prompt),
        arguments=None if action.arguments is None else without_nul(action.arguments),
        epoch=run.epoch,
        state="pending",
        decision=None,
        answer=None,
    )
