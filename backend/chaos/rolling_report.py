"""The report of `chaos.rolling`: a page and every measurement."""

from collections import Counter
from pathlib import Path

import msgspec

from bench.report import Machine, table
from bench.stats import percentile
from chaos.bounds import counted
from chaos.cores import Busy
from chaos.probes import DEADLINES, OK, REFUSED, Sample

RESUME_SECONDS = 2.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was played and what came of it."""

    date: str
    command: str
    machine: Machine
    load_average: list[str]
    processes: int
    runs: int
    streams: int
    pace: float
    rate: float
    samples: list[Sample]
    restarts: list[tuple[float, float]]
    resumed: list[tuple[float, float, bool]]
    breaks: int
    resets: int
    refused: int
    events: int
    differing: list[str]
    unfinished: int
    unstored: list[str]
    failed_runs: int
    violations: list[str]
    before: list[Sample] = []
    """Probes before the first restart."""
    quiet: Busy | None = None
    busy: Busy | None = None

    @property
    def failed(self) -> int:
        return sum(sample.first != OK for sample in self.samples)

    @property
    def resume_p95(self) -> float:
        return percentile([seconds for _, seconds, _ in self.resumed], 95)

    @property
    def good(self) -> bool:
        wrong = self.failed or self.differing or self.unfinished or self.unstored or self.violations
        return not wrong and self.resume_p95 < RESUME_SECONDS


def write(outcome: Outcome, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{outcome.date}-rolling-restart"
    wrong = [sample for sample in outcome.samples if sample.first != OK]
    slim = msgspec.structs.replace(outcome, samples=wrong[:200], before=[], resumed=outcome.resumed[:200])
    data = msgspec.json.format(msgspec.json.encode(slim), indent=1)
    stem.with_suffix(".json").write_bytes(data + b"\n")
    page = stem.with_suffix(".md")
    page.write_text(markdown(outcome))
    return page


def markdown(outcome: Outcome) -> str:
    head = ["request", "number", "failed", "p50 ms", "p95 ms", "p99 ms", "longest ms"]
    parts = [
        f"# Rolling restart {outcome.date}",
        f"`{outcome.command.strip()}`",
        _where(outcome),
        f"**R5: {'pass' if outcome.good else 'miss'}**",
        table(["", ""], _figures(outcome), left=1),
        _quiet(outcome),
        "Requests from the first restart on, from the moment at which each was to be sent:",
        table(head, _latencies(outcome), left=1),
        "The resume counts from the end of the old stream to the first event on the new connection, "
        "without "
        "the pause that the server asked for. Runs whose process is replaced begin their model call anew. "
        "`idle before` is a request on a connection that the server closed at that moment; most HTTP "
        "clients "
        "send such a request again by themselves, this one does not.",
        *_failures(outcome),
    ]
    return "\n\n".join(parts) + "\n"


def _where(outcome: Outcome) -> str:
    where = outcome.machine
    took = ", ".join(f"{seconds:.1f} s" for _, seconds in outcome.restarts)
    return (
        f"{where.cores} cores ({where.cpu}), {where.memory_gib} GiB, Linux {where.kernel}, Python "
        f"{where.python}, PostgreSQL {where.postgres}, commit {where.commit}. Prober, viewers, Helium and "
        f"database share the machine; load average before: {' '.join(outcome.load_average)}.\n\n"
        f"`helium up --processes {outcome.processes}`; {outcome.streams:,} open streams of "
        f"{outcome.runs} runs "
        f"that say a word every {outcome.pace:g} s; {outcome.rate:g} requests a second in an open loop "
        "over "
        f"keep-alive connections. SIGHUP {len(outcome.restarts)} times; replacing all processes took "
        f"{took}."
    )


def _figures(outcome: Outcome) -> list[list[str]]:
    resumed, probes = [seconds for _, seconds, _ in outcome.resumed], len(outcome.samples)
    farewells = sum(farewell for _, _, farewell in outcome.resumed)
    differing = counted(len(outcome.differing), outcome.streams)
    lost = sum(sample.final != OK for sample in outcome.samples)
    return [
        ["requests that failed at first (target: 0)", counted(outcome.failed, probes)],
        ["of them refused with Retry-After", str(sum(s.first == REFUSED for s in outcome.samples))],
        ["that failed after one retry", counted(lost, probes)],
        ["streams that differ from the log (target: 0)", differing],
        ["streams that did not end", counted(outcome.unfinished, outcome.streams)],
        ["events shown", f"{outcome.events:,}"],
        ["streams resumed, after a farewell", f"{len(resumed):,}, {farewells:,}"],
        ["streams broken without a word; resets", f"{outcome.breaks:,}; {outcome.resets:,}"],
        ["resume p50 / p95 / longest (target: p95 < 2 s)", _spread(resumed)],
        ["pause that the server asked for, p50 / longest", _asked(outcome)],
        ["acknowledged starts that are not stored", counted(len(outcome.unstored), _starts(outcome))],
        ["runs failed", str(outcome.failed_runs)],
        ["violations of the invariants", str(len(outcome.violations))],
    ]


def _quiet(outcome: Outcome) -> str:
    failed = sum(sample.first != OK for sample in outcome.before)
    p95 = percentile([sample.first_ms for sample in outcome.before], 95)
    return (
        f"Before the first restart {counted(failed, len(outcome.before))} requests failed, p95 "
        f"{p95:.0f} ms; "
        f"{outcome.quiet}. During and after the restarts: {outcome.busy}."
    )


def _starts(outcome: Outcome) -> int:
    return sum(bool(sample.run_id) for sample in outcome.samples)


def _spread(values: list[float]) -> str:
    if not values:
        return "none"
    return f"{percentile(values, 50):.2f} / {percentile(values, 95):.2f} / {max(values):.2f} s"


def _asked(outcome: Outcome) -> str:
    asked = [pause for pause, _, farewell in outcome.resumed if farewell]
    return f"{percentile(asked, 50):.2f} / {max(asked):.2f} s" if asked else "none"


def _latencies(outcome: Outcome) -> list[list[str]]:
    rows: list[list[str]] = []
    for kind in DEADLINES:
        of_kind = [sample for sample in outcome.samples if sample.kind == kind]
        if of_kind:
            times = [sample.first_ms for sample in of_kind]
            cells = [f"{percentile(times, percent):.1f}" for percent in (50, 95, 99)]
            failed = sum(sample.first != OK for sample in of_kind)
            rows.append([kind, f"{len(of_kind):,}", str(failed), *cells, f"{max(times):.0f}"])
    return rows


def _failures(outcome: Outcome) -> list[str]:
    reasons = Counter((s.kind, s.first) for s in outcome.samples if s.first != OK)
    lines = [f"- {count} x {kind}: {reason}" for (kind, reason), count in reasons.most_common()]
    lines += [f"- {line}" for line in (*outcome.differing[:10], *outcome.violations[:10])]
    return ["What went wrong:", "\n".join(lines)] if lines else []
