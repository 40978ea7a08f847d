"""The report of one benchmark run: JSON with every measurement, and a page to read."""

import platform
import shlex
import subprocess
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec
import psutil

from bench.measure import Figures, Idle
from bench.servers import BACKEND
from bench.stats import Spread
from bench.summary import Row, Verdict, ratio

QUIET_CORES = 0.2
FOLDERS = ("--out", "--keep")


class Machine(msgspec.Struct, kw_only=True):
    """Where it was measured."""

    cpu: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    postgres: str
    commit: str


class Profile(msgspec.Struct):
    """Where one level's CPU time went: functions by their own samples."""

    level: str
    samples: int
    top: list[tuple[str, int]]


class Report(msgspec.Struct, kw_only=True):
    """Everything about one benchmark run."""

    name: str
    date: str
    command: str
    machine: Machine
    ready_seconds: dict[str, float]
    idle: dict[str, Idle]
    rows: list[Row]
    verdicts: list[Verdict]
    figures: list[Figures]
    profile: Profile | None = None


def machine(postgres: set[int]) -> Machine:
    lines = Path("/proc/cpuinfo").read_text().splitlines()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return Machine(
        cpu=names[0] if names else platform.processor(),
        cores=psutil.cpu_count() or 0,
        memory_gib=round(psutil.virtual_memory().total / 2**30, 1),
        kernel=platform.release(),
        python=platform.python_version(),
        postgres=_postgres_version(postgres),
        commit=_commit(),
    )


def _postgres_version(pids: set[int]) -> str:
    for pid in pids:
        shown = _output([f"/proc/{pid}/exe", "--version"])
        if "PostgreSQL" in shown:
            return shown.rpartition(" ")[2]
    return "none"


def _commit() -> str:
    commit = _output(["git", "rev-parse", "--short", "HEAD"])
    changed = _output(["git", "status", "--porcelain", "--", "helium"])
    return f"{commit} with uncommitted changes" if changed else commit


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, cwd=BACKEND, capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def command_line(module: str, words: Sequence[str]) -> str:
    """How to do it again: `words` without the folders in which this machine keeps what comes of it."""
    kept: list[str] = []
    for word, before in zip(words, ["", *words], strict=False):
        if not (word.startswith(FOLDERS) or before in FOLDERS):
            kept.append(word)
    return shlex.join(["python", "-m", module, *kept])


def markdown(report: Report, plot: str) -> str:
    """The page."""
    parts = [
        f"# Benchmark {report.date}: {report.name}",
        f"`{report.command}`",
        _machine(report.machine),
        f"![first token, total and CPU by level]({plot})",
    ]
    if report.verdicts:
        parts += ["## Targets", _targets(report.verdicts)]
    parts += ["## Times", _times(report.rows), "## Cost", _costs(report.rows), _costs_note(report)]
    parts += ["## Errors", _errors(report.rows)]
    if report.profile:
        parts += ["## Profile", _profile(report.profile)]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Iterable[Sequence[str]], left: int = 2) -> str:
    """A Markdown table; the first `left` columns are words, the rest numbers."""
    rule = ["---"] * left + ["---:"] * (len(head) - left)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [head, rule, *rows])


def _machine(given: Machine) -> str:
    return (
        f"{given.cores} cores ({given.cpu}), {given.memory_gib:g} GiB, Linux {given.kernel}, "
        f"Python {given.python}, PostgreSQL {given.postgres}, commit {given.commit}. "
        "Fake model, load client, servers and database share the machine."
    )


def _targets(verdicts: Sequence[Verdict]) -> str:
    head = ["figure", "measured", "first target", "", "then", ""]
    return table(
        head,
        [
            [one.figure, one.measured, one.first, _mark(one.first_met), one.then, _mark(one.then_met)]
            for one in verdicts
        ],
        left=6,
    )


def _mark(met: bool) -> str:
    return "pass" if met else "**miss**"


def _times(rows: Sequence[Row]) -> str:
    head = ["level", "server", "runs/s", "accept ms", "first token ms", "total ms", "runs", "errors"]
    body = [
        [
            row.level,
            row.server,
            f"{row.runs_per_second:.1f}",
            _spread(row.accept_ms),
            _spread(row.first_ms),
            _spread(row.total_ms),
            f"{row.runs:,}",
            f"{row.failed:,}",
        ]
        for row in rows
    ]
    repeats = max((row.repeats for row in rows), default=0)
    note = f"p50 / p95 / p99; medians of {repeats} interleaved repeats; runs and errors are sums."
    return f"{note}\n\n{table(head, body)}"


def _spread(spread: Spread) -> str:
    values = (spread.p50, spread.p95, spread.p99)
    return " / ".join(f"{value:.{1 if value < 10 else 0}f}" for value in values)


def _costs(rows: Sequence[Row]) -> str:
    head = ["level", "server", "CPU ms/run", "server", "Postgres", "× bare", "µs/token", "CPU s ÷ runs"]
    head += ["KiB/run", "peak MiB", "client ms/run", "fake ms/run", "fake late p95 ms", "others, cores"]
    return table(head, [_cost_cells(row, rows) for row in rows])


def _cost_cells(row: Row, rows: Sequence[Row]) -> list[str]:
    times = ratio(row, rows)
    stored = f" + {row.database_peak_mib:.0f}" if row.database_peak_mib else ""
    whole = row.server_cpu_seconds + row.database_cpu_seconds
    return [
        row.level,
        row.server,
        f"**{row.cpu_ms_per_run:.2f}**",
        f"{row.server_ms_per_run:.2f}",
        f"{row.database_ms_per_run:.2f}",
        "" if times is None else f"{times:.2f}",
        f"{row.server_us_per_token:.1f}",
        f"{whole:.2f} ÷ {row.runs:,}",
        f"{row.bytes_per_run / 1024:.1f}",
        f"{row.server_peak_mib:.0f}{stored}",
        f"{row.client_ms_per_run:.2f}",
        f"{row.fake_ms_per_run:.2f}",
        f"{row.fake_late_p95_ms:.0f}",
        f"{row.others_cores:.2f}",
    ]


def _costs_note(report: Report) -> str:
    lines = [
        "CPU is user and system time of all processes of a server, read before the first request and "
        "shortly after the last answer. µs/token is without Postgres. Peak memory of Postgres counts its "
        'shared buffers once for each process. "Others" is what else kept the machine busy meanwhile.'
    ]
    if loud := [f"{row.level} {row.server}" for row in report.rows if row.others_cores > QUIET_CORES]:
        lines.append(
            f"**The machine was not quiet** during {', '.join(loud)}: do not trust the times there."
        )
    for server, idle in report.idle.items():
        ready = report.ready_seconds.get(server, float("nan"))
        lines.append(
            f"`{server}` was ready after {ready:.1f} s; idle it uses {idle.server_ms_per_second:.1f} ms of "
            f"CPU per second, its Postgres {idle.database_ms_per_second:.1f}."
        )
    return "\n\n".join(lines)


def _errors(rows: Sequence[Row]) -> str:
    lines = [
        f"- {row.level}, {row.server}: {count:,} × `{reason.replace('`', '')}`"
        for row in rows
        for reason, count in row.errors.items()
    ]
    return "\n".join(lines) or "None: every answer held every token, in order, and ended as it should."


def _profile(profile: Profile) -> str:
    body = [[f"`{name}`", f"{count / profile.samples:.1%}"] for name, count in profile.top]
    note = f"py-spy, level {profile.level}, {profile.samples:,} samples on the CPU: own time by function."
    return f"{note}\n\n{table(['function', 'own time'], body, left=1)}"
