"""The list of the log's events is that of the code, and the page is that of the list."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from helium.kit.log_events import LOG_EVENTS

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def script() -> dict[str, Any]:
    return runpy.run_path(str(ROOT / "scripts/generate_log_events.py"))


def test_every_line_of_the_code_has_a_name_on_the_list(script: dict[str, Any]) -> None:
    unknown = [
        (call.module, call.pattern)
        for call in script["written"]()
        if not any(call.names(event) for event in LOG_EVENTS)
    ]
    assert unknown == [], "give them a line in helium/kit/log_events.py, and run `make contracts`"


def test_every_name_on_the_list_is_written_somewhere(script: dict[str, Any]) -> None:
    calls = list(script["written"]())
    assert [event for event in LOG_EVENTS if not any(call.names(event) for call in calls)] == []


def test_names_are_noun_and_past_or_state_and_have_a_sentence() -> None:
    for event, meaning in LOG_EVENTS.items():
        assert re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", event), event
        assert meaning.endswith("."), event


def test_the_page_is_that_of_the_list(script: dict[str, Any]) -> None:
    expected: dict[Path, str] = script["documents"]()
    assert {path: path.read_text() for path in expected} == expected, "run `make contracts`"
