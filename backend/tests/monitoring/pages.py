"""What is in infra/monitoring, and the programs that judge it."""

import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from ruamel.yaml import YAML

from tests.support.servers import require

ROOT = Path(__file__).resolve().parents[3]
FOLDER = ROOT / "infra/monitoring"
RUNBOOKS = ROOT / "docs/operations/runbooks"
PROMTOOL = Path("/usr/bin/promtool")
AMTOOL = Path("/usr/bin/amtool")
CLOUD_ALERTS = ("BackupMissing",)
"""Alerts of the clouds' own monitoring: Prometheus knows of no backup."""
BLOCK = re.compile(r"```(\w+)\n(.*?)```", re.DOTALL)


def _generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "generate_monitoring", ROOT / "scripts/generate_monitoring.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


generator = _generator()


def read_yaml(path: Path) -> Any:
    return YAML(typ="safe", pure=True).load(path.read_text())


def write_yaml(path: Path, value: Any) -> None:
    with path.open("w") as into:
        YAML(typ="safe", pure=True).dump(value, into)


def rules() -> Iterator[dict[str, Any]]:
    for path in sorted((FOLDER / "rules").glob("*.yaml")):
        for group in read_yaml(path)["groups"]:
            yield from group["rules"]


def alerts() -> list[dict[str, Any]]:
    """All alerting rules; an SLO's have one name and different `burn`."""
    return [rule for rule in rules() if "alert" in rule]


def alert_names() -> list[str]:
    return sorted({rule["alert"] for rule in alerts()})


@dataclass(frozen=True, slots=True)
class Verdict:
    ok: bool
    said: str
    """Both outputs; `answer` is the first alone."""
    answer: str


def judge(program: Path, *arguments: object, seconds: float = 300.0) -> Verdict:
    """Run promtool or amtool."""
    require(program)
    command = [str(program), *(str(argument) for argument in arguments)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
    return Verdict(ran.returncode == 0, ran.stdout + ran.stderr, ran.stdout)


def blocks(page: Path, language: str) -> list[str]:
    """The code blocks of a page, those in lists too."""
    text = re.sub(r"^ {2}", "", page.read_text(), flags=re.MULTILINE)
    return [body.strip() for found, body in BLOCK.findall(text) if found == language]
