"""The page of metrics is that of the code."""

import re
import runpy
from pathlib import Path
from typing import Any

import pytest

from helium.kit.metrics import REGISTRY
from helium.kit.metrics.registry import AnyInstrument

ROOT = Path(__file__).parents[3]
KEPT = ("agent_runs_total", "request_duration_seconds", "active_agents_count")
INSTRUMENTS = list(REGISTRY.instruments.values())


def test_the_page_is_that_of_the_code() -> None:
    script: dict[str, Any] = runpy.run_path(str(ROOT / "scripts/generate_metrics_docs.py"))
    expected: dict[Path, str] = script["documents"]()

    assert {path: path.read_text() for path in expected} == expected, "run `make contracts`"


def test_the_names_of_the_founding_document_are_kept() -> None:
    assert [name for name in KEPT if name not in REGISTRY.instruments] == []


@pytest.mark.parametrize("instrument", INSTRUMENTS, ids=lambda i: i.name)
def test_an_instrument_is_named_as_prometheus_wants_it_and_says_what_it_is(
    instrument: AnyInstrument,
) -> None:
    own = instrument.name in KEPT or instrument.name.startswith(("helium_", "process_"))

    assert own
    assert re.fullmatch(r"[a-z][a-z_]+[a-z]", instrument.name)
    assert instrument.name.endswith("_total") == (instrument.kind == "counter")
    assert instrument.kind != "histogram" or (instrument.name.endswith("_seconds") and instrument.bounds)
    assert list(instrument.bounds) == sorted(set(instrument.bounds))
    assert instrument.help.endswith(".")
    assert len({label.name for label in instrument.labels}) == len(instrument.labels)
