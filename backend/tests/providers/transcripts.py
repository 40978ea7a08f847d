"""Recorded answers, and what may be read from them."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from helium.adapters.providers.wire import Decoder
from helium.ports import ArgumentsDelta, ModelEvent, ReasoningDelta, RefusalDelta, TextDelta

FOLDER = Path(__file__).parent / "transcripts"


def transcript(name: str) -> bytes:
    return (FOLDER / f"{name}.txt").read_bytes()


def decode(decoder: Decoder, pieces: Iterable[bytes]) -> list[ModelEvent]:
    events: list[ModelEvent] = []
    for piece in pieces:
        events += decoder.feed(piece)
    if not decoder.finished:
        events += decoder.close()
    return events


def joined(events: Sequence[ModelEvent]) -> list[ModelEvent]:
    """The events with neighbouring deltas of one kind joined, as one feed would give them."""
    merged: list[ModelEvent] = []
    for event in events:
        last = merged[-1] if merged else None
        match last, event:
            case ArgumentsDelta(index, text), ArgumentsDelta(same, more) if index == same:
                merged[-1] = ArgumentsDelta(index, text + more)
            case (TextDelta(), TextDelta()) | (RefusalDelta(), RefusalDelta()):
                merged[-1] = type(event)(last.text + event.text)
            case ReasoningDelta(text), ReasoningDelta(more):
                merged[-1] = ReasoningDelta(text + more)
            case _:
                merged.append(event)
    return merged


MakeDecoder = Callable[[], Decoder]
