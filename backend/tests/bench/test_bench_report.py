"""From measurements to the page."""

from pathlib import Path

import pytest

from bench import plot
from bench.__main__ import write
from bench.levels import LEVELS
from bench.measure import Figures, Idle
from bench.report import Machine, Profile, Report, command_line, markdown, table
from bench.stats import Spread
from bench.summary import Verdict, ratio, summarise, verdicts


def figures(level: str, server: str, cpu: float, first_p95: float = 60.0, **more: object) -> Figures:
    given: dict[str, object] = {
        "runs": 100,
        "tokens": 5000,
        "errors": {},
        "seconds": 0.5,
        "accept_ms": Spread(1.0, 2.0, 3.0),
        "first_ms": Spread(30.0, first_p95, 70.0),
        "total_ms": Spread(520.0, 530.0, 540.0),
        "server_cpu_seconds": cpu,
        "database_cpu_seconds": 0.05 if server == "helium" else 0.0,
        "client_cpu_seconds": 0.06,
        "fake_cpu_seconds": 0.09,
        "bytes_received": 102_400,
        "server_peak_mib": 50.0,
        "database_peak_mib": 0.0,
        "fake_late_p95_ms": 1,
        "others_cores": 0.1,
        "reconnects": 0,
        **more,
    }
    return Figures(level=level, server=server, **given)  # pyright: ignore[reportArgumentType] - any field


MEASURED = [
    figures("n50", "bare", 0.20),
    figures("n50", "helium", 0.25),
    figures("n50", "bare", 0.22),
    figures("n50", "helium", 0.30, errors={"connection lost": 1}),
    figures("n50", "bare", 0.40),
    figures("n50", "helium", 0.60),
]


def test_repeats_become_one_row_of_medians_and_sums() -> None:
    bare, helium = summarise(MEASURED)

    assert (bare.server, bare.repeats, bare.runs, bare.runs_per_second) == ("bare", 3, 300, 200.0)
    assert (helium.server_ms_per_run, helium.database_ms_per_run, helium.cpu_ms_per_run) == (3.0, 0.5, 3.5)
    assert (helium.server_us_per_token, helium.bytes_per_run) == (60.0, 1024.0)
    assert (helium.errors, helium.failed) == ({"connection lost": 1}, 1)
    assert helium.server_cpu_seconds == pytest.approx(1.15)


def test_the_ratio_is_against_bare_at_the_same_level() -> None:
    rows = summarise([*MEASURED, figures("n200", "helium", 0.1)])

    assert [ratio(row, rows) for row in rows] == [1.0, pytest.approx(3.5 / 2.2), None]


def test_a_target_is_judged_only_where_it_was_measured() -> None:
    found = verdicts(summarise(MEASURED), list(LEVELS.values()))

    figure = "first token added to the provider's own, p95, n50"
    assert found == [Verdict(figure, "40 ms", "≤ 40 ms", True, "≤ 15 ms", False)]


def test_all_targets_are_judged_after_all_levels() -> None:
    measured = [figures(level, server, 0.2) for level in LEVELS for server in ("bare", "helium")]

    found = {
        one.figure: (one.measured, one.first_met, one.then_met) for one in verdicts(summarise(measured), [])
    }

    assert found == {
        "CPU per run with Postgres, against `bare`, n200": ("1.25 ×", True, False),
        "CPU per run with Postgres, against `bare`, n1000": ("1.25 ×", True, False),
        "CPU per run with Postgres, against `bare`, p1000": ("1.25 ×", True, False),
        "runs per second, n1000": ("200", False, True),
        "errors, p1000": ("0", True, True),
        "first token p95, p1000": ("60 ms", True, True),
        "total p95, p1000": ("530 ms", True, True),
        "accept p95 at 1,000 users, n1000": ("2 ms", True, True),
        "accept p95 at 1,000 users, p1000": ("2 ms", True, True),
    }


def test_observation_is_judged_against_the_same_server_that_nobody_observes() -> None:
    rows = [
        figures("n200", "dark", 0.20),
        figures("n200", "observed", 0.22),
        figures("p1000", "observed", 1),
    ]

    found = [(one.figure, one.measured, one.first_met) for one in verdicts(summarise(rows), [])]

    assert found == [("CPU per run for observation, n200", "10.0 %", False)]


def test_a_level_in_which_nothing_succeeded_meets_no_target() -> None:
    nothing = Spread(*[float("nan")] * 3)
    failed = figures(
        "p1000",
        "helium",
        0.2,
        runs=0,
        tokens=0,
        errors={"HTTP 500: x": 100},
        first_ms=nothing,
        total_ms=nothing,
    )

    found = verdicts(summarise([figures("p1000", "bare", 0.2), failed]), [])

    assert [one.figure for one in found if one.first_met] == ["accept p95 at 1,000 users, p1000"]


def test_a_table_aligns_its_numbers() -> None:
    assert table(["a", "b"], [["x", "1"]], left=1) == "| a | b |\n| --- | ---: |\n| x | 1 |"


def report() -> Report:
    rows = summarise(MEASURED)
    return Report(
        name="test",
        date="2026-11-01",
        command="python -m bench",
        machine=Machine(
            cpu="A", cores=2, memory_gib=8.0, kernel="6", python="3.11", postgres="18.4", commit="abc"
        ),
        ready_seconds={"helium": 1.5},
        idle={"helium": Idle(2.0, 1.0)},
        rows=rows,
        verdicts=verdicts(rows, list(LEVELS.values())),
        figures=MEASURED,
        profile=Profile("n50", 200, [("send (b.py)", 50)]),
    )


def test_the_page_says_what_was_measured_where_and_how_it_compares() -> None:
    page = markdown(report(), "plot.png")

    assert "2 cores (A), 8 GiB, Linux 6, Python 3.11, PostgreSQL 18.4, commit abc." in page
    assert "| 40 ms | ≤ 40 ms | pass | ≤ 15 ms | **miss** |" in page
    assert "| n50 | helium | **3.50** | 3.00 | 0.50 | 1.59 | 60.0 | 1.30 ÷ 300 | 1.0 | 50 |" in page
    assert (
        "`helium` was ready after 1.5 s; idle it uses 2.0 ms of CPU per second, its Postgres 1.0." in page
    )
    assert "- n50, helium: 1 × `connection lost`" in page
    assert "| `send (b.py)` | 25.0% |" in page


def test_a_page_from_a_busy_machine_says_so() -> None:
    given = report()
    given.rows[1].others_cores = 0.9

    assert "**The machine was not quiet** during n50 helium:" in markdown(given, "plot.png")
    assert "not quiet" not in markdown(report(), "plot.png")


def test_a_report_is_three_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def empty(rows: object, title: str, path: Path) -> None:
        path.write_bytes(b"")

    monkeypatch.setattr(plot, "draw", empty)

    page = write(report(), tmp_path)

    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == ["2026-11-01-test.json", "2026-11-01-test.md", "2026-11-01-test.png"]
    assert "](2026-11-01-test.png)" in page.read_text()


def test_how_to_do_it_again_names_no_folder_of_this_machine() -> None:
    words = ["--name", "a b", "--out", "/somewhere", "--rate", "3", "--keep=/somewhere/logs"]
    assert command_line("chaos", words) == "python -m chaos --name 'a b' --rate 3"
    assert command_line("chaos", []) == "python -m chaos"
