"""The golden transcripts: what the engine writes today, and what both folds make of it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest

from helium.core.events import Event, LoggedEvent
from helium.core.fold import EMPTY, fold

from .scenarios import SCENARIOS, transcript

FOLDER = Path(__file__).parents[3] / "contracts/transcripts"


def stored(name: str) -> dict[str, Any]:
    return json.loads((FOLDER / f"{name}.json").read_text())


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_transcript_is_what_the_engine_writes_today(name: str) -> None:
    assert await transcript(name) == stored(name), "run `make contracts`"


@pytest.mark.parametrize("name", SCENARIOS)
def test_a_stored_transcript_folds_to_its_view(name: str) -> None:
    told = stored(name)
    log = [
        LoggedEvent(seq=line["seq"], event=msgspec.convert(line["event"], Event), created_at=0.0)
        for line in told["events"]
    ]

    assert fold(EMPTY, log).as_json() == told["view"]


def test_there_is_no_transcript_without_a_scenario() -> None:
    assert {path.stem for path in FOLDER.glob("*.json")} == set(SCENARIOS)
