"""Runs as values: what is accepted, stored, claimed and written."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

import msgspec

from helium.core.budget import Usage
from helium.core.events import Event, StepKind
from helium.core.items import Item
from helium.core.spec import AgentSpec
from helium.core.states import RunStatus
from helium.core.steps import StepResult

WhenBusy = Literal["reject", "enqueue", "interrupt"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunLimits:
    """How many runs may wait and run, for each workspace and in all; None: any number."""

    queued_per_workspace: int | None = None
    queued: int | None = None
    running_per_workspace: int | None = None
    running: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NewRun:
    """A run to be accepted: all that its first transaction needs."""

    id: UUID
    workspace_id: UUID
    thread_id: UUID
    new_thread: bool
    """True: the thread is made with the run. False: it exists, and the run joins its end."""
    agent_id: UUID | None
    spec: AgentSpec
    input: Sequence[Item]
    title: str = ""
    previous_run_id: UUID | None = None
    """The run whose conversation this one goes on from. In an existing thread it must be the last
    one, else `ThreadMoved`; None there means: whichever is the last."""
    when_busy: WhenBusy = "reject"
    idempotency_key: str | None = None
    request_hash: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run as it is stored."""

    id: UUID
    workspace_id: UUID
    thread_id: UUID
    previous_run_id: UUID | None
    status: RunStatus
    spec: AgentSpec
    input: Sequence[Item]
    attempt: int
    steps: int
    tool_calls: int
    usage: Usage
    error_code: str | None
    error_message: str | None
    last_seq: int
    created_at: float
    started_at: float | None
    finished_at: float | None


@dataclass(frozen=True, slots=True)
class Lease:
    """The right to write to one run: only the holder of this epoch and token can."""

    run_id: UUID
    workspace_id: UUID
    epoch: int
    token: UUID


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """Where a run stands that could not be claimed just now."""

    status: RunStatus
    error_code: str | None
    held: bool
    """It waits behind another run of its thread."""
    due_in_seconds: float
    """With `queued`: until it may be claimed; 0 or less if it is due."""
    lease_seconds: float
    """With `in_progress`: until its worker's lease ends; 0 or less if it has."""
    for_newer_engine: bool = False
    """A newer engine has begun it, and this one must leave it to such a one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepRecord:
    """A recorded step, numbered from 0 and named, so that a changed program is noticed."""

    position: int
    kind: StepKind
    name: str
    result: StepResult
    usage: Usage = Usage()  # noqa: RUF009 - frozen value


@dataclass(frozen=True, slots=True, kw_only=True)
class EffectRow:
    """A `once` call in the ledger. `intent` without `done` means: nobody knows whether it happened."""

    call_id: str
    tool: str
    arguments_hash: bytes
    state: Literal["intent", "done"]
    epoch: int = 0
    """The lease under which it was last begun."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ActionRow:
    """Something that a person must decide. `subject_hash` binds it to exactly what was shown."""

    id: UUID
    run_id: UUID
    workspace_id: UUID
    call_id: str
    kind: Literal["approval", "question", "in_doubt"]
    subject_hash: bytes
    prompt: str
    tool: str | None
    arguments: str | None
    epoch: int = 0
    """The lease that asked: a decision about an effect says nothing about later attempts at it."""
    state: Literal["pending", "decided", "void"] = "pending"
    decision: str | None = None
    """`approve`, `deny`, `answer`, `done` (it happened), `repeat` (it did not: do it again)."""
    answer: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ClaimedRun:
    """A run with everything that its execution needs, read in the claiming transaction's wake."""

    lease: Lease
    row: RunRow
    next_seq: int
    """The number of the next event; the one before it is this claim's `run.started`."""
    claimed_at: float
    waited_seconds: float = 0.0
    """From the time at which it was due to its claim."""
    attempts_without_progress: int
    lost_tokens: int
    """Tokens of model calls that died with a worker: paid for, counted against the budget."""
    cancel_requested: bool
    history: Sequence[Item]
    """The conversation before this run's own input."""
    recorded: Sequence[StepRecord]
    unfinished_items: Sequence[str]
    """Items that a dead attempt began and nobody recorded or retracted."""
    effects: Mapping[str, EffectRow]
    """The ledger, by call id."""
    decisions: Mapping[tuple[str, str], ActionRow]
    """Decided actions, by call id and kind; the last one of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """The end of a lease: the run's next state. A closed lease can write nothing more."""

    status: RunStatus
    due_in_seconds: float = 0.0
    """With `queued`: when the run may be claimed again."""
    error_code: str | None = None
    error_message: str | None = None
    action: ActionRow | None = None
    """With `requires_action`: what a person must decide."""
    progress: bool = False
    """With `queued`: this attempt ended in order and does not count towards poison."""


class Write(msgspec.Struct, frozen=True, kw_only=True):
    """One run's share of a group commit. All of it is stored, or none."""

    lease: Lease
    first_seq: int
    """The number that the first event must get: the log's next. A repeated write cannot fit twice."""
    events: Sequence[Event]
    step: StepRecord | None = None
    """Accepted only as the run's next step: position = number of recorded steps."""
    intent: EffectRow | None = None
    effect_done: str | None = None
    """The call id of an intent that this step settles."""
    close: Close | None = None


class Committed(msgspec.Struct, frozen=True):
    """A write landed: its events are numbered from `first_seq` and visible to every reader."""

    first_seq: int
    created_at: float
    successor: bool = False
    """The run ended and another one was enqueued behind it: call `promote`."""
