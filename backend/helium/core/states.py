"""The life of a run, as data. `docs/state-machine.md` is generated from this table.

queued -> in_progress -> completed | failed | cancelled | incomplete
in_progress -> requires_action -> queued      a person decides
in_progress -> queued                         retry, lost lease, end of a time slice
"""

from typing import Literal, NamedTuple

RunStatus = Literal[
    "queued",
    "in_progress",
    "requires_action",
    "completed",
    "failed",
    "cancelled",
    "incomplete",
]

TERMINAL: frozenset[RunStatus] = frozenset({"completed", "failed", "cancelled", "incomplete"})
ACTIVE: frozenset[RunStatus] = frozenset({"queued", "in_progress", "requires_action"})


class Transition(NamedTuple):
    """One permitted change of state: who makes it, and the event that records it."""

    source: RunStatus
    target: RunStatus
    event: str
    cause: str


TRANSITIONS: tuple[Transition, ...] = (
    Transition("queued", "in_progress", "run.started", "a worker claims the run"),
    Transition("queued", "cancelled", "run.cancelled", "a person cancels before it starts"),
    Transition("in_progress", "completed", "run.completed", "the model answered"),
    Transition("in_progress", "failed", "run.failed", "an error that retrying cannot mend"),
    Transition("in_progress", "cancelled", "run.cancelled", "a person cancels while it runs"),
    Transition("in_progress", "incomplete", "run.incomplete", "a budget ran out"),
    Transition("in_progress", "requires_action", "run.requires_action", "a person must decide"),
    Transition("in_progress", "queued", "run.requeued", "retry, lost lease, or end of a slice"),
    Transition("requires_action", "queued", "run.resumed", "a person decided"),
    Transition("requires_action", "cancelled", "run.cancelled", "a person cancels while it waits"),
)

_ALLOWED = {(t.source, t.target): t for t in TRANSITIONS}


def can_move(source: RunStatus, target: RunStatus) -> bool:
    """Whether a run may go from `source` to `target`. Terminal states lead nowhere."""
    return (source, target) in _ALLOWED


def is_terminal(status: RunStatus) -> bool:
    return status in TERMINAL
