"""Three small charts: first token, total, CPU per run."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")

from matplotlib import pyplot

from bench.summary import Row

COLOURS = {"bare": "#9aa5b1", "helium": "#3b6fe0"}
DATABASE = "#a9c1f5"
WIDTH = 0.38


def draw(rows: Sequence[Row], title: str, path: Path) -> None:
    """Write the charts as a PNG."""
    levels = list(dict.fromkeys(row.level for row in rows))
    servers = list(dict.fromkeys(row.server for row in rows))
    figure, axes = pyplot.subplots(1, 3, figsize=(13, 4.2), constrained_layout=True)
    for place, server in enumerate(servers):
        shift = (place - (len(servers) - 1) / 2) * WIDTH
        own = {row.level: row for row in rows if row.server == server}
        xs = [levels.index(level) + shift for level in own]
        colour = COLOURS.get(server, "#555555")
        _bars(axes[0], xs, [row.first_ms.p95 for row in own.values()], colour, server)
        _bars(axes[1], xs, [row.total_ms.p95 for row in own.values()], colour, server)
        _stacked(axes[2], xs, list(own.values()), colour, server)
    names = ("First token, p95 (ms, logarithmic)", "Total, p95 (ms)", "CPU per run (ms)")
    axes[0].set_yscale("log")
    for axis, name in zip(axes, names, strict=True):
        _finish(axis, name, levels)
    axes[0].set_ylim(bottom=10)
    handles, labels = axes[2].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=len(labels), frameon=False, fontsize=9)
    figure.suptitle(title, fontsize=12)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def _bars(axis: Any, xs: Sequence[float], heights: Sequence[float], colour: str, label: str) -> None:
    bars = axis.bar(xs, heights, WIDTH * 0.94, color=colour, label=label)
    axis.bar_label(bars, fmt="%.0f", fontsize=8, padding=2)


def _stacked(axis: Any, xs: Sequence[float], rows: Sequence[Row], colour: str, label: str) -> None:
    own = [row.server_ms_per_run for row in rows]
    stored = [row.cpu_ms_per_run - row.server_ms_per_run for row in rows]
    lower = axis.bar(xs, own, WIDTH * 0.94, color=colour, label=label)
    if any(stored):
        lower = axis.bar(xs, stored, WIDTH * 0.94, bottom=own, color=DATABASE, label=f"{label}: Postgres")
    axis.bar_label(lower, [f"{row.cpu_ms_per_run:.1f}" for row in rows], fontsize=8, padding=2)


def _finish(axis: Any, name: str, levels: Sequence[str]) -> None:
    axis.set_title(name, fontsize=10)
    axis.set_xticks(range(len(levels)), levels)
    axis.yaxis.set_major_formatter("{x:,.0f}")
    axis.yaxis.set_minor_formatter("")
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(axis="y", color="#e5e7eb", linewidth=0.6)
    axis.set_axisbelow(True)
    axis.margins(y=0.12)
