"""What the four Grafana dashboards show; `generate_monitoring.py` writes them.

A panel is a title, a unit and queries: `legend = expression`. The panels are Grafana's own (time series
and single figures); `$instance` and `$job` are the variables at the top.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

DATASOURCE = {"type": "prometheus", "uid": "${datasource}"}
WIDTH, HEIGHT = 8, 8
COLUMNS = 24 // WIDTH
MINE = 'job=~"$job", instance=~"$instance"'
API = f'{MINE}, route=~"/v1/.*"'
EVERY = "$__rate_interval"


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    title: str
    unit: str
    queries: Mapping[str, str]
    kind: Literal["timeseries", "stat"] = "timeseries"


def _quantile(share: float, name: str, by: str = "", more: str = "") -> str:
    return f"histogram_quantile({share}, sum by (le{by}) (rate({name}_bucket{{{MINE}{more}}}[{EVERY}])))"


def _quantiles(name: str, more: str = "") -> dict[str, str]:
    return {f"p{share * 100:.0f}": _quantile(share, name, more=more) for share in (0.5, 0.95, 0.99)}


def _rate(name: str, by: str = "", more: str = "") -> str:
    return f"sum by ({by}) (rate({name}{{{MINE}{more}}}[{EVERY}]))"


def _of_database(name: str, by: str = "", more: str = "") -> str:
    """Every process shows the same figure."""
    return f"max by ({by}) (rate({name}{{{MINE}{more}}}[{EVERY}]))"


def _sum(name: str, by: str = "", more: str = "") -> str:
    return f"sum by ({by}) ({name}{{{MINE}{more}}})"


def _max(name: str, by: str = "") -> str:
    return f"max by ({by}) ({name}{{{MINE}}})"


OVERVIEW = (
    Panel(
        title="Error budget left (30 days)",
        unit="percentunit",
        queries={"{{slo}}": "slo:error_budget:remaining30d"},
        kind="stat",
    ),
    Panel(
        title="Burn rate, 1 hour (14.4 pages)",
        unit="none",
        queries={"{{slo}}": "slo:bad_events:ratio_rate1h / on (slo) (1 - slo:objective:ratio)"},
    ),
    Panel(
        title="Alerts that fire",
        unit="none",
        queries={
            "{{alertname}} {{severity}}": "count by (alertname, severity) "
            '(ALERTS{alertstate="firing", severity!="none"})'
        },
    ),
    Panel(
        title="Requests by status",
        unit="reqps",
        queries={"{{status}}": f"sum by (status) (rate(request_duration_seconds_count{{{API}}}[{EVERY}]))"},
    ),
    Panel(
        title="API latency, without waiting for models",
        unit="s",
        queries=_quantiles(
            "request_duration_seconds",
            ', route=~"/v1/.*", route!~"/v1/responses|/v1/files.*|/v1/runs/.run_id./events"',
        ),
    ),
    Panel(
        title="Refused (429)",
        unit="reqps",
        queries={"{{reason}}": _rate("helium_refusals_total", "reason")},
    ),
    Panel(title="Runs in progress", unit="none", queries={"runs": _max("active_agents_count")}),
    Panel(
        title="Runs that ended",
        unit="ops",
        queries={"{{status}}": _of_database("agent_runs_total", "status")},
    ),
    Panel(title="Event lag, commit to viewer", unit="s", queries=_quantiles("helium_event_lag_seconds")),
    Panel(title="Viewers", unit="none", queries={"viewers": _sum("helium_viewers")}),
    Panel(
        title="Streams opened",
        unit="ops",
        queries={"{{kind}}": _rate("helium_viewer_connections_total", "kind")},
    ),
    Panel(
        title="Streams ended",
        unit="ops",
        queries={"{{reason}}": _rate("helium_viewer_ends_total", "reason")},
    ),
)

RUNS = (
    Panel(
        title="Age of the oldest due run",
        unit="s",
        queries={"age": _max("helium_queue_age_seconds")},
    ),
    Panel(title="Queued runs", unit="none", queries={"{{state}}": _max("helium_queue_runs", "state")}),
    Panel(title="From due to claimed", unit="s", queries=_quantiles("helium_claim_latency_seconds")),
    Panel(
        title="Runs that failed, by reason",
        unit="ops",
        queries={"{{reason}}": _of_database("helium_run_endings_total", "reason", ', status="failed"')},
    ),
    Panel(
        title="Budgets that ran out",
        unit="ops",
        queries={"{{reason}}": _of_database("helium_run_endings_total", "reason", ', status="incomplete"')},
    ),
    Panel(
        title="Slots",
        unit="none",
        queries={"running": _sum("helium_running_slots"), "slots": _sum("helium_slots")},
    ),
    Panel(
        title="Workers, abandoned runs",
        unit="none",
        queries={"workers": _max("helium_workers"), "abandoned": _max("helium_abandoned_runs")},
    ),
    Panel(
        title="Runs taken from workers",
        unit="ops",
        queries={"{{reason}}": _rate("helium_lease_takeovers_total", "reason")},
    ),
    Panel(
        title="Half-said answers taken back",
        unit="ops",
        queries={"{{reason}}": _rate("helium_retractions_total", "reason")},
    ),
    Panel(
        title="Steps, p95",
        unit="s",
        queries={"{{kind}}": _quantile(0.95, "helium_step_duration_seconds", ", kind")},
    ),
    Panel(
        title="Tool calls",
        unit="ops",
        queries={"{{tool}} {{outcome}}": _rate("helium_tool_calls_total", "tool, outcome")},
    ),
    Panel(
        title="Runs that began to wait for a person",
        unit="ops",
        queries={"{{kind}}": _rate("helium_actions_required_total", "kind")},
    ),
    Panel(
        title="Runs that wait for a person",
        unit="none",
        queries={"{{kind}}": _max("helium_actions_waiting", "kind")},
    ),
    Panel(
        title="The longest of them",
        unit="s",
        queries={"{{kind}}": _max("helium_action_age_seconds", "kind")},
    ),
    Panel(
        title="Buried messages",
        unit="ops",
        queries={"{{reason}}": _rate("helium_dead_letters_total", "reason")},
    ),
)

MODELS = (
    Panel(
        title="Cost per hour, US dollars",
        unit="currencyUSD",
        queries={
            "{{provider}} {{model}}": "sum by (provider, model) "
            f"(increase(helium_cost_usd_total{{{MINE}}}[1h]))"
        },
    ),
    Panel(
        title="Cost in 24 hours, US dollars",
        unit="currencyUSD",
        queries={"cost": f"sum(increase(helium_cost_usd_total{{{MINE}}}[1d]))"},
        kind="stat",
    ),
    Panel(
        title="Tokens by kind",
        unit="ops",
        queries={"{{kind}}": _rate("helium_tokens_total", "kind")},
    ),
    Panel(
        title="Tokens by model",
        unit="ops",
        queries={"{{model}}": _rate("helium_tokens_total", "model", ', kind=~"input|output"')},
    ),
    Panel(
        title="Input read from the provider's cache",
        unit="percentunit",
        queries={
            "{{provider}}": _rate("helium_tokens_total", "provider", ', kind="cached"')
            + " / "
            + _rate("helium_tokens_total", "provider", ', kind="input"')
        },
    ),
    Panel(
        title="First token, p95",
        unit="s",
        queries={"{{provider}}": _quantile(0.95, "helium_first_token_seconds", ", provider")},
    ),
    Panel(
        title="Between tokens, p95",
        unit="s",
        queries={"{{provider}}": _quantile(0.95, "helium_inter_token_seconds", ", provider")},
    ),
    Panel(
        title="Tries by outcome",
        unit="ops",
        queries={"{{provider}} {{outcome}}": _rate("helium_model_tries_total", "provider, outcome")},
    ),
    Panel(
        title="Tries that failed",
        unit="percentunit",
        queries={
            "{{provider}}": _rate("helium_model_tries_total", "provider", ', outcome!="answered"')
            + " / "
            + _rate("helium_model_tries_total", "provider")
        },
    ),
)

INFRASTRUCTURE = (
    Panel(title="Database answers", unit="none", queries={"up": _max("helium_database_up")}, kind="stat"),
    Panel(
        title="Connections of the pools",
        unit="none",
        queries={
            "{{state}}": _sum("helium_database_pool_connections", "state"),
            "limit": _sum("helium_database_pool_limit"),
        },
    ),
    Panel(
        title="Queries that wait for a connection",
        unit="none",
        queries={"{{instance}}": _sum("helium_database_pool_waiting", "instance")},
    ),
    Panel(title="Group commits", unit="s", queries=_quantiles("helium_commit_seconds")),
    Panel(
        title="Commits and renewals that failed",
        unit="ops",
        queries={
            "commits": _rate("helium_commit_failures_total"),
            "ECS protection": _rate("helium_protection_failures_total"),
            "renewals": _rate("helium_lease_renewal_failures_total"),
        },
    ),
    Panel(
        title="Cache",
        unit="ops",
        queries={
            "{{outcome}}": _rate("helium_cache_lookups_total", "outcome"),
            "failure": _rate("helium_cache_failures_total"),
        },
    ),
    Panel(
        title="Bells that were not rung",
        unit="ops",
        queries={
            "{{kind}} {{outcome}}": _rate("helium_bells_total", "kind, outcome", ', outcome!="published"')
        },
    ),
    Panel(
        title="Event loop's lag, p99",
        unit="s",
        queries={"{{instance}}": _quantile(0.99, "helium_event_loop_lag_seconds", ", instance")},
    ),
    Panel(
        title="CPU, cores",
        unit="none",
        queries={"{{instance}}": _rate("process_cpu_seconds_total", "instance")},
    ),
    Panel(
        title="Resident memory",
        unit="bytes",
        queries={"{{instance}}": _sum("process_resident_memory_bytes", "instance")},
    ),
    Panel(
        title="Processes by version",
        unit="none",
        queries={"{{version}}": _sum("helium_build_info", "version")},
    ),
    Panel(
        title="Processes and scrapes",
        unit="none",
        queries={"processes": _sum("helium_processes"), "addresses that answer": _sum("up")},
    ),
    Panel(
        title="Starts of processes in 30 minutes",
        unit="none",
        queries={
            "{{instance}} {{role}}": "sum by (instance, role) "
            f"(increase(helium_process_starts_total{{{MINE}}}[30m]))"
        },
    ),
    Panel(
        title="Days until certificates end",
        unit="d",
        queries={
            "{{instance}}": "min by (instance) "
            '(probe_ssl_earliest_cert_expiry{job="helium-probe"} - time()) / 86400'
        },
    ),
)

PAGES = {
    "overview": ("Helium: overview", OVERVIEW),
    "runs": ("Helium: runs", RUNS),
    "models": ("Helium: models and cost", MODELS),
    "infrastructure": ("Helium: infrastructure", INFRASTRUCTURE),
}


def dashboards() -> dict[str, dict[str, Any]]:
    """Each dashboard as Grafana's JSON, by the name of its file."""
    return {name: _dashboard(name, title, panels) for name, (title, panels) in PAGES.items()}


def _dashboard(name: str, title: str, panels: Sequence[Panel]) -> dict[str, Any]:
    return {
        "uid": f"helium-{name}",
        "title": title,
        "tags": ["helium"],
        "editable": False,
        "schemaVersion": 38,
        "refresh": "30s",
        "time": {"from": "now-3h", "to": "now"},
        "timezone": "utc",
        "links": [{"type": "dashboards", "title": "Helium", "tags": ["helium"], "keepTime": True}],
        "templating": {
            "list": [_datasource(), _variable("job", ""), _variable("instance", '{job=~"$job"}')]
        },
        "panels": [_panel(number, panel) for number, panel in enumerate(panels)],
    }


def _datasource() -> dict[str, Any]:
    return {"name": "datasource", "type": "datasource", "query": "prometheus", "label": "Prometheus"}


def _variable(name: str, of: str) -> dict[str, Any]:
    return {
        "name": name,
        "type": "query",
        "datasource": DATASOURCE,
        "query": {"query": f"label_values(helium_build_info{of}, {name})", "refId": name},
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
        "refresh": 2,
        "sort": 1,
    }


def _panel(number: int, panel: Panel) -> dict[str, Any]:
    row, column = divmod(number, COLUMNS)
    return {
        "id": number + 1,
        "type": panel.kind,
        "title": panel.title,
        "datasource": DATASOURCE,
        "gridPos": {"x": column * WIDTH, "y": row * HEIGHT, "w": WIDTH, "h": HEIGHT},
        "fieldConfig": {"defaults": {"unit": panel.unit}, "overrides": []},
        "targets": [
            {"refId": chr(ord("A") + at), "datasource": DATASOURCE, "expr": expr, "legendFormat": legend}
            for at, (legend, expr) in enumerate(panel.queries.items())
        ],
    }
