"""What `make bench` measured, as far as a plan needs it: `measured.toml`, taken from named reports.

`python -m helium.plan.measured` takes the newest reports of docs/benchmarks; with files, takes these.
"""

import json
import re
import sys
import tomllib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

REPORTS = Path("docs/benchmarks")
NAMED = re.compile(r"\d{4}-\d\d-\d\d-([a-z-]+)\.json")
HOW_TO_REFRESH = "cd backend && ../.venv/bin/python -m helium.plan.measured"
# Runs of the benchmark differ by as much; more than that changes a plan.
TOLERANCE = 0.25
Figures = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """Figures of the reports `sources` (kind of report: file name), made at `commits`."""

    sources: Mapping[str, str]
    commits: Mapping[str, str]
    runs_per_second: float
    run_kib: float
    worker_idle_mib: float
    ready_seconds: float
    tokens: float
    server_ms_per_run: float
    database_ms_per_run: float
    bytes_per_run: float
    stream_idle_mib: float
    viewer_kib: float
    viewer_cpu_us_per_second: float

    @property
    def server_ms_per_token(self) -> float:
        return self.server_ms_per_run / self.tokens

    @property
    def database_ms_per_token(self) -> float:
        return self.database_ms_per_run / self.tokens

    @property
    def bytes_per_event(self) -> float:
        """Bytes that a viewer is sent for an event: at the paced level each token is one."""
        return self.bytes_per_run / self.tokens


class ReportUnusable(ValueError):
    pass


def one_process(report: Mapping[str, Any]) -> Figures:
    """Throughput and memory, from a thousand runs at once in one process, against one run alone."""
    alone, crowd = _row(report, "n1", "helium"), _row(report, "n1000", "helium")
    grown = crowd["server_peak_mib"] - alone["server_peak_mib"]
    return {
        "runs_per_second": crowd["runs_per_second"],
        "run_kib": round(grown * 1024 / 1000, 1),
        "worker_idle_mib": alone["server_peak_mib"],
        "ready_seconds": report["ready_seconds"]["helium"],
    }


def api_and_worker(report: Mapping[str, Any]) -> Figures:
    """CPU and bytes, from a thousand runs whose tokens are 100 ms apart: each token is an event."""
    paced = _row(report, "p1000", "split")
    return {
        "tokens": paced["tokens"] / paced["runs"],
        "server_ms_per_run": paced["server_ms_per_run"],
        "database_ms_per_run": paced["database_ms_per_run"],
        "bytes_per_run": paced["bytes_per_run"],
    }


def idle_viewers(report: Mapping[str, Any]) -> Figures:
    """Memory and CPU of a viewer who waits, from the largest crowd."""
    held = max(report["held"], key=lambda one: one["viewers"])
    return {
        "stream_idle_mib": held["rss_before_mib"],
        "viewer_kib": held["kib_per_viewer"],
        "viewer_cpu_us_per_second": round(held["idle_cpu_ms_per_second"] * 1000 / held["viewers"], 2),
    }


KINDS: dict[str, Callable[[Mapping[str, Any]], Figures]] = {
    "one-process": one_process,
    "api-and-worker": api_and_worker,
    "idle-viewers": idle_viewers,
}


def _row(report: Mapping[str, Any], level: str, server: str) -> Mapping[str, Any]:
    for row in report["rows"]:
        if (row["level"], row["server"]) == (level, server):
            return row
    raise ReportUnusable(f"the report has no level {level} of {server}")


def kind_of(path: Path) -> str | None:
    """Which of the reports that a plan needs a file is, by its name; None: it needs none of these."""
    match = NAMED.fullmatch(path.name)
    return match[1] if match and match[1] in KINDS else None


def figures_of(path: Path) -> Figures:
    """The figures that a plan takes from a report. Raises `ReportUnusable` where some are missing."""
    kind = kind_of(path)
    if kind is None:
        raise ReportUnusable(f"{path.name} is none of {', '.join(KINDS)}: name it YYYY-MM-DD-KIND.json")
    try:
        return KINDS[kind](json.loads(path.read_text()))
    except (KeyError, TypeError, ZeroDivisionError, OSError, json.JSONDecodeError) as error:
        raise ReportUnusable(f"{path.name} lacks what a plan needs ({error!r})") from None


def commit_of(path: Path) -> str:
    """The commit that a report was made at; a report made anew has another one."""
    return str(json.loads(path.read_text())["machine"]["commit"])


def newest(folder: Path) -> dict[str, Path]:
    """The newest usable report of each kind."""
    found: dict[str, Path] = {}
    for path in sorted(folder.glob("*.json")):
        kind = kind_of(path)
        if kind is None:
            continue
        try:
            figures_of(path)
        except ReportUnusable:
            continue
        found[kind] = path
    return found


def drift(measured: Measured, report: Path, *, tolerance: float = TOLERANCE) -> list[str]:
    """A sentence for each figure of a report that differs by more than a share from what plans use."""
    return [
        f"{report.name} says {name} = {value:g}, and plans use {getattr(measured, name):g}:"
        f" `{HOW_TO_REFRESH}`, then `make contracts`."
        for name, value in figures_of(report).items()
        if abs(value - getattr(measured, name)) > tolerance * abs(value)
    ]


@cache
def load_measured() -> Measured:
    return parse_measured(files("helium.plan").joinpath("measured.toml").read_text())


def parse_measured(text: str) -> Measured:
    read = tomllib.loads(text)
    sources = {kind: table.pop("report") for kind, table in read.items()}
    commits = {kind: table.pop("commit") for kind, table in read.items()}
    figures = {name: value for table in read.values() for name, value in table.items()}
    return Measured(sources=sources, commits=commits, **figures)


def render(reports: Mapping[str, Path]) -> str:
    """The text of measured.toml."""
    lines = ["# Figures of benchmark reports in docs/benchmarks. To renew them:", f"# {HOW_TO_REFRESH}"]
    for kind in KINDS:
        report = reports[kind]
        lines += ["", f"[{kind}]", f'report = "{report.name}"', f'commit = "{commit_of(report)}"']
        lines += [f"{name} = {float(value)!r}" for name, value in figures_of(report).items()]
    return "\n".join(lines) + "\n"


def refresh(given: Iterable[Path], folder: Path, target: Path) -> str:
    """Write the file: from these reports, and for the other kinds from the newest of the folder."""
    reports = newest(folder)
    for path in given:
        figures_of(path)
        reports[str(kind_of(path))] = path
    missing = [kind for kind in KINDS if kind not in reports]
    if missing:
        raise ReportUnusable(f"{folder} has no usable report {', '.join(missing)}: run `make bench`")
    target.write_text(render(reports))
    return f"{target.name}: {', '.join(reports[kind].name for kind in KINDS)}"


def main(arguments: list[str]) -> int:
    package = Path(__file__).parent
    try:
        said = refresh(map(Path, arguments), package.parents[2] / REPORTS, package / "measured.toml")
    except ReportUnusable as error:
        sys.stderr.write(f"Error: {error}.\n")
        return 1
    sys.stdout.write(f"{said}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
