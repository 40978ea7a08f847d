"""Checkov finds nothing in the Terraform code, and what it is told to pass over has a written reason.

It pins packages that Helium has in other versions, so it has an environment of its own: `.venv-checkov`, or
the program that `HELIUM_TEST_CHECKOV` names. Without it the slow tests are skipped; in CI they fail.
"""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.servers import require

ROOT = Path(__file__).resolve().parents[3]
CONFIG = ROOT / "infra/checkov.yaml"
SKIP = re.compile(r"#checkov:skip=(\w+)(?::(.*))?")
LEAST_WORDS = 5


def checkov(folder: Path) -> subprocess.CompletedProcess[str]:
    """Checkov with our configuration, offline, on the folder `infra` of this folder."""
    program = Path(os.environ.get("HELIUM_TEST_CHECKOV") or ROOT / ".venv-checkov/bin/checkov")
    require(program)
    return subprocess.run(
        ["nice", "-n", "19", program, "--config-file", CONFIG],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


@pytest.mark.terraform
@pytest.mark.timeout(320)
def test_checkov_finds_nothing() -> None:
    looked = checkov(ROOT)

    assert looked.returncode == 0, looked.stdout + looked.stderr
    passed = [int(count) for count in re.findall(r"Passed checks: (\d+), Failed checks: 0", looked.stdout)]
    assert len(passed) == 2, "modules and stacks"
    assert min(passed) > 200


@pytest.mark.terraform
@pytest.mark.timeout(320)
def test_checkov_finds_a_mistake_in_either_cloud(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "infra/modules", tmp_path / "infra/modules")
    (tmp_path / "infra/stacks").mkdir()
    for file, old, new in (
        ("aws/database/main.tf", "publicly_accessible    = false", "publicly_accessible = true"),
        ("gcp/blobs/main.tf", '"enforced"', '"inherited"'),
    ):
        path = tmp_path / "infra/modules" / file
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    looked = checkov(tmp_path)

    assert looked.returncode == 1
    assert {"CKV_AWS_17", "CKV_GCP_114"} <= set(re.findall(r"CKV\w+", looked.stdout))


def test_whatever_is_skipped_for_one_resource_has_a_reason() -> None:
    skips = [
        (file.relative_to(ROOT).as_posix(), *found.groups(""))
        for file in sorted((ROOT / "infra").rglob("*.tf"))
        for found in SKIP.finditer(file.read_text())
    ]

    assert len(skips) > 20
    assert [skip for skip in skips if len(skip[2].split()) < LEAST_WORDS] == []


def test_whatever_is_skipped_everywhere_stands_under_a_reason() -> None:
    lines = CONFIG.read_text().partition("skip-check:\n")[2].splitlines()
    reason = ""
    for line in lines:
        if line.strip().startswith("# "):
            reason += line
        else:
            assert re.match(r"  - CKV2?_AWS_\d+( # .+)?$", line), line
            assert len(reason.split()) > LEAST_WORDS, f"{line.strip()} has no reason"


def test_checkov_is_asked_nothing_of_the_internet() -> None:
    assert "skip-download: true" in CONFIG.read_text()
