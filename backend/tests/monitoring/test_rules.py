"""The rules are what slo.yaml says, and each alert fires when it must and only then."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.pages import (
    FOLDER,
    PROMTOOL,
    RUNBOOKS,
    alert_names,
    alerts,
    generator,
    judge,
    read_yaml,
    write_yaml,
)

TESTS = sorted((FOLDER / "tests").glob("*.yaml"))
NAMED = re.compile(r'alertname="(\w+)"')


def cases() -> list[dict[str, Any]]:
    return [case for path in TESTS for case in read_yaml(path)["tests"]]


def shown(*, firing: bool) -> set[str]:
    """Alerts of which some test shows that they fire, or that they are silent."""
    checks = [check for case in cases() for check in case.get("promql_expr_test", [])]
    return {
        name
        for check in checks
        if bool(check["exp_samples"]) == firing
        for name in NAMED.findall(check["expr"])
    }


@pytest.mark.parametrize("path", generator.documents(), ids=lambda path: path.name)
def test_a_file_is_what_the_generator_makes(path: Path) -> None:
    assert path.read_text() == generator.documents()[path], "run `make contracts`"


def test_nothing_lies_around_that_is_made_no_more() -> None:
    made = {path for folder in ("rules", "dashboards") for path in (FOLDER / folder).iterdir()}

    assert made == set(generator.documents())


def test_prometheus_accepts_the_rules() -> None:
    found = judge(PROMTOOL, "check", "rules", *(FOLDER / "rules").glob("*.yaml"))

    assert found.ok, found.said


@pytest.mark.process
@pytest.mark.timeout(400)
@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.stem)
def test_alerts_fire_when_they_must_and_are_silent_when_they_must_not(path: Path) -> None:
    found = judge(PROMTOOL, "test", "rules", path)

    assert found.ok, found.said


@pytest.mark.parametrize("name", alert_names())
def test_an_alert_is_shown_to_fire_and_to_be_silent(name: str) -> None:
    assert name in shown(firing=True)
    assert name in shown(firing=False)


def test_every_burn_rate_is_shown_to_fire() -> None:
    expected = str([check for case in cases() for check in case.get("promql_expr_test", [])])

    for rate in generator.load()["burn_rates"]:
        assert f'burn="{rate["factor"]}x"' in expected


@pytest.mark.parametrize(
    "rule", alerts(), ids=lambda rule: f"{rule['alert']}-{rule['labels'].get('burn', '')}"
)
def test_an_alert_says_what_is_wrong_how_bad_and_what_to_do(rule: dict[str, Any]) -> None:
    labels, texts = rule["labels"], rule["annotations"]

    assert labels["severity"] in ("page", "ticket") or rule["alert"] == "Watchdog"
    assert labels["team"] in ("platform", "agents")
    assert rule["for"]
    assert texts["summary"]
    assert "$value" in texts["description"] or rule["alert"] in WITHOUT_VALUE
    assert (RUNBOOKS / Path(texts["runbook_url"]).name).name == f"{rule['alert']}.md"


# There is no figure: something answers or does not.
WITHOUT_VALUE = {"DatabaseDown", "RedisDown", "ProbeFailed", "ScrapeDown", "MetricsAbsent", "Watchdog"}


def test_no_burn_rate_is_beyond_what_can_burn() -> None:
    page = generator.load()
    fastest = max(rate["factor"] for rate in page["burn_rates"])

    assert all(fastest * (1 - slo["objective"] / 100) < 1 for slo in page["slos"])


def test_a_page_needs_more_traffic_than_one_request_in_ten_seconds() -> None:
    assert all(slo["guard"]["page"] > 0.1 for slo in generator.load()["slos"] if slo["pages"])


def test_shrunk_rules_have_all_their_times_shortened(tmp_path: Path) -> None:
    for name, text in generator.rules(60).items():
        (tmp_path / name).write_text(text)
    found = judge(PROMTOOL, "check", "rules", *tmp_path.glob("*.yaml"))

    assert found.ok, found.said
    written = "".join(generator.rules(60).values())
    assert not re.search(r"\[\d+[mhd]\]", written)
    assert "for: 2000ms" in written


# What is taken away, where, and the case of the tests that must notice.
BROKEN = {
    "the guard against too little traffic": (
        "burn-rates.yaml",
        r"\nand slo:events:mean_rate\w+\{[^}]*\} > \S+",
        "",
        "silence.yaml",
        "50 % of errors",
    ),
    "the short window": (
        "burn-rates.yaml",
        r"\nand slo:bad_events:ratio_rate\w+\{[^}]*\} > \S+",
        "",
        "burn-rates.yaml",
        "what is over wakes nobody",
    ),
    "max over processes that show the same figure": (
        "recording.yaml",
        r"max by \(status, reason\)",
        "sum by (status, reason)",
        "silence.yaml",
        "three processes that show the same runs",
    ),
    "the share of errors": (
        "alerts.yaml",
        r'slo:bad_events:ratio_rate5m(\{slo="run-success"\})',
        r"slo:bad_events:rate5m\1",
        "silence.yaml",
        "0.02 % of errors",
    ),
    "the routes that are the API": (
        "recording.yaml",
        r'route=~"/v1/\.\*", ',
        "",
        "silence.yaml",
        "probes that meet a draining process",
    ),
    "the room for a supervisor's deploys": (
        "alerts.yaml",
        r" \+ 2 \* max by \(instance\) \(max_over_time\(helium_processes[^)]*\)\)",
        "",
        "alerts.yaml",
        "two deploys of a supervisor",
    ),
    "that the bus is not somebody's queue": (
        "alerts.yaml",
        r'kind=~"work\|events\|cancel", ',
        "",
        "alerts.yaml",
        "a bus that fails once in a hundred",
    ),
    "the guard against a few bells": (
        "alerts.yaml",
        r"\s+and sum\(rate\(helium_bells_total[^\n]*> 0\.02",
        "",
        "alerts.yaml",
        "a Redis that was replaced",
    ),
    "why a run waits": (
        "alerts.yaml",
        r'(helium_action_age_seconds)\{kind="in_doubt"\}',
        r"\1",
        "alerts.yaml",
        "a question that waits for days",
    ),
}


@pytest.mark.process
@pytest.mark.parametrize("what", BROKEN)
def test_the_tests_notice_when_something_is_taken_away(what: str, tmp_path: Path) -> None:
    broken, pattern, instead, tests, name = BROKEN[what]
    (tmp_path / "rules").mkdir()
    (tmp_path / "tests").mkdir()
    for rules in (FOLDER / "rules").glob("*.yaml"):
        page = read_yaml(rules)
        if rules.name == broken:
            changed = [
                _changed(rule, pattern, instead) for group in page["groups"] for rule in group["rules"]
            ]
            assert any(changed)
        write_yaml(tmp_path / "rules" / rules.name, page)
    page = read_yaml(FOLDER / "tests" / tests)
    page["tests"] = [case for case in page["tests"] if name in case["name"]]
    assert page["tests"]
    write_yaml(tmp_path / "tests/one.yaml", page)

    found = judge(PROMTOOL, "test", "rules", tmp_path / "tests/one.yaml")

    assert not found.ok
    assert "exp:" in found.said


def _changed(rule: dict[str, Any], pattern: str, instead: str) -> bool:
    before = rule["expr"]
    rule["expr"] = re.sub(pattern, instead, before)
    return rule["expr"] != before
