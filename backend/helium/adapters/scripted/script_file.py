"""Scripts as JSON, for tests with real processes.

A list of turns, each an object: `text`, or `tokens` (that many words, in batches of about 40 ms at
`pace_seconds` each); then `tool_calls` ([{"name", "arguments"}]); then, instead of an end, `fail`
("retryable" or "model_failed") or `hang`. `fail_times` makes a failure pass: after that many tries at the
same step in one process, the turn is played without it.
"""

from pathlib import Path
from typing import Any, Literal

import msgspec

from helium.adapters.scripted.acts import Act, Call, Hang, Pause, Tokens, Turn
from helium.core.errors import ModelFailed, Retryable

_GATHER_SECONDS = 0.04


class CallInFile(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    name: str
    arguments: dict[str, Any] = msgspec.field(default_factory=dict[str, Any])


class TurnInFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    text: str = ""
    tokens: int = 0
    pace_seconds: float = 0.0
    tool_calls: tuple[CallInFile, ...] = ()
    fail: Literal["retryable", "model_failed"] | None = None
    fail_times: int | None = None
    hang: bool = False

    def acts(self, tries_before: int) -> Turn:
        """The turn as acts, for the step's first try or a later one."""
        acts: list[Act] = []
        if self.text:
            acts.append(Tokens(_words(self.text), self.pace_seconds) if self.pace_seconds else self.text)
        if self.tokens:
            acts.append(self._generated())
        acts.extend(Call(call.name, call.arguments) for call in self.tool_calls)
        if self.fail and (self.fail_times is None or tries_before < self.fail_times):
            acts.append(self._failure())
        elif self.hang:
            acts.append(Hang())
        return acts or [Pause(0.0)]

    def _generated(self) -> Tokens:
        """`tokens` words in batches, as a provider's adapter would hand them over."""
        words = [f"word{number} " for number in range(1, self.tokens + 1)]
        size = max(1, round(_GATHER_SECONDS / self.pace_seconds)) if self.pace_seconds else len(words)
        starts = range(0, len(words), size)
        return Tokens(["".join(words[n : n + size]) for n in starts], self.pace_seconds * size)

    def _failure(self) -> Exception:
        if self.fail == "retryable":
            return Retryable("the script says so")
        return ModelFailed("scripted_failure", "The script says that the model fails.")


def read_script(path: Path) -> tuple[TurnInFile, ...]:
    """The turns of a file. Raises `ValueError` that names the file for anything else."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=tuple[TurnInFile, ...])
    except msgspec.DecodeError as error:
        raise ValueError(f"{path} is no script: {error}") from error


def _words(text: str) -> list[str]:
    words = text.split(" ")
    return [f"{word} " for word in words[:-1]] + words[-1:]
