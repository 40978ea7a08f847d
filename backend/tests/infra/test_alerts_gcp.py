"""The alerts for Google Cloud, as Terraform writes them: they are PromQL, and fire when they should."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[3]
MODULE = ROOT / "infra/modules/gcp/monitoring"
EXPRESSION = (
    "jsonencode({alerts = {for name, alert in local.alerts : name => alert.query},"
    " charts = [for chart in local.charts : chart.query]})"
)
INPUTS = {
    "name": "helium",
    "environment": "prod",
    "services": {"api": "helium-backend", "stream": "helium-stream", "worker": "helium-worker"},
    "queue": {"name": "agent-processing", "dead_name": "agent-processing-dead"},
    "cache": "helium-redis",
    "backup": "helium-backup",
    "domain": "api.example.com",
    "notification_channels": ["projects/p/notificationChannels/1"],
    "budget_monthly": 400,
}
HOURS = 30
API = 'monitored_resource="cloud_run_revision",service_name="helium-backend"'
WORKER = 'monitored_resource="cloud_run_revision",service_name="helium-worker"'


def counts(labels: str, status: str, per_minute: float) -> dict[str, str]:
    """Requests that came for some hours at this rate."""
    series = f'run_googleapis_com:request_count{{{labels},response_code_class="{status}"}}'
    return {"series": series, "values": f"0+{per_minute}x{HOURS * 60}"}


def depth(queue: str, messages: int) -> dict[str, str]:
    series = f'cloudtasks_googleapis_com:queue_depth{{queue_id="{queue}"}}'
    return {"series": series, "values": f"{messages}+0x{HOURS * 60}"}


def backup_at(hour: int) -> dict[str, str]:
    """One backup, completed this many hours after the beginning."""
    series = 'logging_googleapis_com:user_helium_backups_made{monitored_resource="cloud_run_job"}'
    return {"series": series, "values": f"0+0x{hour * 60} 1+0x{(HOURS - hour) * 60}"}


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What Terraform makes of the module's local values, without its resources: no provider is needed."""
    for program in ("terraform", "promtool"):
        if shutil.which(program) is None:
            message = f"{program} is not there"
            pytest.fail(message) if os.environ.get("CI") else pytest.skip(message)
    folder = tmp_path_factory.mktemp("monitoring")
    shutil.copy(MODULE / "variables.tf", folder)
    for file in ("main.tf", "alerts.tf", "dashboard.tf"):
        text = re.split(r'^(?:resource|data) "', (MODULE / file).read_text(), maxsplit=1, flags=re.M)[0]
        (folder / file).write_text(re.sub(r"google_monitoring_uptime_check_config[\w.]+", '"check"', text))
    (folder / "inputs.auto.tfvars.json").write_text(json.dumps(INPUTS))
    command = ["terraform", f"-chdir={folder}", "console"]
    run = subprocess.run(command, input=EXPRESSION, capture_output=True, text=True, timeout=60, check=True)
    return json.loads(json.loads(run.stdout))


def rules_in(folder: Path, alerts: dict[str, str]) -> Path:
    path = folder / "rules.json"
    rules = [{"alert": name, "expr": query} for name, query in alerts.items()]
    path.write_text(json.dumps({"groups": [{"name": "all", "rules": rules}]}))
    return path


def test_every_query_is_promql(queries: dict[str, Any], tmp_path: Path) -> None:
    charts = {f"chart-{number}": query for number, query in enumerate(queries["charts"])}
    path = rules_in(tmp_path, queries["alerts"] | charts)

    checked = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, timeout=60, check=False
    )

    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert f"{len(queries['alerts']) + len(charts)} rules found" in checked.stdout


@pytest.mark.parametrize(
    ("alert", "fires", "series"),
    [
        ("api-availability-page", True, [counts(API, "2xx", 980), counts(API, "5xx", 20)]),
        ("api-availability-page", False, [counts(API, "2xx", 998), counts(API, "5xx", 2)]),
        ("api-availability-page", False, [counts(API, "2xx", 0.5), counts(API, "5xx", 0.5)]),
        ("api-availability-ticket", True, [counts(API, "2xx", 998), counts(API, "5xx", 2)]),
        ("api-availability-ticket", False, [counts(API, "2xx", 9995), counts(API, "5xx", 5)]),
        ("backup-missing", True, [counts(WORKER, "2xx", 1)]),
        ("backup-missing", True, [backup_at(3)]),
        ("backup-missing", False, [backup_at(5)]),
        ("dead-letters", True, [depth("agent-processing", 0), depth("agent-processing-dead", 1)]),
        ("dead-letters", False, [depth("agent-processing", 9), depth("agent-processing-dead", 0)]),
        ("sweep-silent", True, [counts(WORKER, "5xx", 1)]),
        ("sweep-silent", True, [counts(WORKER, "2xx", 0)]),
        ("sweep-silent", False, [counts(WORKER, "2xx", 1)]),
    ],
)
def test_an_alert_fires_when_it_should(
    queries: dict[str, Any], tmp_path: Path, alert: str, fires: bool, series: list[dict[str, str]]
) -> None:
    expected = [{"exp_labels": {}}] if fires else []
    cases = {
        "rule_files": [rules_in(tmp_path, {alert: queries["alerts"][alert]}).name],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": series,
                "alert_rule_test": [{"eval_time": f"{HOURS}h", "alertname": alert, "exp_alerts": expected}],
            }
        ],
    }
    (tmp_path / "test.json").write_text(json.dumps(cases))

    tested = subprocess.run(
        ["promtool", "test", "rules", "test.json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert tested.returncode == 0, tested.stdout + tested.stderr
