"""When the tokens of an answer go out: the first at once, the others gathered for a short window."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from helium.ports import ModelEvent, ReasoningDelta, TextDelta


class Timed(NamedTuple):
    """An event and the seconds that it takes to make it."""

    seconds: float
    event: ModelEvent


def batches(timed: Iterable[Timed], gather_seconds: float) -> Iterator[tuple[float, Sequence[ModelEvent]]]:
    """Batches, each with the seconds since the one before it. Texts in a row become one event."""
    gathered: list[ModelEvent] = []
    seconds, first = 0.0, True
    for each in timed:
        seconds += each.seconds
        _add(gathered, each.event)
        if first or (each.seconds > 0 and seconds >= gather_seconds):
            yield seconds, gathered
            gathered, seconds, first = [], 0.0, False
    if gathered:
        yield seconds, gathered


def _add(gathered: list[ModelEvent], event: ModelEvent) -> None:
    match gathered[-1:], event:
        case [TextDelta(before)], TextDelta(text):
            gathered[-1] = TextDelta(before + text)
        case [ReasoningDelta(before)], ReasoningDelta(text):
            gathered[-1] = ReasoningDelta(before + text)
        case _:
            gathered.append(event)
