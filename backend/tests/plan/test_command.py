"""`helium plan`: what it prints, its JSON, its picture, and what it says of mistakes."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import typer

from helium.cli import plan as command
from helium.cli.failure import Failure
from helium.kit.clock import ManualClock
from helium.plan.question import Typed, question_of

PNG = b"\x89PNG"


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    app = typer.Typer()
    app.command()(command.plan)
    typer.main.get_command(app)(list(arguments), standalone_mode=False)
    return capsys.readouterr().out


def shown(capsys: pytest.CaptureFixture[str], day: datetime, **typed: Any) -> dict[str, Any]:
    given = _typed({"users": 1000, "cloud": "gcp", **typed})
    clock = ManualClock(day.timestamp())
    command.show(given, model="", budgets=[400], as_json=True, plot=None, clock=clock)
    return json.loads(capsys.readouterr().out)


def _typed(options: dict[str, Any]) -> Typed:
    return Typed(**options)


def keys(value: Any) -> Any:
    """The names in a JSON value, without its values; a list is as its first element."""
    if isinstance(value, dict):
        return {name: keys(each) for name, each in value.items()}
    return [keys(value[0])] if isinstance(value, list) and value else type(value).__name__


def test_a_person_sees_capacity_day_bill_budget_and_the_founding_table(
    capsys: pytest.CaptureFixture[str],
) -> None:
    text = said(capsys, "--users", "1000", "--cloud", "gcp", "--budget", "400")

    assert text.startswith("Helium for 1,000 users at once on gcp (prod, supabase): $")
    for part in (
        "Capacity in the busiest minute",
        "A day of the autoscaler",
        "later than 200 ms",
        "A month's bill in US dollars",
        "Models, apart from that: openai:gpt-5-mini",
        "What a budget buys",
        "The founding document's cost table",
        "Its own lines add up to 210 to 400.",
        "Mind",
    ):
        assert part in text
    assert "25.00 ?" in text
    assert "it is dearer with nobody" in text


def test_without_a_model_none_is_counted(capsys: pytest.CaptureFixture[str]) -> None:
    text = said(capsys, "--users", "10", "--cloud", "aws", "--model", "none")

    assert "Models are not counted." in text
    assert "founding document's cost table" not in text


def test_the_json_has_the_names_that_programs_rely_on(capsys: pytest.CaptureFixture[str]) -> None:
    report = shown(capsys, datetime(2026, 11, 25, tzinfo=UTC))

    assert report["schema"] == 1
    schema = json.loads((Path(__file__).parent / "schema.json").read_text())
    assert keys(report) == schema, "names may be added; then write them into schema.json"
    assert report["roles"]["stream"]["peak_instances"] == 4
    assert len(report["roles"]["api"]["day"]["instances_by_minute"]) == 1440
    assert report["totals_microusd"]["everything"] == sum(line["microusd"] for line in report["lines"])


def test_old_prices_are_seen_by_the_clock(capsys: pytest.CaptureFixture[str]) -> None:
    warnings = shown(capsys, datetime(2028, 6, 1, tzinfo=UTC))["warnings"]

    assert "supabase_pro" in next(each for each in warnings if "older than 180 days" in each)


def test_a_file_of_ones_own_gives_users_and_shape(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("hour,users\n" + "\n".join(f"{hour},{10 * hour}" for hour in range(24)))

    assert json.loads(said(capsys, "--cloud", "gcp", "--csv", str(file), "--json"))["question"] == {
        "cloud": "gcp",
        "environment": "prod",
        "provider": "supabase",
        "users": 230,
        "runs_per_user_per_day": 20.0,
        "tokens_per_run": 1000,
        "input_tokens_per_run": 4000,
        "profile": "mine.csv",
        "metrics_sidecar": False,
        "cold_start_seconds": 15,
        "scale_in_seconds": 900,
    }
    stretched = question_of(Typed(users=999, cloud="gcp", csv=file)).workload
    assert (stretched.users, stretched.profile.name) == (999, "mine.csv")


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"users": None}, "Say how many people are there at once: --users 1000"),
        ({"users": 0}, "--users must be from 1 to 1,000,000, and 0 is not"),
        ({"users": 2_000_000}, "--users must be from"),
        ({"runs_per_user": float("nan")}, "--runs-per-user must be from"),
        ({"tokens": 0}, "--tokens must be from"),
        ({"input_tokens": -1}, "--input-tokens must be from"),
        ({"profile": "night"}, "There is no profile 'night': take day, rush, flat, or a file with --csv"),
        ({"csv": Path("nothing.csv")}, "nothing.csv cannot be read"),
        ({"cold_start_seconds": -1.0}, "--cold-start-seconds must be from"),
        ({"scale_in_seconds": 1e9}, "--scale-in-seconds must be from"),
        ({"provider": "rds"}, "There is no rds on gcp"),
        ({"cloud": "aws", "sidecar": True}, "leave --metrics-sidecar out"),
    ],
)
def test_a_mistake_is_one_sentence_that_says_what_to_do(typed: dict[str, Any], message: str) -> None:
    given = _typed({"users": 10, "cloud": "gcp", **typed})

    with pytest.raises(Failure, match=message):
        command.show(given, model="none", budgets=[], as_json=True, plot=None, clock=ManualClock())


@pytest.mark.parametrize("budget", [0.0, -5.0, float("inf")])
def test_a_budget_that_is_none_is_one_sentence(budget: float) -> None:
    with pytest.raises(Failure, match="--budget must be from"):
        command.show(
            Typed(users=1, cloud="gcp"),
            model="none",
            budgets=[budget],
            as_json=True,
            plot=None,
            clock=ManualClock(),
        )


def test_the_picture_is_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "day.png"

    text = said(capsys, "--users", "3000", "--cloud", "gcp", "--profile", "rush", "--plot", str(file))

    assert file.read_bytes().startswith(PNG)
    assert f"The day is drawn in {file}." in text


@pytest.mark.parametrize("name", ["day.docx", "no-folder/day.png"])
def test_a_picture_that_cannot_be_written_is_one_sentence(name: str, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="cannot be written"):
        _draw(tmp_path / name)


def test_without_matplotlib_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)

    with pytest.raises(Failure, match="A plot needs matplotlib: `pip install matplotlib`"):
        _draw(tmp_path / "day.png")


def _draw(path: Path) -> None:
    given = Typed(users=10, cloud="gcp")
    command.show(given, model="none", budgets=[400], as_json=True, plot=path, clock=ManualClock())
