"""The rehearsal's verdict: one request that failed is one too many."""

from pathlib import Path

import msgspec
import pytest

from bench.report import Machine
from chaos.locks import LockWait
from chaos.migration import OPERATIONS
from chaos.migration_report import BEGIN, END, Outcome, Step, Window, markdown, put_into, summary
from chaos.probes import Sample

HERE = Machine(cpu="x", cores=2, memory_gib=4.0, kernel="6", python="3.11", postgres="18", commit="abc")
STEPS = [Step(number=f"900{n}", phase="expand", seconds=0.1, tries=1) for n in range(1, 7)]


def outcome(**changes: object) -> Outcome:
    ok = [Sample(at, "run", "ok", 10.0 * at, "ok", 10.0 * at) for at in (1.0, 2.0, 3.0)]
    good = Outcome(
        date="2026-11-25",
        command="python -m chaos.migration",
        machine=HERE,
        load_average=["0.1", "0.1", "0.1"],
        seeded=10,
        runs=1,
        streams=2,
        pace=0.5,
        rate=60,
        reader=2,
        samples=ok,
        steps=STEPS,
        windows=[Window(name="expand", began=0.0, ended=2.5), Window(name="after", began=2.5, ended=4.0)],
        events=20,
        farewells=2,
        breaks=0,
        resumed=[0.1, 0.2],
        differing=[],
        unfinished=0,
        started=0,
        unstored=[],
        failed_runs=0,
        unfilled=0,
        revision="9006",
        starts={"api-1": 3, "worker-1": 2},
        violations=[],
        errors="",
        waits=[LockWait(0.2, "run", "AccessExclusiveLock"), LockWait(0.031, "run", "RowExclusiveLock")],
    )
    return msgspec.structs.replace(good, **changes)


def test_a_rehearsal_without_a_fault_passes() -> None:
    page = markdown(outcome())

    assert outcome().good
    assert "**F17: pass**" in page
    assert "| requests that failed at first (target: 0) | 0 of 3 (95 %: below 100 %) |" in page
    assert "| longest wait for a table's lock, by anybody but a migration | 31 ms |" in page
    assert "| expand | 2.5 | 2 | 0 | 15.0 | 19.5 | 20 |" in page
    assert "| processes replaced | 3 |" in page


def test_the_page_about_migrations_gets_the_figures_and_keeps_the_rest(tmp_path: Path) -> None:
    page = tmp_path / "migrations.md"
    page.write_text(f"before\n\n{BEGIN}\n\nold figures\n\n{END}\n\nafter\n")

    put_into(page, summary(outcome(), "today.md"))
    put_into(page, summary(outcome(), "today.md"))

    text = page.read_text()
    assert (text.startswith("before\n\n" + BEGIN), text.endswith(END + "\n\nafter\n")) == (True, True)
    assert "0 of 3 (95 %: below 100 %) requests failed" in text
    assert text.count("../benchmarks/today.md") == 1
    assert BEGIN in OPERATIONS.read_text()


@pytest.mark.parametrize(
    "changes",
    [
        {"samples": [Sample(1.0, "run", "timeout", 2000.0, "ok", 2200.0)]},
        {"differing": ["run_1: 2 events twice"]},
        {"unfinished": 1},
        {"unstored": ["run_2"]},
        {"failed_runs": 1},
        {"unfilled": 1},
        {"violations": ["I1"]},
        {"steps": STEPS[:5]},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_any_fault_makes_it_a_miss(changes: dict[str, object]) -> None:
    assert not outcome(**changes).good
    assert "**F17: miss**" in markdown(outcome(**changes))
