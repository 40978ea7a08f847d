"""What is remembered of a release, and who may go on with it.

The record lies in the cloud, beside what it speaks of, and is written by compare-and-set only. Its lock
expires. Clocks of two machines may differ: they decide who waits, never who writes, for a releaser that
was superseded fails at its next write.
"""

import re

import msgspec

from helium.release.machine import ENDS, State

DIGEST = re.compile(r"[^@\s]+@sha256:[0-9a-f]{64}")


class Plan(msgspec.Struct, frozen=True, kw_only=True):
    """How a release goes on; a resumed one keeps its plan."""

    stages: tuple[int, ...] = (5, 25, 50, 100)
    """Percent of the traffic, rising, the last one 100."""
    soak_seconds: float = 300.0
    poll_seconds: float = 15.0
    objective: float = 99.9
    """Percent of the requests that must not fail."""
    most_burn: float = 14.4
    """Times too fast that the budget may burn: 14.4 spends 2 % of a month's budget in an hour."""
    least_requests: int = 60
    """Requests within a stage under which a share of errors says nothing."""
    patience_seconds: float = 300.0
    """For how long a burn that cannot be read is waited for."""


class Release(msgspec.Struct, frozen=True, kw_only=True):
    """One release, as it was recorded last."""

    id: str
    image: str
    service: str
    plan: Plan
    state: State
    began_at: float
    before: dict[str, str]
    """What each service ran when the release began."""
    stage: int = 0
    candidate: str = ""
    """The new revision, once it was made."""
    reason: str = ""
    """Why it was rolled back."""
    notes: tuple[str, ...] = ()
    version: int = 0
    """One more with each write."""
    holder: str = ""
    held_until: float = 0.0

    @property
    def over(self) -> bool:
        return self.state in ENDS

    @property
    def percent(self) -> int:
        """The stage's share of the traffic."""
        return self.plan.stages[min(self.stage, len(self.plan.stages) - 1)]

    def held(self, now: float) -> bool:
        """Whether somebody works on it, as far as this machine's clock can tell."""
        return bool(self.holder) and now < self.held_until

    def short(self) -> str:
        return self.image.rpartition("@sha256:")[2][:12]


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Release).decode


def encode(release: Release) -> bytes:
    return _encode(release)


def decode(text: str | bytes) -> Release:
    """Raises `ValueError` for what is no record."""
    return _decode(text)


def plan_problem(plan: Plan) -> str | None:
    """What is wrong with it, in one sentence that says what to do."""
    stages = plan.stages
    if not stages or stages[-1] != 100 or any(a >= b for a, b in zip((0, *stages), stages, strict=False)):
        return "Stages must rise and end with 100: say, for example, 5,25,50,100."
    if not 0 < plan.objective < 100:
        return "The objective is a percentage between 0 and 100: say, for example, 99.9."
    return None
