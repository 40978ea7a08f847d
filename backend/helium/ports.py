"""Every border of the engine, on one page: what each side promises, what may be lost, what is raised.

The engine knows these protocols and no technology. Each has at least two real implementations, and
one contract suite (`backend/tests/contract`) runs over all of them.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from helium.core.budget import Usage
from helium.core.events import Event, LoggedEvent, StepKind
from helium.core.items import FunctionTool, Item
from helium.core.spec import AgentSpec
from helium.core.states import RunStatus
from helium.core.steps import StepResult
from helium.kit.clock import Clock as Clock

# --- models ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelRequest:
    """One call of a model, in no provider's words."""

    model: str
    """The provider's own name, without the `provider:` in front."""
    items: Sequence[Item]
    instructions: str = ""
    tools: Sequence[FunctionTool] = ()
    tool_choice: str | None = None
    parallel_tool_calls: bool = True
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    text_format: dict[str, Any] | None = None
    reasoning_effort: str | None = None
    idempotency_key: str = ""


@dataclass(frozen=True, slots=True)
class TextDelta:
    text: str


@dataclass(frozen=True, slots=True)
class RefusalDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta:
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDone:
    """The reasoning so far is complete; `opaque` must be sent back with it in the next call."""

    opaque: str | None = None


@dataclass(frozen=True, slots=True)
class ToolCallStarted:
    index: int
    """Which of the answer's tool calls this is; argument deltas refer to it."""
    call_id: str
    name: str


@dataclass(frozen=True, slots=True)
class ArgumentsDelta:
    index: int
    text: str


FinishReason = Literal["stop", "tool_calls", "length", "content_filter"]


@dataclass(frozen=True, slots=True)
class ModelFinished:
    """The last event of every answer. Usage has no cost yet: prices are laid over it later."""

    reason: FinishReason
    usage: Usage


ModelEvent = (
    TextDelta
    | RefusalDelta
    | ReasoningDelta
    | ReasoningDone
    | ToolCallStarted
    | ArgumentsDelta
    | ModelFinished
)


class Model(Protocol):
    """A streaming model call."""

    def stream(self, request: ModelRequest) -> AsyncIterator[Sequence[ModelEvent]]:
        """The answer, in batches of events; the last event of the last batch is `ModelFinished`.

        The first content comes as soon as it is there; after that a batch is what gathered during a
        short window (25 to 50 ms), so that nothing downstream is done per token. Raises `Retryable`
        for what may pass (connection, time-out, 408, 409, 429, 5xx, an answer cut off), `ModelFailed` for
        what will not. Closing the iterator closes the connection.
        """
        ...


class ModelCatalog(Protocol):
    """Models by name."""

    def resolve(self, name: str) -> tuple[Model, str]:
        """The model behind `provider:model`, and the provider's own name for it.

        Raises `InvalidRequest` with a sentence that says what to set when the provider is unknown
        or has no key.
        """
        ...

    def price(self, name: str, usage: Usage) -> Usage:
        """`usage` with `cost_microusd` filled in from known prices (0 where none is known)."""
        ...

    def names(self) -> Sequence[str]:
        """The providers that are configured, as `provider:model` or `provider:*`."""
        ...


# --- tools -------------------------------------------------------------------------------------

Effect = Literal["read", "idempotent", "once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """Where a tool call happens."""

    workspace_id: UUID
    thread_id: UUID
    run_id: UUID
    idempotency_key: str
    """The same for every attempt at this call: hand it to whatever has the effect."""
    files: "FileStore"
    clock: Clock


class Tool(Protocol):
    """A function that a model may call."""

    @property
    def definition(self) -> FunctionTool: ...

    @property
    def effect(self) -> Effect:
        """`read` may be repeated freely, `idempotent` with the same key, `once` never."""
        ...

    @property
    def asks_person(self) -> bool:
        """True for a tool that is a question: the person's answer is its result."""
        ...

    async def call(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """Do it and say what came of it. Raises `ToolError` for what the model should read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    path: str
    size: int
    """bytes"""
    modified_at: float
    """seconds since 1970"""


class FileStore(Protocol):
    """A thread's files: small texts by relative path. Other threads' files cannot be named."""

    async def put(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        """Store or replace a file, durably and in one step. Raises `ToolError` for a bad path or size."""
        ...

    async def append(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        """Add to the end of a file. Twice is twice: callers are tools with effect `once`."""
        ...

    async def get(self, workspace_id: UUID, thread_id: UUID, path: str) -> bytes:
        """The file's content. Raises `ToolError` if there is none."""
        ...

    async def list(self, workspace_id: UUID, thread_id: UUID) -> Sequence[StoredFile]:
        """All files of the thread, by path."""
        ...


# --- runs --------------------------------------------------------------------------------------

WhenBusy = Literal["reject", "enqueue", "interrupt"]


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Write:
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


@dataclass(frozen=True, slots=True)
class Committed:
    """A write landed: its events are numbered from `first_seq` and visible to every reader."""

    first_seq: int
    created_at: float
    successor: bool = False
    """The run ended and another one was enqueued behind it: call `promote`."""


class RunStore(Protocol):
    """The truth about runs. Every method is one transaction; when it returns, it is durable."""

    async def start(self, runs: Sequence[NewRun]) -> Sequence[Committed | UUID | Exception]:
        """Accept runs: thread, run `queued`, event 1. One result for each, in order:

        `Committed`; the UUID of the run that the same idempotency key started before; or
        `ThreadBusy`, `ThreadMoved`, `NotFound` (thread), `IdempotencyMismatch`. One entry's refusal
        does not touch the others.
        """
        ...

    async def claim(self, worker_id: UUID, limit: int) -> Sequence[ClaimedRun]:
        """Take up to `limit` due runs, oldest first. Each gets a new epoch and token, attempt + 1."""
        ...

    async def commit(self, writes: Sequence[Write]) -> Sequence[Committed | Exception]:
        """Append events, record steps, close leases, for many runs at once (at most one write each).

        A write whose token is no longer the run's gets `LeaseLost`, one whose step or first number
        is not the next gets `StepMismatch`; nothing of it is stored, and the others are not touched.
        The same write again, after a connection that broke around COMMIT, gets `Committed` if it had
        landed. Raises what the database's driver raises when the outcome is unknown.
        """
        ...

    async def renew(self, worker_id: UUID, ttl_seconds: float) -> None:
        """Extend the lease of the worker (and so of all its runs) to now + ttl, database's clock."""
        ...

    async def cancels(self, worker_id: UUID) -> Sequence[UUID]:
        """The worker's runs that somebody asked to cancel."""
        ...

    async def release(self, worker_id: UUID) -> Sequence[UUID]:
        """Give back every run of the worker at once and end its lease. The runs' ids."""
        ...

    async def abandon(self, lease: Lease) -> None:
        """Give one run back to the queue, or nothing if the lease is not this one any more."""
        ...

    async def disown(self, worker_id: UUID, held: Sequence[UUID]) -> Sequence[UUID]:
        """Requeue the worker's runs whose token is not among `held`: those that it has and does not
        know of, because the answer to a claim was lost, or because it gave them up unclosed. Not to
        be called beside a claim of the same worker. The runs' ids."""
        ...

    async def requeue_expired(self, limit: int) -> Sequence[UUID]:
        """Requeue runs whose worker's lease has expired; finish those that were to be cancelled."""
        ...

    async def request_cancel(self, run_id: UUID) -> RunStatus:
        """Ask for the end of a run. A run that nobody holds is `cancelled` at once; one that is
        `in_progress` is marked, and its holder ends it. Raises `RunAlreadyFinished`, `NotFound`."""
        ...

    async def decide(
        self, action_id: UUID, *, decision: str, answer: str | None, decided_by: str
    ) -> RunRow:
        """Record a person's decision and queue the run. Exactly one caller wins; the others get
        `ActionAlreadyDecided`. Raises `NotFound`."""
        ...

    async def forget_workers(self) -> None:
        """Drop the rows of workers that have been gone for a day."""
        ...

    async def promote(self, limit: int) -> Sequence[UUID]:
        """Make runs due that were enqueued behind a run which has finished since. Their ids."""
        ...

    async def due(self) -> bool:
        """Whether a run could be claimed now."""
        ...

    async def read(self, cursors: Mapping[UUID, int], limit: int) -> Mapping[UUID, Sequence[LoggedEvent]]:
        """For each run, its events after the given number, at most `limit` each, in one query."""
        ...

    async def run(self, run_id: UUID) -> RunRow | None:
        """One run's row, from the primary."""
        ...


class Bell(Protocol):
    """A doorbell: says that there may be work. It may ring twice, late, or never (I8)."""

    async def ring(self, run_ids: Sequence[UUID], delay_seconds: float = 0.0) -> None:
        """Tell a worker that these runs may be due. Never raises; a lost ring costs latency only."""
        ...
