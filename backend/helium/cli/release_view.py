"""How a release is seen: one line for each step, a bar while it soaks, or JSON lines for pipelines."""

import json
from types import TracebackType
from typing import Any, Protocol, Self

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from helium.kit.clock import Clock
from helium.kit.times import moment
from helium.release.record import Release

SAID = {
    "migrating": "migrate the database",
    "creating": "make the new revision, without traffic",
    "smoking": "smoke test",
    "shifting": "shift {percent} % of the traffic",
    "soaking": "watch the error budget at {percent} %",
    "promoting": "promote the other services",
    "rolling_back": "roll back: {reason}",
    "promoted": "promoted",
    "rolled_back": "rolled back: {reason}",
}


class View(Protocol):
    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...
    def act(self, release: Release) -> None: ...
    def soak(self, share: float, seen: str) -> None: ...
    def end(self, release: Release) -> None: ...
    def whole(self, release: Release, now: float) -> None: ...


class Screen:
    """For a person."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._console = Console(highlight=False, soft_wrap=True)
        columns = (TextColumn("          "), BarColumn(), TextColumn("{task.description}", markup=False))
        self._bar = Progress(
            *columns, console=self._console, transient=True, disable=not self._console.is_terminal
        )
        self._stage: TaskID | None = None

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def act(self, release: Release) -> None:
        self._clear()
        if not release.over:
            self._line(said(release))

    def soak(self, share: float, seen: str) -> None:
        if self._stage is None:
            self._stage = self._bar.add_task("", total=1.0)
        self._bar.update(self._stage, completed=share, description=seen)

    def end(self, release: Release) -> None:
        self._clear()
        color = "green" if release.state == "promoted" else "red"
        for note in release.notes:
            self._line(note)
        self._line(f"[{color}]{escape(said(release))}[/]", markup=True)

    def whole(self, release: Release, now: float) -> None:
        lines = report(release, now)
        for name, value in lines.items():
            self._console.print(f"{name:<10} {escape(str(value))}")

    def _clear(self) -> None:
        if self._stage is not None:
            self._bar.remove_task(self._stage)
            self._stage = None

    def _line(self, text: str, *, markup: bool = False) -> None:
        at = moment(self._clock.time()).strftime("%H:%M:%S")
        self._console.print(f"{at}  {text if markup else escape(text)}")


class Lines:
    """For pipelines: one JSON object in a line."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

    def act(self, release: Release) -> None:
        self._print(report(release, self._clock.time()))

    def soak(self, share: float, seen: str) -> None:
        self._print({"at": self._now(), "soaked": round(share, 3), "seen": seen})

    def end(self, release: Release) -> None: ...

    def whole(self, release: Release, now: float) -> None:
        self._print(report(release, now))

    def _now(self) -> str:
        return moment(self._clock.time()).isoformat(timespec="seconds")

    def _print(self, line: dict[str, Any]) -> None:
        print(json.dumps(line), flush=True)


def said(release: Release) -> str:
    return SAID[release.state].format(percent=release.percent, reason=release.reason)


def report(release: Release, now: float) -> dict[str, Any]:
    """What a release is, in plain values."""
    facts: dict[str, Any] = {
        "at": moment(now).isoformat(timespec="seconds"),
        "id": release.id,
        "state": release.state,
        "image": release.image,
        "service": release.service,
        "began_at": moment(release.began_at).isoformat(timespec="seconds"),
        "percent": release.percent,
        "candidate": release.candidate,
        "before": release.before,
        "reason": release.reason,
        "notes": list(release.notes),
        "held": release.held(now),
    }
    return facts
