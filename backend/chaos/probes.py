"""What a probe asks, and when an answer counts as right. Pure, but for the asking."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from chaos.http1 import Answer

Kind = Literal["run", "threads", "start", "replay"]
DEADLINES: Mapping[Kind, float] = {"run": 2.0, "threads": 2.0, "start": 5.0, "replay": 2.0}
OK, REFUSED = "ok", "refused"
FAREWELL = b"event: reconnect\n"
"""A stream's way to say: come back, to another process."""
FINAL = b"event: run.completed\n"


class Sample(msgspec.Struct, array_like=True):
    """One probe: when it was to be sent (monotonic), what came of it at first, and with one retry."""

    at: float
    kind: Kind
    first: str
    first_ms: float
    final: str
    final_ms: float
    run_id: str = ""
    """Of a start that was acknowledged."""
    resent: bool = False
    """Whether the first try needed a fresh connection, because a kept one was closed beneath it."""


class Known(msgspec.Struct):
    """A run that has ended, and what every reader must be told about it."""

    run_id: str
    text: str
    last_seq: int


@dataclass(frozen=True, slots=True)
class Ask:
    method: str
    path: str
    body: Mapping[str, str] | None = None
    headers: Mapping[str, str] | None = None
    of_stream: bool = False
    """Whether the address of the streams answers it."""


def ask_for(kind: Kind, known: Known, key: str) -> Ask:
    match kind:
        case "run":
            return Ask("GET", f"/v1/runs/{known.run_id}")
        case "threads":
            return Ask("GET", "/v1/threads?limit=20")
        case "start":
            return Ask("POST", "/v1/runs", {"input": "thanks"}, {"idempotency-key": key})
        case "replay":
            return Ask("GET", f"/v1/runs/{known.run_id}/events", of_stream=True)


def verdict(kind: Kind, known: Known, answer: Answer) -> str:
    """`ok`, `refused` (busy or away, and it says when to come back), or what is wrong."""
    if answer.status in (429, 503) and "retry-after" in answer.headers:
        return REFUSED
    if answer.status != (202 if kind == "start" else 200):
        return f"status {answer.status}"
    if kind == "replay" and FAREWELL in answer.body:
        return REFUSED
    try:
        return OK if _right(kind, known, answer) else "wrong content"
    except (ValueError, KeyError, TypeError, IndexError):
        return "wrong content"


def _right(kind: Kind, known: Known, answer: Answer) -> bool:
    match kind:
        case "run":
            run = answer.json
            return run["id"] == known.run_id and run["status"] == "completed" and said(run) == known.text
        case "threads":
            return all(thread["id"].startswith("thr_") for thread in answer.json["data"][:20]) and bool(
                answer.json["data"]
            )
        case "start":
            return answer.json["id"].startswith("run_")
        case "replay":
            numbers = [int(line[4:]) for line in answer.body.split(b"\n") if line.startswith(b"id: ")]
            return numbers == list(range(1, known.last_seq + 1)) and FINAL in answer.body


def said(run: Mapping[str, Any]) -> str:
    """The text of a run's answer."""
    return "".join(
        part["text"]
        for item in run["output"]
        if item["type"] == "message"
        for part in item["content"]
        if "text" in part
    )


def retry_pause(answer: Answer | None) -> float:
    """Seconds that a well-behaved client waits before its one retry: as told, else a moment."""
    if answer is None:
        return 0.2
    try:
        return min(float(answer.headers.get("retry-after", "0.2")), 5.0)
    except ValueError:
        return 0.2


def mix(text: str) -> list[Kind]:
    """A round of kinds out of `run=6,threads=3`, spread so that no kind comes in one block."""
    counts = {name: int(count) for name, _, count in (part.partition("=") for part in text.split(","))}
    total = sum(counts.values())
    places: list[tuple[float, Kind]] = [
        ((index + 0.5) * total / count, kind)
        for kind in DEADLINES
        if (count := counts.get(kind, 0))
        for index in range(count)
    ]
    return [kind for _, kind in sorted(places)]
