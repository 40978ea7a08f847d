"""What the offline model can be asked for, as values."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class UseTool:
    """Call a tool; the answer is its output, with words around it."""

    tool: str
    arguments: Mapping[str, Any]
    doing: str
    """What it does, to follow "I could not" and "Shall I"."""
    before: str = ""
    after: str = ""

    def sentence(self, output: str) -> str:
        return f"{self.before}{output}{self.after}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """Say a text, word by word or slowly."""

    text: str
    doing: str
    slowly: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class RecallName:
    """Say what the person said their name is."""

    doing: str = "tell you your name"


@dataclass(frozen=True, slots=True, kw_only=True)
class Fail:
    """Fail as a provider fails."""

    doing: str = "fail"


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFirst:
    """Ask the person, and go on only if the answer is yes."""

    then: "Stages"
    doing: str = "ask you"

    @property
    def question(self) -> str:
        actions = [request.doing for stage in self.then for request in stage]
        return f"Shall I {' and '.join(actions)}?"


Request = UseTool | Say | RecallName | Fail | AskFirst

Stages = tuple[tuple[Request, ...], ...]
"""Requests that follow one another; those of one stage are carried out together."""


@dataclass(frozen=True, slots=True)
class Understood:
    """A message in the offline model's own terms."""

    stages: Stages
    topic: str | None = None
    """What to think about aloud first."""
