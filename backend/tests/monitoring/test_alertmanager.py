"""Alertmanager's configuration: valid, without secrets, and every alert reaches who should have it."""

import re
from pathlib import Path

import pytest

from tests.monitoring.pages import AMTOOL, FOLDER, alert_names, alerts, judge, read_yaml

CONFIG = FOLDER / "alertmanager.yaml"


# Alerts of one SLO differ in `burn` alone, which routes nothing.
RULES = {(rule["alert"], rule["labels"]["severity"]): rule["labels"] for rule in alerts()}


def test_alertmanager_accepts_its_configuration() -> None:
    found = judge(AMTOOL, "check-config", CONFIG)

    assert found.ok, found.said


@pytest.mark.parametrize(("name", "severity"), RULES)
def test_an_alert_reaches_its_team_as_loudly_as_it_says(name: str, severity: str) -> None:
    labels = RULES[name, severity]
    receiver = "deadman" if name == "Watchdog" else f"{severity}-{labels['team']}"
    given = [f"alertname={name}", *(f"{label}={value}" for label, value in labels.items())]

    found = judge(
        AMTOOL,
        "config",
        "routes",
        "test",
        f"--config.file={CONFIG}",
        f"--verify.receivers={receiver}",
        *given,
    )

    assert found.ok, found.said


def test_an_alert_of_somebody_else_is_not_lost() -> None:
    found = judge(AMTOOL, "config", "routes", "test", f"--config.file={CONFIG}", "alertname=Unknown")

    assert found.answer.split() == ["ticket-platform"]


def test_inhibition_speaks_of_alerts_that_exist() -> None:
    for rule in read_yaml(CONFIG)["inhibit_rules"]:
        for matcher in (*rule["source_matchers"], *rule["target_matchers"]):
            for value in re.findall(r'alertname=~?"([^"]+)"', matcher):
                assert set(value.split("|")) <= set(alert_names())


def test_secrets_are_in_files_and_each_receiver_has_its_own() -> None:
    page = read_yaml(CONFIG)
    files = [
        hook["http_config"]["authorization"]["credentials_file"]
        for receiver in page["receivers"]
        for hook in receiver["webhook_configs"]
    ]

    assert len(set(files)) == len(page["receivers"])
    assert all(Path(file).parent == Path("/etc/alertmanager/secrets") for file in files)
    assert not re.search(r"credentials:|password|bearer_token:|://[^/\s]*@", CONFIG.read_text())
