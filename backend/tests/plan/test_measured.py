"""Figures of plans are those of the benchmark's reports."""

import json
from pathlib import Path

import pytest

from helium.plan.measured import (
    HOW_TO_REFRESH,
    KINDS,
    ReportUnusable,
    commit_of,
    drift,
    figures_of,
    kind_of,
    load_measured,
    newest,
    parse_measured,
    refresh,
    render,
)

REPORTS = Path(__file__).parents[3] / "docs/benchmarks"
MEASURED = load_measured()


@pytest.mark.parametrize("kind", KINDS)
def test_the_figures_are_those_of_the_report_that_they_name(kind: str) -> None:
    report = REPORTS / MEASURED.sources[kind]

    # A report that was made anew on the same day may differ as much as a newer one.
    same = commit_of(report) == MEASURED.commits[kind]
    assert drift(MEASURED, report, **({"tolerance": 0.0} if same else {})) == []


def test_the_newest_reports_agree_with_what_plans_use() -> None:
    wrong = [said for report in newest(REPORTS).values() for said in drift(MEASURED, report)]

    assert wrong == []


def _copy(kind: str, folder: Path, date: str, **changed: float) -> Path:
    report = json.loads((REPORTS / MEASURED.sources[kind]).read_text())
    for row in report["rows"]:
        row.update(changed)
    path = folder / f"{date}-{kind}.json"
    path.write_text(json.dumps(report))
    return path


def test_a_newer_report_that_differs_by_more_than_a_quarter_says_how_to_refresh(tmp_path: Path) -> None:
    close = _copy(
        "api-and-worker", tmp_path, "2027-01-01", server_ms_per_run=MEASURED.server_ms_per_run * 1.2
    )
    far = _copy(
        "api-and-worker", tmp_path, "2027-01-02", server_ms_per_run=MEASURED.server_ms_per_run * 1.4
    )

    assert newest(tmp_path) == {"api-and-worker": far}
    assert drift(MEASURED, close) == []
    (said,) = drift(MEASURED, far)
    assert "server_ms_per_run" in said
    assert HOW_TO_REFRESH in said


def test_reports_of_other_things_and_of_other_levels_are_passed_over(tmp_path: Path) -> None:
    good = _copy("one-process", tmp_path, "2026-01-01")
    (tmp_path / "2026-02-01-one-process.json").write_text('{"rows": []}')
    (tmp_path / "2026-03-01-one-process.json").write_text("not JSON")
    (tmp_path / "2026-04-01-chaos.json").write_text("{}")

    assert newest(tmp_path) == {"one-process": good}
    assert kind_of(tmp_path / "2026-04-01-chaos.json") is None
    with pytest.raises(ReportUnusable, match="lacks what a plan needs"):
        figures_of(tmp_path / "2026-03-01-one-process.json")


def test_a_refresh_writes_what_is_read_again(tmp_path: Path) -> None:
    newer = _copy("api-and-worker", tmp_path, "2027-01-01", database_ms_per_run=9.0)
    target = tmp_path / "measured.toml"

    said = refresh([newer], REPORTS, target)

    read = parse_measured(target.read_text())
    assert read.database_ms_per_run == 9.0
    assert read.sources["api-and-worker"] == newer.name
    assert newer.name in said


def test_a_refresh_without_reports_says_what_to_run(tmp_path: Path) -> None:
    with pytest.raises(ReportUnusable, match="run `make bench`"):
        refresh([], tmp_path, tmp_path / "measured.toml")
    assert not (tmp_path / "measured.toml").exists()


def test_the_file_is_what_a_refresh_would_write_from_its_reports() -> None:
    reports = {kind: REPORTS / name for kind, name in MEASURED.sources.items()}
    if any(commit_of(path) != MEASURED.commits[kind] for kind, path in reports.items()):
        reports = {}

    file = Path(__file__).parents[2] / "helium/plan/measured.toml"
    assert not reports or file.read_text() == render(reports)
