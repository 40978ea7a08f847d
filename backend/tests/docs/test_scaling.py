"""The page about scaling: its examples load, and its numbers are those of the code."""

import os
import re
from pathlib import Path

import pytest
from pydantic import SecretStr

from helium.bootstrap import engine_options
from helium.bootstrap.secrets import open_secret_store
from helium.cli.app import app
from helium.cli.budget import connections_needed
from helium.cli.serve import TIDY_END_SECONDS
from helium.kit.clock import SystemClock
from helium.settings import load_settings
from tests.support.settings_names import setting_names

PAGE = (Path(__file__).resolve().parents[3] / "docs/operations/scaling.md").read_text()
BLOCKS = re.findall(r"^### (.+?)\n.*?```env\n(.*?)```", PAGE, re.MULTILINE | re.DOTALL)
KINDS = ["dramatiq", "local", "cloud_tasks", "sqs", "sqs"]


@pytest.fixture(autouse=True)
def empty_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in os.environ:
        if name.startswith("HELIUM_"):
            monkeypatch.delenv(name)


def test_there_is_an_example_for_each_way_in_which_work_arrives() -> None:
    assert [re.findall(r"KIND=(\w+)", block) for _, block in BLOCKS] == [[kind] for kind in KINDS]


@pytest.mark.parametrize(("title", "block"), BLOCKS, ids=[title for title, _ in BLOCKS])
def test_an_example_is_made_of_settings_that_load(
    title: str, block: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict(line.split("=", 1) for line in block.splitlines())
    for name, value in given.items():
        monkeypatch.setenv(name, value)

    settings = load_settings()
    open_secret_store(settings, SystemClock())

    assert [name for name in given if name not in setting_names()] == []
    assert isinstance(settings.database_url, SecretStr)
    assert engine_options(settings).queue_delivers is (settings.queue.kind != "local")
    assert settings.blobs.url


@pytest.mark.parametrize("row", re.findall(r"^\| (\d+) \| (\d+) \| ([\d,]+) \| .*$", PAGE, re.MULTILINE))
def test_the_table_of_connections_is_right(
    row: tuple[str, str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, processes, needed = row
    monkeypatch.setenv("HELIUM_DATABASE__POOL_SIZE", pool)

    assert connections_needed(load_settings(), int(processes)) == int(needed.replace(",", ""))


def test_defaults_on_the_page_are_those_of_the_code() -> None:
    settings = load_settings()
    named = re.findall(r"^\| `HELIUM_LIMITS__(\w+)` \| ([\d,]+)", PAGE, re.MULTILINE)
    limits = {name.lower(): int(number.replace(",", "")) for name, number in named}

    assert limits == settings.limits.model_dump()
    assert f"HELIUM_QUEUE__OVERDUE_SECONDS` ({settings.queue.overdue_seconds:.0f})" in PAGE
    assert f"HELIUM_QUEUE__CONCURRENCY` ({settings.queue.concurrency})" in PAGE
    assert f"HELIUM_STREAM__HEARTBEAT_SECONDS` ({settings.stream.heartbeat_seconds:.0f})" in PAGE
    assert f"HELIUM_STREAM__VIEWER_BUFFER_EVENTS` ({settings.stream.viewer_buffer_events})" in PAGE
    end = settings.worker.drain_seconds + TIDY_END_SECONDS
    assert f"at {end:.0f} s the process ends" in PAGE


def test_every_setting_and_command_on_the_page_exists() -> None:
    known = setting_names()
    commands = {each.name or (each.callback and each.callback.__name__) for each in app.registered_commands}

    named = set(re.findall(r"`(HELIUM_[A-Z_]+)(?:=\w+)?`", PAGE))
    assert len(named) > 20
    assert named - known - {"HELIUM_QUEUE__KIND"} == set()
    assert set(re.findall(r"`helium ([a-z]+)", PAGE)) <= commands
