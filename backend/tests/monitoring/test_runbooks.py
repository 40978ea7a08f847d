"""Every alert has a page, and what stands there can be done."""

import re
from pathlib import Path
from typing import Any

import asyncpg
import pytest
import typer

from helium.cli.app import app
from tests.monitoring.pages import (
    CLOUD_ALERTS,
    PROMTOOL,
    ROOT,
    RUNBOOKS,
    alert_names,
    blocks,
    judge,
    write_yaml,
)
from tests.support.settings_names import setting_names

PAGES = sorted(path for path in RUNBOOKS.glob("*.md") if path.stem != "README")
LIMIT_LINES = 60
STATEMENTS = [(page.stem, block) for page in PAGES for block in blocks(page, "sql")]
# Commands of the release that these pages come with.
COMMANDS = set(typer.main.get_command(app).commands)  # pyright: ignore[reportAttributeAccessIssue]


def test_every_alert_has_a_page_and_every_page_an_alert() -> None:
    assert [page.stem for page in PAGES] == sorted([*alert_names(), *CLOUD_ALERTS])


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_is_short_and_says_what_to_look_at_before_what_to_do(page: Path) -> None:
    text = page.read_text()

    assert text.startswith(f"# {page.stem}\n")
    assert len(text.splitlines()) <= LIMIT_LINES
    assert 0 < text.index("\n## Look\n") < text.index("\n## Do\n")
    assert f"[{page.stem}]({page.name})" in (RUNBOOKS / "README.md").read_text()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_commands_and_settings_exist(page: Path) -> None:
    text = page.read_text()

    for target in re.findall(r"\]\(([^)#]+)\)", text):
        assert (page.parent / target).exists(), target
    for command in re.findall(r"(?:^|`)helium ([a-z]+)", text, re.MULTILINE):
        assert command in COMMANDS, command
    for name in re.findall(r"\bHELIUM_[A-Z_]+\b", text):
        assert name in {*setting_names(), "HELIUM_URL"}, name


@pytest.mark.parametrize(("page", "statement"), STATEMENTS)
async def test_statements_run_on_this_schema_and_only_read(
    page: str, statement: str, database_url: str
) -> None:
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction(readonly=True):
            rows: list[Any] = await connection.fetch(statement)
    finally:
        await connection.close()

    assert isinstance(rows, list), page


def test_prometheus_understands_every_query(tmp_path: Path) -> None:
    lines = [line for page in PAGES for block in blocks(page, "promql") for line in block.splitlines()]
    made = [{"record": f"runbook:query:{at}", "expr": line} for at, line in enumerate(lines)]
    write_yaml(tmp_path / "rules.yaml", {"groups": [{"name": "runbooks", "rules": made}]})

    found = judge(PROMTOOL, "check", "rules", tmp_path / "rules.yaml")

    assert found.ok, found.said
    assert len(lines) > len(PAGES)


def test_the_slo_page_tells_of_every_slo_and_alert() -> None:
    text = (ROOT / "docs/operations/slo.md").read_text()

    assert [name for name in alert_names() if name not in text] == []
