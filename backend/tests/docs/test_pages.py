"""The pages name what exists, and what follows from code is up to date."""

import ast
import importlib
import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from helium.core.states import TRANSITIONS

ROOT = Path(__file__).parents[3]
DOCS = ROOT / "docs"
PAGES = sorted(DOCS.rglob("*.md"))
NAMED = re.compile(r"`([\w./-]+\.(?:py|ts|tsx))(?:::([\w.]+))?`")


def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts/generate_docs.py"))


def test_the_generated_pages_are_those_of_the_code() -> None:
    expected: dict[Path, str] = script()["documents"]()

    assert {path: path.read_text() for path in expected} == expected, "run `make contracts`"


def test_every_transition_is_in_the_picture() -> None:
    page = (DOCS / "state-machine.md").read_text()

    missing = [t for t in TRANSITIONS if f"{t.source} --> {t.target}: {t.event}" not in page]
    assert missing == []


def test_every_error_code_has_a_page_and_every_page_a_code() -> None:
    pages = {path.stem for path in (DOCS / "reference/errors").glob("*.md")} - {"README"}

    assert pages == set(script()["codes"]())


@pytest.mark.parametrize(
    "page", sorted((DOCS / "reference/errors").glob("[a-z]*.md")), ids=lambda p: p.stem
)
def test_an_error_page_says_what_happened_and_what_to_do(page: Path) -> None:
    text = page.read_text()

    assert text.startswith(f"# {page.stem}\n")
    assert "## What happened\n\n" in text
    assert "## What to do\n\n" in text


def test_the_life_of_a_run_names_what_exists() -> None:
    named = NAMED.findall((DOCS / "life-of-a-run.md").read_text())

    assert len(named) > 40
    assert [name for name in named if not _exists(*name)] == []


def _exists(path: str, name: str) -> bool:
    file = ROOT / path if path.startswith("frontend/") else ROOT / "backend/helium" / path
    if not file.exists():
        return False
    if not name:
        return True
    if file.suffix != ".py":
        return re.search(rf"export (async )?(function|const|type) {name}\b", file.read_text()) is not None
    return name in _definitions(ast.parse(file.read_text()))


def _definitions(tree: ast.Module) -> set[str]:
    found: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = [n.name for n in node.body if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
            found |= {f"{node.name}.{method}" for method in inner}
    return found


def test_the_glossary_names_what_exists() -> None:
    rows = re.findall(r"^\| (\w+) \|.*\| `([\w.]+)`(?: \(field `(\w+)`\))? \|$", _glossary(), re.MULTILINE)

    assert len(rows) > 25
    assert [row for row in rows if not _known(row[1], row[2])] == []


def _glossary() -> str:
    return (DOCS / "glossary.md").read_text()


def _known(dotted: str, field: str) -> bool:
    module, _, name = dotted.rpartition(".")
    value = getattr(importlib.import_module(f"helium.{module}"), name, None)
    return value is not None and (not field or field in value.__dataclass_fields__)


def test_every_protocol_of_the_engine_is_in_the_glossary_or_on_the_ports_page() -> None:
    named = set(re.findall(r"`ports\.(\w+)`", _glossary()))

    assert named >= {"Model", "Tool", "RunStore", "Bell", "Lease", "ClaimedRun", "RunRow"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(DOCS)))
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)(?:#[^)]*)?\)", page.read_text())

    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.parametrize("page", sorted((DOCS / "decisions").glob("*.md")), ids=lambda page: page.stem)
def test_a_decision_is_one_page_with_four_parts(page: Path) -> None:
    text = page.read_text()

    parts = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert parts == ["Context", "Decision", "Consequences", "Alternatives"]
    assert len(text.splitlines()) <= 120
