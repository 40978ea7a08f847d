"""The dashboards show what Prometheus understands, with Grafana's own panels only."""

import re
from pathlib import Path
from typing import Any

import pytest

from tests.monitoring.pages import FOLDER, PROMTOOL, generator, judge, write_yaml

BOARDS: dict[str, dict[str, Any]] = generator.dashboards()
VARIABLES = {"$job": ".*", "$instance": ".*", "$__rate_interval": "5m"}


def test_there_are_the_four_that_are_promised() -> None:
    assert set(BOARDS) == {"overview", "runs", "models", "infrastructure"}
    assert len({board["uid"] for board in BOARDS.values()}) == 4
    assert {f"{name}.json" for name in BOARDS} == {p.name for p in (FOLDER / "dashboards").iterdir()}


@pytest.mark.parametrize("name", BOARDS)
def test_prometheus_understands_every_query(name: str, tmp_path: Path) -> None:
    queries = [target["expr"] for panel in BOARDS[name]["panels"] for target in panel["targets"]]
    for variable, value in VARIABLES.items():
        queries = [query.replace(variable, value) for query in queries]
    assert not [query for query in queries if "$" in query]
    made = [{"record": f"dashboard:query:{at}", "expr": query} for at, query in enumerate(queries)]
    write_yaml(tmp_path / "rules.yaml", {"groups": [{"name": name, "rules": made}]})

    found = judge(PROMTOOL, "check", "rules", tmp_path / "rules.yaml")

    assert found.ok, found.said
    assert f"{len(queries)} rules found" in found.said


@pytest.mark.parametrize("name", BOARDS)
def test_panels_are_grafanas_own_and_lie_side_by_side(name: str) -> None:
    panels = BOARDS[name]["panels"]
    places = [(p["gridPos"]["x"], p["gridPos"]["y"]) for p in panels]

    assert {panel["type"] for panel in panels} <= {"timeseries", "stat"}
    assert len(set(places)) == len(panels)
    assert all(p["gridPos"]["x"] + p["gridPos"]["w"] <= 24 for p in panels)


@pytest.mark.parametrize("name", BOARDS)
def test_a_dashboard_is_for_chosen_processes_of_a_chosen_prometheus(name: str) -> None:
    variables = {variable["name"] for variable in BOARDS[name]["templating"]["list"]}
    queries = [target["expr"] for panel in BOARDS[name]["panels"] for target in panel["targets"]]

    assert variables == {"datasource", "job", "instance"}
    raw = [q for q in queries if re.search(r"\b(helium_|agent_|active_|request_|process_)\w+\{", q)]
    assert all('job=~"$job", instance=~"$instance"' in query for query in raw)
    assert raw
