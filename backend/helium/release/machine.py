"""The life of a release, as data. `docs/operations/release.md` is compared with this table by a test.

Every act is idempotent and is recorded after it was done: whoever resumes does the recorded state's act
again. There are two ends: all on new, or all on old.
"""

from typing import Literal, NamedTuple

State = Literal[
    "migrating",
    "creating",
    "smoking",
    "shifting",
    "soaking",
    "promoting",
    "promoted",
    "rolling_back",
    "rolled_back",
]
Outcome = Literal["done", "more", "failed", "stopped", "reverted"]

ENDS: frozenset[State] = frozenset({"promoted", "rolled_back"})
FIRST: State = "migrating"


class Transition(NamedTuple):
    """One permitted change of state."""

    source: State
    outcome: Outcome
    target: State
    cause: str


def _gives_up(state: State, cause: str) -> tuple[Transition, Transition]:
    return (
        Transition(state, "failed", "rolling_back", cause),
        Transition(state, "stopped", "rolling_back", "a person or a signal says so"),
    )


TRANSITIONS: tuple[Transition, ...] = (
    Transition("migrating", "done", "creating", "the schema was expanded"),
    *_gives_up("migrating", "the migration failed"),
    Transition("creating", "done", "smoking", "the new revision is ready, without traffic"),
    *_gives_up("creating", "the new revision does not become ready"),
    Transition("smoking", "done", "shifting", "it answers, and a run came to its end"),
    *_gives_up("smoking", "it does not answer, or its run did not complete"),
    Transition("shifting", "done", "soaking", "the stage's share of the traffic is on the new revision"),
    *_gives_up("shifting", "the cloud does not shift, or shifts back"),
    Transition("soaking", "more", "shifting", "the budget holds, and another stage follows"),
    Transition("soaking", "done", "promoting", "the budget holds with all traffic on the new revision"),
    *_gives_up("soaking", "the budget burns, or nobody can say whether it does"),
    Transition("promoting", "done", "promoted", "the other services have the image too"),
    *_gives_up("promoting", "another service does not become ready"),
    Transition("promoted", "reverted", "rolling_back", "a person takes a finished release back"),
    Transition("rolling_back", "done", "rolled_back", "all traffic is where it was before"),
)

_TARGETS: dict[tuple[State, Outcome], State] = {(t.source, t.outcome): t.target for t in TRANSITIONS}


def after(state: State, outcome: Outcome) -> State:
    """Where this outcome leads. Raises `ValueError` for one that the table does not have."""
    try:
        return _TARGETS[state, outcome]
    except KeyError:
        raise ValueError(f"a release that is {state} cannot be {outcome}") from None


def diagram() -> str:
    """The table as a Mermaid state diagram."""
    arrows = [f"    [*] --> {FIRST}: start"]
    arrows += [f"    {t.source} --> {t.target}: {t.outcome}" for t in TRANSITIONS]
    arrows += [f"    {state} --> [*]" for state in sorted(ENDS)]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])


def table() -> str:
    """The table as Markdown."""
    rows = [f"| {t.source} | {t.outcome} | {t.target} | {t.cause} |" for t in TRANSITIONS]
    return "\n".join(["| state | outcome | next | because |", "| --- | --- | --- | --- |", *rows])
