"""From repeated measurements to one row per level and server, and to the verdict on the targets; pure."""

from collections import Counter
from collections.abc import Callable, Sequence
from statistics import median

import msgspec

from bench.levels import Level
from bench.measure import Figures
from bench.stats import Spread, median_spread


class Row(msgspec.Struct, kw_only=True):
    """The medians of one level on one server, and the sums that they can be checked with."""

    level: str
    server: str
    repeats: int
    runs: int
    tokens: int
    errors: dict[str, int]
    server_cpu_seconds: float
    database_cpu_seconds: float
    runs_per_second: float
    accept_ms: Spread
    first_ms: Spread
    total_ms: Spread
    server_ms_per_run: float
    database_ms_per_run: float
    cpu_ms_per_run: float
    server_us_per_token: float
    bytes_per_run: float
    server_peak_mib: float
    database_peak_mib: float
    client_ms_per_run: float
    fake_ms_per_run: float
    fake_late_p95_ms: float
    others_cores: float

    @property
    def failed(self) -> int:
        return sum(self.errors.values())


class Verdict(msgspec.Struct):
    """A figure beside its two targets."""

    figure: str
    measured: str
    first: str
    first_met: bool
    then: str
    then_met: bool


def summarise(figures: Sequence[Figures]) -> list[Row]:
    """One row per level and server, in the order in which they were measured first."""
    groups: dict[tuple[str, str], list[Figures]] = {}
    for one in figures:
        groups.setdefault((one.level, one.server), []).append(one)
    return [_row(group) for group in groups.values()]


def _row(group: Sequence[Figures]) -> Row:
    def middle(figure: Callable[[Figures], float]) -> float:
        return round(median(map(figure, group)), 3)

    errors = Counter[str]()
    for one in group:
        errors.update(one.errors)
    return Row(
        level=group[0].level,
        server=group[0].server,
        repeats=len(group),
        runs=sum(one.runs for one in group),
        tokens=sum(one.tokens for one in group),
        errors=dict(errors),
        server_cpu_seconds=sum(one.server_cpu_seconds for one in group),
        database_cpu_seconds=sum(one.database_cpu_seconds for one in group),
        runs_per_second=middle(lambda one: one.runs_per_second),
        accept_ms=median_spread([one.accept_ms for one in group]),
        first_ms=median_spread([one.first_ms for one in group]),
        total_ms=median_spread([one.total_ms for one in group]),
        server_ms_per_run=middle(lambda one: one.server_ms_per_run),
        database_ms_per_run=middle(lambda one: one.database_ms_per_run),
        cpu_ms_per_run=middle(lambda one: one.cpu_ms_per_run),
        server_us_per_token=middle(lambda one: one.server_us_per_token),
        bytes_per_run=middle(lambda one: one.bytes_per_run),
        server_peak_mib=middle(lambda one: one.server_peak_mib),
        database_peak_mib=middle(lambda one: one.database_peak_mib),
        client_ms_per_run=middle(lambda one: one.client_cpu_seconds * 1e3 / max(one.runs, 1)),
        fake_ms_per_run=middle(lambda one: one.fake_cpu_seconds * 1e3 / max(one.runs, 1)),
        fake_late_p95_ms=middle(lambda one: one.fake_late_p95_ms),
        others_cores=middle(lambda one: one.others_cores),
    )


def ratio(row: Row, rows: Sequence[Row]) -> float | None:
    """CPU per run, database included, against `bare` at the same level in the same report."""
    for other in rows:
        if other.server == "bare" and other.level == row.level and other.cpu_ms_per_run:
            return row.cpu_ms_per_run / other.cpu_ms_per_run
    return None


def verdicts(rows: Sequence[Row], levels: Sequence[Level]) -> list[Verdict]:
    """The targets that this report can speak about."""
    ours = {row.level: row for row in rows if row.server == "helium"}
    bare = {row.level: row for row in rows if row.server == "bare"}
    return [
        *_cost(ours, rows),
        *_throughput(ours, bare),
        *_first_token(ours, levels),
        *_paced(ours),
        *_accept(ours),
        *_observation(rows),
    ]


def _cost(ours: dict[str, Row], rows: Sequence[Row]) -> list[Verdict]:
    found: list[Verdict] = []
    for level in ("n200", "n1000", "p1000"):
        times = ratio(ours[level], rows) if level in ours else None
        if times is not None:
            figure = f"CPU per run with Postgres, against `bare`, {level}"
            found.append(_at_most(figure, times, 1.5, 1.0, "×", digits=2))
    return found


def _throughput(ours: dict[str, Row], bare: dict[str, Row]) -> list[Verdict]:
    if "n1000" not in ours or "n1000" not in bare:
        return []
    rate, reference = ours["n1000"].runs_per_second, bare["n1000"].runs_per_second
    return [
        Verdict(
            "runs per second, n1000",
            f"{rate:.0f}",
            "≥ 250",
            rate >= 250,
            f"≥ `bare` ({reference:.0f})",
            rate >= reference,
        )
    ]


def _first_token(ours: dict[str, Row], levels: Sequence[Level]) -> list[Verdict]:
    own = {level.name: level.first_ms for level in levels}
    if "n50" not in ours or "n50" not in own:
        return []
    added = ours["n50"].first_ms.p95 - own["n50"]
    return [_at_most("first token added to the provider's own, p95, n50", added, 40, 15, "ms")]


def _paced(ours: dict[str, Row]) -> list[Verdict]:
    if "p1000" not in ours:
        return []
    row = ours["p1000"]
    none = row.failed == 0
    return [
        Verdict("errors, p1000", str(row.failed), "0", none, "0", none),
        _at_most("first token p95, p1000", row.first_ms.p95, 500, 250, "ms"),
        _at_most("total p95, p1000", row.total_ms.p95, 5600, 5600, "ms"),
    ]


def _accept(ours: dict[str, Row]) -> list[Verdict]:
    return [
        _at_most(f"accept p95 at 1,000 users, {level}", ours[level].accept_ms.p95, 200, 100, "ms")
        for level in ("n1000", "p1000")
        if level in ours
    ]


def _observation(rows: Sequence[Row]) -> list[Verdict]:
    """What metrics, logs, sampled traces and reports of errors cost, against none of them."""
    found: list[Verdict] = []
    dark = {row.level: row for row in rows if row.server == "dark" and row.cpu_ms_per_run}
    for row in rows:
        if row.server == "observed" and row.level in dark:
            # PostgreSQL is told nothing of it; its own upkeep would only disturb the comparison.
            unseen = dark[row.level]
            more = (row.server_ms_per_run - unseen.server_ms_per_run) / unseen.cpu_ms_per_run * 100
            found.append(_at_most(f"CPU per run for observation, {row.level}", more, 5, 5, "%", digits=1))
    return found


def _at_most(figure: str, value: float, first: float, then: float, unit: str, digits: int = 0) -> Verdict:
    return Verdict(
        figure,
        f"{value:.{digits}f} {unit}",
        f"≤ {first:g} {unit}",
        value <= first,
        f"≤ {then:g} {unit}",
        value <= then,
    )
