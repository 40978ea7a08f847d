"""The report of a chaos run: a page, the figures, the timeline."""

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import msgspec

from bench.report import Machine, table
from bench.stats import percentile
from chaos.acts import Done
from chaos.bounds import counted, worst
from chaos.cores import Busy
from chaos.judge import Found
from chaos.probes import DEADLINES, OK, Sample
from chaos.targets import Verdict, by_fault
from chaos.timeline import Bin

SHOWN = 10


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one chaos run."""

    name: str
    date: str
    command: str
    seed: int
    machine: Machine
    busy: Busy
    environment: list[str]
    seconds: float
    rest_seconds: float
    load: float
    rate: float
    shapes: dict[str, int]
    done: list[Done]
    bins: list[Bin]
    verdicts: list[Verdict]
    found: Found
    failures: list[Sample]
    """Probes that were not answered right at once, the first thousand."""
    errors: str
    """What Helium's processes logged as errors."""

    @property
    def good(self) -> bool:
        return not any(verdict.met is False for verdict in self.verdicts)


def write(report: Report, stem: Path) -> None:
    data = msgspec.json.format(msgspec.json.encode(report), indent=1)
    stem.with_suffix(".json").write_bytes(data + b"\n")


def markdown(report: Report, samples: Sequence[Sample], began: float, picture: str) -> str:
    """The page."""
    parts = [
        f"# Chaos {report.date}: {report.name}",
        f"`{report.command}`",
        _where(report),
        f"![success rate and latency over time, with the faults]({picture})",
        "## Targets",
        table(["", "asked", "measured", ""], [_verdict(one) for one in report.verdicts], left=4),
        "## Faults",
        _faults(report.done, samples, began),
        "## Probes",
        _probes(samples),
        "## Runs",
        _runs(report),
        *_wrong(report),
    ]
    return "\n\n".join(parts) + "\n"


def _where(report: Report) -> str:
    where = report.machine
    return (
        f"Seed {report.seed}. {where.cores} cores ({where.cpu}), {where.memory_gib:g} GiB, Linux "
        f"{where.kernel}, Python "
        f"{where.python}, PostgreSQL {where.postgres}, commit {where.commit}. {report.busy}. Two APIs "
        "and two stream "
        f"processes behind balancers, two workers (lease of 3 s), PostgreSQL behind proxies, Redis. "
        f"{report.seconds:.0f} s of load: {report.load:g} people a second, {report.rate:g} probes a "
        "second. "
        f"{len(report.done)} faults. At rest {report.rest_seconds:.1f} s after the load."
        + (f" Settings: {', '.join(report.environment)}." if report.environment else "")
    )


def _verdict(one: Verdict) -> list[str]:
    mark = {True: "pass", False: "**miss**", None: ""}[one.met]
    return [one.target, one.asked, one.measured, mark]


def _faults(done: Sequence[Done], samples: Sequence[Sample], began: float) -> str:
    rows: list[list[str]] = []
    for one, probes, wrong, seconds in by_fault(samples, done):
        reasons = ", ".join(f"{count} {reason}" for reason, count in wrong.most_common(3))
        rows.append(
            [
                f"{one.fault.sort} {one.fault.target}".strip(),
                reasons or "none",
                f"{one.began_monotonic - began:.1f}",
                f"{one.ended_monotonic - one.began_monotonic:.1f}",
                f"{wrong.total()} of {probes}",
                f"{seconds:.2f}" if wrong else "",
            ]
        )
    head = ["fault", "probes went wrong by", "at s", "held s", "probes wrong", "for s"]
    return table(head, rows) + "\n\nUp to five seconds after the end of a fault count as its own."


def _probes(samples: Sequence[Sample]) -> str:
    rows: list[list[str]] = []
    for kind, deadline in DEADLINES.items():
        of_kind = [sample for sample in samples if sample.kind == kind]
        if not of_kind:
            continue
        times = [sample.first_ms for sample in of_kind if sample.first == OK]
        cells = [f"{percentile(times, percent):.0f}" for percent in (50, 95, 99)]
        wrong = Counter(sample.first for sample in of_kind if sample.first != OK)
        lost = sum(sample.final != OK for sample in of_kind)
        reasons = ", ".join(f"{count} {reason}" for reason, count in wrong.most_common(5)) or "none"
        rows.append([kind, reasons, f"{deadline:g}", f"{len(of_kind):,}", str(lost), *cells])
    head = [
        "probe",
        "wrong at first",
        "deadline s",
        "number",
        "wrong after a retry",
        "p50 ms",
        "p95 ms",
        "p99 ms",
    ]
    note = (
        "An open loop: the latency counts from the moment at which a probe was to be sent; right means "
        "the right "
        "content within the deadline. `refused` is a 429 or 503 with Retry-After. The retry comes "
        "after Retry-After, "
        "or after 0.2 s, with the same idempotency key."
    )
    return f"{table(head, rows)}\n\n{note}"


def _runs(report: Report) -> str:
    found = report.found
    statuses = ", ".join(f"{count:,} {status}" for status, count in sorted(found.statuses.items()))
    failures = ", ".join(f"{count} {code}" for code, count in found.failures.items()) or "none"
    requeued = ", ".join(f"{count} {reason}" for reason, count in found.requeued.items()) or "none"
    rows = [
        ["acknowledged and missing", counted(len(found.missing), found.accepted)],
        ["neither ended nor waiting a minute later", counted(len(found.stuck), found.accepted)],
        ["runs by status", statuses],
        ["failures by code", failures],
        ["wrong texts", counted(len(found.wrong_texts), found.texts)],
        ["lines of a `once` tool written twice", counted(len(found.lines_twice), found.lines)],
        ["written twice after a person said: repeat", str(len(found.lines_repeated))],
        ["lines lost", counted(len(found.lines_lost), found.lines)],
        ["effects in doubt, settled by a person", str(found.doubts)],
        ["accepted cancels without effect", str(len(found.uncancelled))],
        ["viewers that differ from the log", counted(len(found.differing), found.viewers)],
        ["viewers without an end; resets", f"{found.unfinished_viewers}; {found.resets}"],
        ["events, steps", f"{found.events:,}, {found.steps:,}"],
        ["violations of the invariants", str(len(found.violations))],
        ["requeued by reason", requeued],
        ["requests given up by people", str(sum(found.given_up.values()))],
    ]
    return f"{table(['', ''], rows)}\n\n{_takeovers(found)}"


def _takeovers(found: Found) -> str:
    groups: dict[str, list[float]] = {}
    for one in found.takeovers:
        later = " (third attempt or later)" if one.attempt > 2 else ""
        groups.setdefault(one.sort + later, []).append(one.seconds)
    rows = [
        [
            sort,
            str(len(seconds)),
            *(f"{value:.2f}" for value in (*_middle(seconds), worst(seconds))),
        ]
        for sort, seconds in sorted(groups.items())
    ]
    head = ["lease expired after", "runs", "p50 s", "p95 s", "longest s"]
    note = (
        "From the beginning of the fault to the next `run.started`, by the database's clock. A run "
        "whose workers died three times may be what kills them: it waits until no other suspect is "
        "under way."
    )
    return f"{note}\n\n{table(head, rows, left=1)}" if rows else "No lease expired."


def _middle(seconds: Sequence[float]) -> tuple[float, float]:
    return percentile(seconds, 50), percentile(seconds, 95)


def _wrong(report: Report) -> list[str]:
    found = report.found
    lists = {
        "missing": found.missing,
        "stuck": found.stuck,
        "wrong text": found.wrong_texts,
        "twice": found.lines_twice,
        "lost": found.lines_lost,
        "not cancelled": found.uncancelled,
        "differs": found.differing,
        "violation": found.violations,
        "given up": [f"{count} x {reason}" for reason, count in found.given_up.items()],
        "logged": report.errors.splitlines(),
    }
    lines = [f"- {name}: `{line[:300]}`" for name, some in lists.items() for line in some[:SHOWN]]
    return ["## What went wrong", "\n".join(lines)] if lines else []
