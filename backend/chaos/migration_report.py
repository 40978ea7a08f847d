"""The report of `chaos.migration`: a page and every figure."""

from collections import Counter
from pathlib import Path

import msgspec

from bench.report import Machine, table
from bench.stats import percentile
from chaos.bounds import counted
from chaos.cores import Busy
from chaos.locks import LOOK_SECONDS, STRONGEST, LockWait
from chaos.probes import OK, REFUSED, Sample
from helium.db.online import LOCK_TIMEOUT_MS

BEGIN, END = "<!-- rehearsal: written by chaos.migration -->", "<!-- end of the rehearsal -->"


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """A migration that was run."""

    number: str
    phase: str
    seconds: float
    tries: int


class Window(msgspec.Struct, frozen=True, kw_only=True):
    """A part of the rehearsal; monotonic seconds, like a sample's."""

    name: str
    began: float
    ended: float


class Outcome(msgspec.Struct, kw_only=True):
    """What was rehearsed and what came of it."""

    date: str
    command: str
    machine: Machine
    load_average: list[str]
    seeded: int
    runs: int
    streams: int
    pace: float
    rate: float
    reader: float
    """Seconds for which an old transaction stood in the way of the first migration."""
    samples: list[Sample]
    steps: list[Step]
    windows: list[Window]
    events: int
    farewells: int
    breaks: int
    resumed: list[float]
    differing: list[str]
    unfinished: int
    started: int
    unstored: list[str]
    failed_runs: int
    unfilled: int
    """Runs without the new column's value, at the end."""
    revision: str
    starts: dict[str, int]
    """How often each process was started."""
    violations: list[str]
    errors: str
    waits: list[LockWait] = []
    looks: int = 0
    busy: Busy | None = None

    @property
    def failed(self) -> int:
        return sum(sample.first != OK for sample in self.samples)

    @property
    def good(self) -> bool:
        wrong = self.failed or self.differing or self.unfinished or self.unstored or self.violations
        return not wrong and not self.unfilled and not self.failed_runs and len(self.steps) == 6

    def within(self, window: Window) -> list[Sample]:
        return [sample for sample in self.samples if window.began <= sample.at < window.ended]


def write(outcome: Outcome, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{outcome.date}-migration-rehearsal"
    wrong = [sample for sample in outcome.samples if sample.first != OK]
    slim = msgspec.structs.replace(outcome, samples=wrong[:200], resumed=outcome.resumed[:400])
    data = msgspec.json.format(msgspec.json.encode(slim), indent=1)
    stem.with_suffix(".json").write_bytes(data + b"\n")
    page = stem.with_suffix(".md")
    page.write_text(markdown(outcome))
    return page


def summary(outcome: Outcome, report: str) -> str:
    """The figures in short, for the page about migrations."""
    traffic = [wait.seconds for wait in outcome.waits if wait.mode != STRONGEST]
    replaced = sum(count - 1 for count in outcome.starts.values())
    rows = [[row[0], *(row[at] for at in (1, 2, 3, 5, 6))] for row in _windows(outcome)]
    return (
        f"Measured on {outcome.date} ([report](../benchmarks/{report})), with {outcome.streams:,} streams "
        f"and {outcome.rate:g} requests a second on {outcome.machine.cores} cores shared with everything "
        f"else: {counted(outcome.failed, len(outcome.samples))} requests failed, "
        f"{counted(len(outcome.differing), outcome.streams)} streams differ from the log, {replaced} "
        f"processes replaced, longest wait for a table {_milliseconds(traffic)} with an old transaction in "
        "the way.\n\n" + table(["", "seconds", "requests", "failed", "p95 ms", "longest ms"], rows, left=1)
    )


def put_into(page: Path, text: str) -> None:
    """Write the figures between the marks of this page."""
    head, _, rest = page.read_text().partition(BEGIN)
    page.write_text(f"{head}{BEGIN}\n\n{text}\n\n{END}{rest.partition(END)[2]}")


def markdown(outcome: Outcome) -> str:
    parts = [
        f"# Migration rehearsal {outcome.date}",
        f"`{outcome.command.strip()}`",
        _where(outcome),
        f"**F17: {'pass' if outcome.good else 'miss'}**",
        table(["", ""], _figures(outcome), left=1),
        "Requests by what was done meanwhile, from the moment at which each was to be sent:",
        table(
            ["", "seconds", "requests", "failed", "p50 ms", "p95 ms", "longest ms"],
            _windows(outcome),
            left=1,
        ),
        "Migrations, with what they did before their transaction:",
        table(["revision", "phase", "seconds", "tries"], _steps(outcome), left=2),
        "The longest waits for a table's lock, each table and lock once:",
        table(["table", "lock", "ms"], _waits(outcome), left=2),
        *_failures(outcome),
    ]
    return "\n\n".join(parts) + "\n"


def _where(outcome: Outcome) -> str:
    where, load = outcome.machine, " ".join(outcome.load_average)
    return (
        f"{where.cores} cores ({where.cpu}), {where.memory_gib} GiB, Linux {where.kernel}, Python "
        f"{where.python}, PostgreSQL {where.postgres}, commit {where.commit}. Prober, viewers, Helium, "
        f"Redis and database share the machine; load average before: {load}; {outcome.busy}.\n\n"
        f"Two APIs, two stream processes, two workers behind balancers; {outcome.seeded:,} finished runs "
        f"in the database; {outcome.streams:,} open streams of {outcome.runs} runs that say a word every "
        f"{outcome.pace:g} s; {outcome.rate:g} requests a second in an open loop over keep-alive "
        "connections. `helium migrate` of the next release: expand, with an old transaction in its way, "
        f"which ends {outcome.reader:g} s after the first try; then backfill. One API and one "
        "worker of today's release started again; every process replaced by the next release's; then "
        "`helium migrate --phase enforce`."
    )


def _figures(outcome: Outcome) -> list[list[str]]:
    lost = sum(sample.final != OK for sample in outcome.samples)
    replaced = sum(count - 1 for count in outcome.starts.values())
    traffic = [wait.seconds for wait in outcome.waits if wait.mode != STRONGEST]
    return [
        ["requests that failed at first (target: 0)", counted(outcome.failed, len(outcome.samples))],
        ["of them refused with Retry-After", str(sum(s.first == REFUSED for s in outcome.samples))],
        ["that failed after one retry", counted(lost, len(outcome.samples))],
        ["streams that differ from the log (target: 0)", counted(len(outcome.differing), outcome.streams)],
        ["streams that did not end", counted(outcome.unfinished, outcome.streams)],
        ["events shown", f"{outcome.events:,}"],
        ["streams resumed, after a farewell, broken", _resumed(outcome)],
        ["resume p95, without the pause that was asked for", f"{percentile(outcome.resumed, 95):.2f} s"],
        ["acknowledged starts that are not stored", counted(len(outcome.unstored), outcome.started)],
        ["runs failed", str(outcome.failed_runs)],
        ["longest wait for a table's lock, by anybody but a migration", _milliseconds(traffic)],
        [f"the same by a migration (limit: {LOCK_TIMEOUT_MS} ms)", _milliseconds(_migrations(outcome))],
        ["processes replaced", str(replaced)],
        ["rows left without the new value", str(outcome.unfilled)],
        ["violations of the invariants", str(len(outcome.violations))],
    ]


def _resumed(outcome: Outcome) -> str:
    return f"{len(outcome.resumed):,}, {outcome.farewells:,}, {outcome.breaks:,}"


def _migrations(outcome: Outcome) -> list[float]:
    return [wait.seconds for wait in outcome.waits if wait.mode == STRONGEST]


def _milliseconds(seconds: list[float]) -> str:
    return (
        f"{max(seconds) * 1e3:.0f} ms"
        if seconds
        else f"none seen (looked every {LOOK_SECONDS * 1e3:.0f} ms)"
    )


def _windows(outcome: Outcome) -> list[list[str]]:
    rows: list[list[str]] = []
    for window in outcome.windows:
        samples = outcome.within(window)
        times = [sample.first_ms for sample in samples]
        failed = sum(sample.first != OK for sample in samples)
        cells = [f"{percentile(times, percent):.1f}" for percent in (50, 95)] if times else ["", ""]
        longest = f"{max(times):.0f}" if times else ""
        seconds = f"{window.ended - window.began:.1f}"
        rows.append([window.name, seconds, f"{len(samples):,}", str(failed), *cells, longest])
    return rows


def _steps(outcome: Outcome) -> list[list[str]]:
    return [[step.number, step.phase, f"{step.seconds:.2f}", str(step.tries)] for step in outcome.steps]


def _waits(outcome: Outcome) -> list[list[str]]:
    return [[wait.relation, wait.mode, f"{wait.seconds * 1e3:.0f}"] for wait in outcome.waits[:10]]


def _failures(outcome: Outcome) -> list[str]:
    reasons = Counter((s.kind, s.first) for s in outcome.samples if s.first != OK)
    lines = [f"- {count} x {kind}: {reason}" for (kind, reason), count in reasons.most_common()]
    lines += [f"- {line}" for line in (*outcome.differing[:10], *outcome.violations[:10])]
    lines += [f"- {line}" for line in outcome.errors.splitlines()[:5]]
    return ["What went wrong:", "\n".join(lines)] if lines else []
