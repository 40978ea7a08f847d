"""Write infra/monitoring's rules and dashboards from slo.yaml and scripts/monitoring_dashboards.py.

`documents()` gives every file and its text; a test compares them with what is there. For a trial,
`--shrink 60 --to FOLDER` writes the rules with all times sixty times shorter: an hour becomes a minute.
"""

import argparse
import io
import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.scalarstring import LiteralScalarString

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "scripts"))

from monitoring_dashboards import dashboards  # noqa: E402

FOLDER = ROOT / "infra/monitoring"
MADE = "# Made from infra/monitoring/slo.yaml by `make contracts`; do not edit.\n"
SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
# Thirty days are a long look back: seldom is enough.
BUDGET_INTERVAL = "5m"
Rule = dict[str, Any]


def load() -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load((FOLDER / "slo.yaml").read_text())


def recording(page: Mapping[str, Any]) -> list[Rule]:
    """For each SLO the rates of events and bad events; for each window the share that was bad.

    Long windows are sums over the recorded rates: processes may come, go and change their names.
    """
    # For figures, not for `rate`: over several processes that comes first.
    rules = [
        _record("helium:agent_runs:total", "max by (status) (agent_runs_total)"),
        _record("helium:agent_runs:rate5m", "max by (status) (rate(agent_runs_total[5m]))"),
    ]
    for slo in page["slos"]:
        labels = {"slo": slo["name"]}
        rules += [
            _record("slo:events:rate5m", _filled(page, slo["events"]), labels),
            _record("slo:bad_events:rate5m", _bad(page, slo), labels),
            _record("slo:objective:ratio", f"vector({_number(slo['objective'] / 100)})", labels),
        ]
    rules.append(_record("slo:bad_events:ratio_rate5m", "slo:bad_events:rate5m / (slo:events:rate5m > 0)"))
    for window in windows(page):
        if window != "5m":
            rules.append(_record(f"slo:bad_events:ratio_rate{window}", _ratio(window)))
    for window in sorted({rate["long"] for rate in page["burn_rates"]}, key=seconds):
        rules.append(
            _record(f"slo:events:mean_rate{window}", f"avg_over_time(slo:events:rate5m[{window}])")
        )
    return rules


def windows(page: Mapping[str, Any]) -> list[str]:
    """Every window of a burn rate, the shortest first."""
    return sorted({rate[side] for rate in page["burn_rates"] for side in ("short", "long")}, key=seconds)


def budget(page: Mapping[str, Any]) -> list[Rule]:
    """What is left of the budget of the whole window: 1 at its start, below 0 when it is spent."""
    spent = f"({_ratio(page['window'])}) / (1 - slo:objective:ratio)"
    return [_record(f"slo:error_budget:remaining{page['window']}", f"1 - {spent}")]


def _ratio(window: str) -> str:
    rates = (f"sum_over_time(slo:{kind}:rate5m[{window}])" for kind in ("bad_events", "events"))
    return "{} / ({} > 0)".format(*rates)


def _bad(page: Mapping[str, Any], slo: Mapping[str, Any]) -> str:
    """Zero, and not nothing, where there are events of which none is bad."""
    events = _filled(page, slo["events"])
    if "good" in slo:
        return f"{events}\n- {_filled(page, slo['good'])}"
    return f"{_filled(page, slo['bad'])}\nor 0 * {events}"


def _filled(page: Mapping[str, Any], expression: str) -> str:
    endings = page["run_endings"]
    ours = "|".join(reason for reason, who in endings["failed"].items() if who["ours"])
    return expression.strip().replace("$OURS", ours).replace("$GOOD", "|".join(endings["good"]))


def burn_rates(page: Mapping[str, Any]) -> list[Rule]:
    return [_burn(page, slo, rate) for slo in page["slos"] for rate in page["burn_rates"]]


def _burn(page: Mapping[str, Any], slo: Mapping[str, Any], rate: Mapping[str, Any]) -> Rule:
    name, long, short = slo["name"], rate["long"], rate["short"]
    severity = rate["severity"] if slo["pages"] else "ticket"
    limit = _number(rate["factor"] * (1 - slo["objective"] / 100))
    guard = _number(slo["guard"][severity])
    return _alert(
        page,
        name=slo["alert"],
        expr=f'slo:bad_events:ratio_rate{long}{{slo="{name}"}} > {limit}\n'
        f'and slo:bad_events:ratio_rate{short}{{slo="{name}"}} > {limit}\n'
        f'and slo:events:mean_rate{long}{{slo="{name}"}} > {guard}',
        hold=rate["for"],
        labels={"severity": severity, "team": slo["team"], "slo": name, "burn": f"{rate['factor']}x"},
        summary=f"{name}: the error budget burns {rate['factor']} times too fast",
        description=f"{{{{ $value | humanizePercentage }}}} of the events of the last {long} were bad; "
        f"{_number(100 - slo['objective'])}% may be. {slo['promise']}",
    )


def alerts(page: Mapping[str, Any]) -> list[Rule]:
    return [
        _alert(
            page,
            name=each["alert"],
            expr=each["expr"].strip(),
            hold=each["for"],
            labels={"severity": each["severity"], "team": each["team"]},
            summary=each["summary"],
            description=each["description"],
        )
        for each in page["alerts"]
    ]


def _alert(
    page: Mapping[str, Any],
    *,
    name: str,
    expr: str,
    hold: str,
    labels: Mapping[str, str],
    summary: str,
    description: str,
) -> Rule:
    runbook = f"{page['runbooks']}/{name}.md"
    return {
        "alert": name,
        "expr": LiteralScalarString(expr + "\n"),
        "for": hold,
        "labels": dict(labels),
        "annotations": {"summary": summary, "description": description, "runbook_url": runbook},
    }


def _record(name: str, expr: str, labels: Mapping[str, str] | None = None) -> Rule:
    rule: Rule = {"record": name, "expr": LiteralScalarString(expr + "\n")}
    return {**rule, "labels": dict(labels)} if labels else rule


def _number(value: float) -> str:
    return f"{value:.10g}"


def seconds(duration: str) -> int:
    return int(duration[:-1]) * SECONDS[duration[-1]]


def rules(shrink: int = 1) -> dict[str, str]:
    """The files of rules by name."""
    page = load()
    groups = {
        "recording": [
            ("helium_slo", recording(page), None),
            ("helium_budget", budget(page), BUDGET_INTERVAL),
        ],
        "burn-rates": [("helium_burn_rates", burn_rates(page), None)],
        "alerts": [("helium_alerts", alerts(page), None)],
    }
    return {f"{name}.yaml": _file(made, shrink) for name, made in groups.items()}


def _file(groups: list[tuple[str, list[Rule], str | None]], shrink: int) -> str:
    written: list[dict[str, Any]] = []
    for name, made, interval in groups:
        pace = {"interval": interval} if interval and shrink == 1 else {}
        written.append({"name": name, **pace, "rules": [_shrunk(rule, shrink) for rule in made]})
    return MADE + _yaml({"groups": written})


def _shrunk(rule: Rule, shrink: int) -> Rule:
    if shrink == 1:
        return rule
    expr = re.sub(r"\[(\d+[smhd])\]", lambda found: f"[{_less(found[1], shrink)}]", rule["expr"])
    hold = {"for": _less(rule["for"], shrink)} if "for" in rule else {}
    return {**rule, "expr": LiteralScalarString(expr), **hold}


def _less(duration: str, shrink: int) -> str:
    return f"{seconds(duration) * 1000 // shrink}ms"


def _yaml(value: Any) -> str:
    writer = YAML(typ="rt", pure=True)
    writer.width = 4096
    writer.indent(mapping=2, sequence=4, offset=2)
    into = io.StringIO()
    writer.dump(value, into)
    return into.getvalue()


def documents() -> dict[Path, str]:
    made = {FOLDER / "rules" / name: text for name, text in rules().items()}
    boards = {
        FOLDER / "dashboards" / f"{name}.json": json.dumps(board, indent=1, ensure_ascii=False) + "\n"
        for name, board in dashboards().items()
    }
    return {**made, **boards}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shrink", type=int, default=1, help="divide all times by this")
    parser.add_argument("--to", type=Path, help="write only the rules, into this folder")
    given = parser.parse_args()
    files = documents() if given.to is None else {given.to / n: t for n, t in rules(given.shrink).items()}
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
