"""The page of costs is that of the code."""

import runpy
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


def test_the_page_is_made_from_the_code() -> None:
    script: dict[str, Any] = runpy.run_path(str(ROOT / "scripts/generate_plan_docs.py"))
    expected: dict[Path, str] = script["documents"]()

    assert {path: path.read_text() for path in expected} == expected, "run `make contracts`"


def test_nothing_that_a_plan_computes_with_is_loaded_by_other_commands() -> None:
    text = (ROOT / "backend/helium/cli/plan.py").read_text()

    top = text.split("if TYPE_CHECKING:")[0]
    assert "helium.plan" not in top
    assert "matplotlib" not in text
