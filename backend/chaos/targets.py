"""The page's targets, held against what was found; pure."""

from collections import Counter
from collections.abc import Sequence

import msgspec

from bench.stats import percentile
from chaos.acts import Done
from chaos.bounds import counted, percent, wilson, worst
from chaos.judge import Found, Takeover
from chaos.probes import OK, REFUSED, Sample
from helium.db.run_queue import SUSPECT_DEATHS

TAIL_SECONDS = 5.0
"""What a fault may cost after it is over is counted as its own."""
POSTGRES = ("restart postgres fast", "restart postgres immediate", "stop postgres for 30 s")
REDIS = ("kill redis", "freeze redis")
REACTION_SECONDS = 10.0
ENOUGH_RUNS, ENOUGH_KILLS, ENOUGH_ZOMBIES = 10_000, 200, 30
"""What it takes to say something of lost runs, in one seed."""


class Verdict(msgspec.Struct, frozen=True):
    """One target: what was measured beside what was asked. `met` is None where it cannot be said."""

    target: str
    asked: str
    measured: str
    met: bool | None


def within(samples: Sequence[Sample], one: Done, tail: float = TAIL_SECONDS) -> list[Sample]:
    return [s for s in samples if one.began_monotonic <= s.at <= one.ended_monotonic + tail]


def span(samples: Sequence[Sample], one: Done) -> float:
    """Seconds from the first to the last probe of a fault that was not answered right at once."""
    times = [sample.at for sample in within(samples, one) if sample.first != OK]
    return max(times) - min(times) if times else 0.0


def verdicts(
    found: Found,
    done: Sequence[Done],
    samples: Sequence[Sample],
    delays: Sequence[tuple[float, float]],
) -> list[Verdict]:
    """What this run can say about each target."""
    return [
        *_runs(found, done),
        *takeover(
            found.takeovers,
            sum(one.fault.sort == "kill worker" for one in done),
            found.failures.get("poison", 0),
        ),
        *_effects(found),
        *_rolling(samples, done),
        *_streams(found),
        *_redis(found, done, delays),
        *_postgres(found, done, samples),
        *availability(samples, done),
    ]


def _runs(found: Found, done: Sequence[Done]) -> list[Verdict]:
    kills = sum(one.fault.sort.startswith("kill ") and one.fault.sort != "kill redis" for one in done)
    zombies = sum(one.fault.sort == "freeze worker" for one in done)
    enough = found.accepted >= ENOUGH_RUNS and kills >= ENOUGH_KILLS and zombies >= ENOUGH_ZOMBIES
    lost = len(found.missing) + len(found.stuck)
    wrong = len(found.violations) + len(found.wrong_texts)
    return [
        Verdict("R1", "no run lost", counted(lost, found.accepted), lost == 0),
        Verdict(
            "R1",
            "no step completed twice, no invariant broken, every text right",
            f"{wrong} in {found.steps:,} steps and {found.texts:,} texts",
            wrong == 0,
        ),
        Verdict(
            "R1",
            f"{ENOUGH_RUNS:,} runs, {ENOUGH_KILLS} kill -9, {ENOUGH_ZOMBIES} zombies",
            f"{found.accepted:,} runs, {kills} kill -9, {zombies} zombies",
            True if enough else None,
        ),
    ]


def takeover(takeovers: Sequence[Takeover], kills: int, poison: int) -> list[Verdict]:
    """R2, and beside it what it is without the runs that wait their turn, as they may kill workers.

    `kills` of workers led to `takeovers`; `poison` runs were given up.
    """
    killed = [one for one in takeovers if one.sort == "kill worker"]
    alone = [one.seconds for one in killed if one.attempt > SUSPECT_DEATHS]
    if not killed:
        return []
    seconds = [one.seconds for one in killed]
    met = percentile(seconds, 95) < 5 and worst(seconds) < 8
    said = f"{_times(seconds)} ({len(seconds)} runs, {kills} kills)"
    others = [one.seconds for one in killed if one.attempt <= SUSPECT_DEATHS]
    waited = f", longest {worst(alone):.2f} s" if alone else ""
    return [
        Verdict("R2", "takeover p95 < 5 s, longest < 8 s", said, met),
        Verdict("R2", "the same without those that waited alone", _times(others), None),
        Verdict("A13", "taken over after three lost workers: alone", f"{len(alone)} runs{waited}", None),
        Verdict("A13", "given up after four lost workers", f"{poison} runs", None),
    ]


def _times(seconds: Sequence[float]) -> str:
    if not seconds:
        return "none"
    p50, p95 = percentile(seconds, 50), percentile(seconds, 95)
    return f"p50 {p50:.2f}, p95 {p95:.2f}, longest {worst(seconds):.2f} s"


def _effects(found: Found) -> list[Verdict]:
    if not found.lines:
        return []
    bad = len(found.lines_twice) + len(found.lines_lost)
    said = f"twice or lost: {counted(bad, found.lines)}; {found.doubts} in doubt, "
    said += f"settled by a person, {len(found.lines_repeated)} of them twice by their word"
    return [Verdict("R4", "no `once` effect twice without a person", said, bad == 0)]


def _rolling(samples: Sequence[Sample], done: Sequence[Done]) -> list[Verdict]:
    during = [s for one in done if one.fault.sort == "rolling restart" for s in within(samples, one)]
    if not during:
        return []
    failed = sum(sample.first != OK for sample in during)
    said = (
        f"{counted(failed, len(during))} probes during rolling restarts of all processes behind a balancer"
    )
    return [Verdict("R5", "0 failed requests (of its own: `make rolling`)", said, failed == 0)]


def _streams(found: Found) -> list[Verdict]:
    bad = len(found.differing) + found.unfinished_viewers + found.resets
    said = f"{counted(bad, found.viewers)} viewers, through all faults"
    return [Verdict("R6", "100 % equal the log", said, bad == 0)]


def _redis(found: Found, done: Sequence[Done], delays: Sequence[tuple[float, float]]) -> list[Verdict]:
    windows = [(one.began, one.ended) for one in done if one.fault.sort in REDIS]
    if not windows:
        return []
    down = [delay for at, delay in delays if any(began <= at <= ended for began, ended in windows)]
    said = f"{len(found.differing)} viewers miss events; "
    if not down:
        return [Verdict("R8", "0 durable events lost", said, not found.differing)]
    p95 = percentile(down, 95)
    said += f"delay p95 {p95:.2f}, longest {worst(down):.2f} s "
    said += f"({len(down):,} chunks while Redis was down or frozen)"
    return [Verdict("R8", "0 events lost, delay p95 < 1.5 s", said, not found.differing and p95 < 1.5)]


def _postgres(found: Found, done: Sequence[Done], samples: Sequence[Sample]) -> list[Verdict]:
    restarts = [one for one in done if one.fault.sort in POSTGRES[:2]]
    outages = [one for one in done if one.fault.sort == POSTGRES[2]]
    made: list[Verdict] = []
    if restarts:
        gaps = [span(samples, one) for one in restarts]
        failed = sum(count for code, count in found.failures.items() if code != "poison")
        ok = percentile(gaps, 95) < 2 and not found.missing and not failed
        said = f"gaps {', '.join(f'{gap:.2f}' for gap in gaps)} s; "
        said += f"{len(found.missing)} writes missing; {failed} runs failed"
        made.append(Verdict("R9", "restart: gap p95 < 2 s, 0 writes missing, 0 runs failed", said, ok))
    if outages:
        false = sum(one.sort == POSTGRES[2] for one in found.takeovers)
        said = f"{false} in {len(outages)} outages"
        made.append(Verdict("R9", "outage of 30 s: 0 false takeovers", said, false == 0))
    return made


def availability(samples: Sequence[Sample], done: Sequence[Done]) -> list[Verdict]:
    """Right answers in time, by five ways of counting."""
    outages = [one for one in done if one.fault.sort == POSTGRES[2]]
    outside = [s for s in samples if not any(covers(one, s) for one in outages)]
    ok = sum(sample.first == OK for sample in outside)
    retried = sum(sample.final == OK for sample in outside)
    everywhere = sum(sample.first == OK for sample in samples)
    refused = sum(sample.first == REFUSED for sample in outside)
    strictly = sum(sample.first == OK and not sample.resent for sample in outside)
    answered = len(outside) - refused
    enough = len(samples) >= 100_000
    note = "" if enough else f" (only {len(samples):,} probes of the 100,000)"
    share = ok / max(answered, 1)
    return [
        Verdict(
            "R10",
            "≥ 99.9 % of ≥ 100,000 probes",
            f"at first {rate(strictly, len(outside))}{note}",
            strictly / len(outside) >= 0.999,
        ),
        Verdict(
            "R10",
            "the same, if a request beneath which a kept connection was closed is sent again at once",
            rate(ok, len(outside)),
            ok / len(outside) >= 0.999,
        ),
        Verdict("R10", "the same, refused (503, Retry-After) left out", rate(ok, answered), share >= 0.999),
        Verdict("R10", "with one retry", rate(retried, len(outside)), retried / len(outside) >= 0.999),
        Verdict(
            "R10", "at first, the 30 s without a database counted too", rate(everywhere, len(samples)), None
        ),
    ]


def covers(one: Done, sample: Sample) -> bool:
    """Whether the probe was sent while this fault held, or within five seconds after it."""
    return one.began_monotonic <= sample.at <= one.ended_monotonic + TAIL_SECONDS


def rate(ok: int, of: int) -> str:
    if not of:
        return "nothing"
    low, high = wilson(ok, of)
    return f"{ok:,} of {of:,} = {percent(ok / of)} (95 %: {percent(low)} to {percent(high)})"


def by_fault(
    samples: Sequence[Sample], done: Sequence[Done]
) -> list[tuple[Done, int, Counter[str], float]]:
    """For each fault: its probes, what went wrong with them at first, and for how long."""
    rows: list[tuple[Done, int, Counter[str], float]] = []
    for one in done:
        during = within(samples, one)
        rows.append(
            (one, len(during), Counter(s.first for s in during if s.first != OK), span(samples, one))
        )
    return rows
