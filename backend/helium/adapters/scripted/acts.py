"""What a script is made of. A turn is one answer: its acts, in order.

    ["Hello"]                                   a text
    [Tokens(["Hel", "lo"], pace_seconds=0.1)]   a text in pieces
    [Call("calculator", {"expression": "1"})]   a tool call; several make several
    ["half", Retryable("gone")]                 a text, then a failure
    ["half", gate, " and the rest"]             waits for the asyncio.Event `gate`
    [ReasoningDelta("hm"), "Yes"]               events of the port, as they are
    [[TextDelta("a"), TextDelta("b")]]          a batch of them

The end of a turn is `ModelFinished`, which is added if the turn has none, unless it ends in `CutOff`.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from helium.ports import ModelEvent


@dataclass(frozen=True, slots=True)
class Tokens:
    """A text in pieces, each a batch of its own, each after `pace_seconds`."""

    texts: Sequence[str]
    pace_seconds: float = 0.0


@dataclass(frozen=True, slots=True)
class Call:
    """A tool call. Without a `call_id` it gets one from its turn and its place in it."""

    name: str
    arguments: Mapping[str, Any] = field(default_factory=dict[str, Any])
    call_id: str = ""


@dataclass(frozen=True, slots=True)
class Pause:
    """Nothing, for a while."""

    seconds: float


@dataclass(frozen=True, slots=True)
class CutOff:
    """The stream ends here, without an end."""


@dataclass(frozen=True, slots=True)
class Hang:
    """The stream stays open and says nothing more."""


Act = (
    str
    | Tokens
    | Call
    | Pause
    | CutOff
    | Hang
    | asyncio.Event
    | Exception
    | ModelEvent
    | Sequence[ModelEvent]
)
Turn = Sequence[Act]
