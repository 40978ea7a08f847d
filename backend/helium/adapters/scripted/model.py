"""The scripted model: which turn is played is decided by the conversation, not by a counter.

So two processes with the same script, or one after a restart, play the same turn at the same place.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import msgspec

from helium.adapters.scripted.acts import Call, CutOff, Hang, Pause, Tokens, Turn
from helium.adapters.scripted.script_file import read_script
from helium.core.budget import Usage
from helium.core.errors import ModelFailed
from helium.core.items import Item, Message, Reasoning, ToolCall
from helium.kit.clock import Clock, SystemClock
from helium.ports import (
    ArgumentsDelta,
    ModelEvent,
    ModelFinished,
    ModelRequest,
    TextDelta,
    ToolCallStarted,
)

Batch = Sequence[ModelEvent]
Choice = Callable[[ModelRequest], Turn]


class ScriptedModel:
    """Plays turn n as the n-th model answer of a conversation, or the turn that a function chooses."""

    def __init__(
        self,
        turns: Sequence[Turn] | Choice,
        *,
        clock: Clock | None = None,
        usage: Usage = Usage(input_tokens=10, output_tokens=5),  # noqa: B008 - frozen value
    ) -> None:
        """`usage` is what every answer is said to have cost, unless the turn has its own end."""
        self.requests: list[ModelRequest] = []
        self._turns = turns
        self._clock = clock or SystemClock()
        self._usage = usage

    @classmethod
    def from_file(cls, path: Path | str, *, clock: Clock | None = None) -> "ScriptedModel":
        """A model with the script in a JSON file; `script_file` says what may stand there.

        It reads the file at once, so call it before the event loop runs, or in a thread.
        """
        turns = read_script(Path(path))
        tries: Counter[str] = Counter()

        def choose(request: ModelRequest) -> Turn:
            number = model_answers(request.items)
            if number >= len(turns):
                raise _no_turn(number, len(turns))
            step = request.idempotency_key or msgspec.json.encode(list(request.items)).decode()
            tries[step] += 1
            return turns[number].acts(tries[step] - 1)

        return cls(choose, clock=clock)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Batch]:
        """The turn's batches. Raises what the turn says, and `ModelFailed` when the script is over."""
        self.requests.append(request)
        number = model_answers(request.items)
        play = _Play(number, self._usage)
        for act in self._turn(request, number):
            match act:
                case asyncio.Event():
                    await act.wait()
                case Pause(seconds):
                    await self._clock.sleep(seconds)
                case Hang():
                    await asyncio.Event().wait()
                case Tokens(texts, pace_seconds):
                    for text in texts:
                        await self._clock.sleep(pace_seconds)
                        yield [TextDelta(text)]
                case CutOff():
                    return
                case _:
                    yield play.batch(act)
        if not play.finished:
            yield [play.end()]

    def _turn(self, request: ModelRequest, number: int) -> Turn:
        if callable(self._turns):
            return self._turns(request)
        if number >= len(self._turns):
            raise _no_turn(number, len(self._turns))
        return self._turns[number]


class _Play:
    """One turn while it is played: its tool calls are counted, its end is noticed."""

    def __init__(self, number: int, usage: Usage) -> None:
        self.finished = False
        self._number = number
        self._usage = usage
        self._calls = 0

    def batch(self, act: str | Call | Exception | ModelEvent | Batch) -> Batch:
        """The events of an act. Raises the act if it is an exception."""
        match act:
            case str():
                return [TextDelta(act)]
            case Call():
                return self._call(act)
            case Exception():
                raise act
            case Sequence():
                events: Batch = act
            case _:
                events = [act]
        self._calls += sum(isinstance(event, ToolCallStarted) for event in events)
        self.finished = self.finished or any(isinstance(event, ModelFinished) for event in events)
        return events

    def end(self) -> ModelFinished:
        return ModelFinished("tool_calls" if self._calls else "stop", self._usage)

    def _call(self, call: Call) -> Batch:
        index = self._calls
        self._calls += 1
        call_id = call.call_id or f"call_{self._number}_{index}"
        arguments = msgspec.json.encode(call.arguments).decode()
        return [ToolCallStarted(index, call_id, call.name), ArgumentsDelta(index, arguments)]


def _no_turn(number: int, turns: int) -> ModelFailed:
    return ModelFailed("script_over", f"The script has {turns} turns; this is answer {number + 1}.")


def model_answers(items: Sequence[Item]) -> int:
    """How many answers of a model a conversation holds.

    An answer is a row of the model's own items; a person's message or a tool's result ends it.
    """
    answers, before = 0, False
    for item in items:
        of_model = isinstance(item, Reasoning | ToolCall) or (
            isinstance(item, Message) and item.role == "assistant"
        )
        answers += of_model and not before
        before = of_model
    return answers
