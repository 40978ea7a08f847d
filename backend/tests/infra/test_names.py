"""Both clouds' modules have the names that infra/README.md promises; the script sees what is missing."""

import importlib.util
import shutil
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture(scope="module")
def script() -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        "check_infra_names", ROOT / "scripts/check_infra_names.py"
    )
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_both_clouds_have_the_promised_names(script: ModuleType) -> None:
    assert script.differences() == []


def test_a_name_that_is_missing_or_not_promised_is_seen(script: ModuleType, tmp_path: Path) -> None:
    infra = tmp_path / "infra"
    shutil.copytree(ROOT / "infra/modules", infra / "modules")
    shutil.copy(ROOT / "infra/README.md", infra)
    variables = infra / "modules/gcp/cache/variables.tf"
    variables.write_text(variables.read_text().replace('variable "size"', 'variable "gigabytes"'))

    found = script.differences(infra)

    assert "gcp/cache: variable size is missing." in found
    assert "gcp/cache: variable gigabytes is not in infra/README.md." in found
