"""The event log's vocabulary: facts about one run, numbered from 1, appended, never changed.

Every wire protocol is a pure function of these events (`api/encoders`), and so is the view of a run
(`core/fold.py`). An event's number is its place in the log, not a field of it.
"""

from typing import Any, Final, Literal, get_args

import msgspec

from helium.core.budget import Usage
from helium.core.items import Item

DeltaPart = Literal["text", "reasoning", "arguments", "refusal"]
StepKind = Literal["model", "tool"]


class Fact(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What all events share: they are values, tagged with `type`."""


class RunQueued(Fact, frozen=True, kw_only=True, tag="run.queued"):
    """The run was accepted. What it was asked is in the run's own row."""

    agent: str
    model: str


class RunStarted(Fact, frozen=True, kw_only=True, tag="run.started"):
    """A worker took the run. `attempt` counts from 1 over the run's whole life."""

    attempt: int


class RunRequeued(Fact, frozen=True, kw_only=True, tag="run.requeued"):
    """The run went back to the queue: `slice_over`, `lease_expired`, `drain` or `error`."""

    reason: Literal["slice_over", "lease_expired", "drain", "error"]
    after_seconds: float = 0.0


class StepStarted(Fact, frozen=True, kw_only=True, tag="step.started"):
    """A step began: a model call, or a call of the tool `name`."""

    position: int
    kind: StepKind
    name: str
    call_id: str | None = None


class StepRetrying(Fact, frozen=True, kw_only=True, tag="step.retrying"):
    """A step failed in a way that passes; it is tried again after `after_seconds`."""

    position: int
    reason: str
    after_seconds: float
    try_number: int


class StepRetracted(Fact, frozen=True, kw_only=True, tag="step.retracted"):
    """An attempt at a step died half-way. Its items never happened: forget their text."""

    position: int
    items: tuple[str, ...]


class StepCompleted(Fact, frozen=True, kw_only=True, tag="step.completed"):
    """A step's result is recorded. `usage` is what it cost."""

    position: int
    kind: StepKind
    name: str
    usage: Usage = Usage()
    seconds: float = 0.0


class ItemAdded(Fact, frozen=True, kw_only=True, tag="item.added"):
    """An item of the answer begins; its text follows in deltas. `index` is its place in the output."""

    index: int
    item: Item


class ItemDelta(Fact, frozen=True, kw_only=True, tag="item.delta"):
    """More text for an open item: several tokens at once, gathered for a short window."""

    item_id: str
    index: int
    text: str
    part: DeltaPart = "text"


class ItemDone(Fact, frozen=True, kw_only=True, tag="item.done"):
    """An item is complete (or cut short, by its status); this is its whole content."""

    index: int
    item: Item


class ActionRequired(Fact, frozen=True, kw_only=True, tag="run.requires_action"):
    """The run waits for a person. `kind` says why: an approval, a question, an effect in doubt."""

    action_id: str
    kind: Literal["approval", "question", "in_doubt"]
    prompt: str
    tool: str | None = None
    arguments: str | None = None
    call_id: str | None = None


class RunResumed(Fact, frozen=True, kw_only=True, tag="run.resumed"):
    """A person decided; the run is queued again."""

    action_id: str
    decision: str


class CancelRequested(Fact, frozen=True, kw_only=True, tag="run.cancel_requested"):
    """A person asked to stop. The worker that holds the run stops at once."""


class RunCompleted(Fact, frozen=True, kw_only=True, tag="run.completed"):
    usage: Usage = Usage()


class RunFailed(Fact, frozen=True, kw_only=True, tag="run.failed"):
    """The run ended in an error: a stable `code` and one public sentence."""

    code: str
    message: str
    usage: Usage = Usage()


class RunCancelled(Fact, frozen=True, kw_only=True, tag="run.cancelled"):
    usage: Usage = Usage()


class RunIncomplete(Fact, frozen=True, kw_only=True, tag="run.incomplete"):
    """A budget ran out: `max_steps`, `max_tokens`, `max_output_tokens`, `max_cost`, `max_seconds`."""

    reason: str
    usage: Usage = Usage()


Event = (
    RunQueued
    | RunStarted
    | RunRequeued
    | StepStarted
    | StepRetrying
    | StepRetracted
    | StepCompleted
    | ItemAdded
    | ItemDelta
    | ItemDone
    | ActionRequired
    | RunResumed
    | CancelRequested
    | RunCompleted
    | RunFailed
    | RunCancelled
    | RunIncomplete
)


class UnknownEvent:
    """An event of a kind that a later release added, as it was written. It keeps its place in the log:
    Helium's own stream passes it on, everything else passes over it. Nobody here can append one."""

    __slots__ = ("payload", "type")

    def __init__(self, kind: str, payload: bytes) -> None:
        self.type = kind
        self.payload = payload
        """JSON on one line."""


FinalEvent = RunCompleted | RunFailed | RunCancelled | RunIncomplete
FINAL_EVENTS = (RunCompleted, RunFailed, RunCancelled, RunIncomplete)


class _Kind(msgspec.Struct):
    """The least that all events of all releases have."""

    type: str


def event_type(event: Event | UnknownEvent) -> str:
    """The event's tag, e.g. `run.started`."""
    if isinstance(event, UnknownEvent):
        return event.type
    tag: Any = event.__struct_config__.tag
    return str(tag)


def _as_written(event: object) -> msgspec.Raw:
    """Called for what msgspec does not know, so that all other events pay nothing for it."""
    if isinstance(event, UnknownEvent):
        return msgspec.Raw(event.payload)
    raise NotImplementedError


KINDS: Final = frozenset(str(member.__struct_config__.tag) for member in get_args(Event))
"""The types of all events that this release knows."""

_encoder = msgspec.json.Encoder(enc_hook=_as_written)
_decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
_kind_decoder = msgspec.json.Decoder(_Kind)


def encode_event(event: Event | UnknownEvent) -> bytes:
    """The event as JSON, the form in which it is stored."""
    return _encoder.encode(event)


def decode_event(payload: bytes | str) -> Event:
    """The event that was stored. Raises `msgspec.ValidationError` for a shape of no known release."""
    return _decoder.decode(payload)


def read_event(payload: bytes | str) -> Event | UnknownEvent:
    """The event that was stored, by this release or by one that knows more kinds of events. Raises
    `msgspec.ValidationError` for a known kind in a shape of no known release, and for what is no event."""
    try:
        return _decoder.decode(payload)
    except msgspec.ValidationError:
        kind = _kind_decoder.decode(payload).type
        if kind in KINDS:
            raise
        written = payload.encode() if isinstance(payload, str) else payload
        return UnknownEvent(kind, msgspec.json.format(written, indent=-1))


class LoggedEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event at its place in the log: `seq` counts 1, 2, 3, … within one run."""

    seq: int
    event: Event | UnknownEvent
    created_at: float  # seconds since 1970, the database's clock
