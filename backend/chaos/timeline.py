"""From samples to bins of time, and the picture of them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import msgspec

from bench.stats import percentile
from chaos.acts import Done
from chaos.probes import OK, REFUSED, Sample

mpl.use("Agg")

from matplotlib import pyplot
from matplotlib.patches import Patch

BIN_SECONDS = 5.0
COLOURS = {
    "kill": "#dc2626",
    "freeze": "#2563eb",
    "cut": "#7c3aed",
    "restart": "#d97706",
    "stop": "#d97706",
}
OTHER = "#6b7280"
MOST_NAMED = 40
"""Faults whose names can be read side by side."""


class Bin(msgspec.Struct, frozen=True, kw_only=True):
    """Probes of five seconds, by the time at which they were to be sent."""

    at: float
    probes: int
    ok: int
    refused: int
    ok_after_retry: int
    p95_ms: float


def bins(samples: Sequence[Sample], began: float) -> list[Bin]:
    """The samples in bins of five seconds after `began` (monotonic); empty ones are left out."""
    groups: dict[int, list[Sample]] = {}
    for sample in samples:
        groups.setdefault(int((sample.at - began) // BIN_SECONDS), []).append(sample)
    return [
        Bin(
            at=number * BIN_SECONDS,
            probes=len(group),
            ok=sum(sample.first == OK for sample in group),
            refused=sum(sample.first == REFUSED for sample in group),
            ok_after_retry=sum(sample.final == OK for sample in group),
            p95_ms=round(percentile([sample.first_ms for sample in group], 95), 1),
        )
        for number, group in sorted(groups.items())
    ]


def draw(shown: Sequence[Bin], done: Sequence[Done], began: float, title: str, path: Path) -> None:
    """Success rate above, p95 of the latency below, a mark for each fault."""
    figure, (upper, lower) = pyplot.subplots(2, 1, figsize=(13, 7), sharex=True, layout="constrained")
    times = [one.at for one in shown]
    raw = [100 * one.ok / one.probes for one in shown]
    retried = [100 * one.ok_after_retry / one.probes for one in shown]
    upper.step(times, retried, where="post", color="#16a34a", label="with one retry")
    upper.step(times, raw, where="post", color="#111827", label="at first")
    upper.set_ylabel("right answers in time, %")
    upper.set_ylim(-3, 103)
    upper.legend(loc="lower left", fontsize=8)
    lower.step(times, [one.p95_ms for one in shown], where="post", color="#111827")
    lower.set_yscale("log")
    lower.set_ylabel("latency p95, ms")
    lower.set_xlabel("seconds")
    for one in done:
        _mark(upper, lower, one, began)
        if len(done) <= MOST_NAMED:
            _name(upper, one, began)
    if len(done) > MOST_NAMED:  # too many names to read: their colours instead
        seen = {one.fault.sort.partition(" ")[0] for one in done}
        marks = [Patch(color=COLOURS.get(verb, OTHER), alpha=0.4, label=verb) for verb in sorted(seen)]
        lower.legend(handles=marks, loc="upper right", fontsize=8, ncols=len(marks))
    figure.suptitle(title, fontsize=11)
    figure.savefig(path, dpi=110)
    pyplot.close(figure)


def _mark(upper: Any, lower: Any, one: Done, began: float) -> None:
    start, end = one.began_monotonic - began, one.ended_monotonic - began
    colour = COLOURS.get(one.fault.sort.partition(" ")[0], OTHER)
    for axis in (upper, lower):
        axis.axvspan(start, max(end, start + 0.5), color=colour, alpha=0.25, linewidth=0)


def _name(upper: Any, one: Done, began: float) -> None:
    start = one.began_monotonic - began
    label = one.fault.target or one.fault.sort
    verb = one.fault.sort.partition(" ")[0]
    words = f"{verb} {label}" if one.fault.target else label
    upper.text(
        start, 50, words, rotation=90, fontsize=6, va="center", ha="right", color=COLOURS.get(verb, OTHER)
    )
