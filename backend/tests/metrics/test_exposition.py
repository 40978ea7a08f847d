"""What Prometheus reads: its own parser and `promtool` understand it."""

import subprocess
from pathlib import Path
from typing import Any

from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families

from helium.adapters.prometheus import Exposition
from helium.kit.metrics import REGISTRY, Registry, Snapshot
from helium.kit.metrics import instruments as metrics
from helium.kit.metrics.registry import Label
from tests.support.servers import require

PROMTOOL = Path("/usr/bin/promtool")
OPENMETRICS = "application/openmetrics-text; version=1.0.0"


def exposition(database: Snapshot | None = None) -> Exposition:
    registry = Registry()
    registry.counter("seen_total", "Seen.", Label("kind", ("a",)))
    registry.histogram("took_seconds", "Took.", (0.1, 1.0))
    registry.gauge("runs", "Runs.", source="database")
    registry.instruments["seen_total"].of("a").add(3)
    for value in (0.05, 0.5, 5):
        registry.instruments["took_seconds"].of().observe(value)

    async def read() -> Snapshot:
        return database or {}

    return Exposition(registry, registry.snapshot, None if database is None else read)


def samples(families: Any) -> dict[tuple[str, tuple[str, ...]], float]:
    return {(s.name, tuple(s.labels.values())): s.value for family in families for s in family.samples}


EXPECTED = {
    ("seen_total", ("a",)): 3.0,
    ("took_seconds_bucket", ("0.1",)): 1.0,
    ("took_seconds_bucket", ("1.0",)): 2.0,
    ("took_seconds_bucket", ("+Inf",)): 3.0,
    ("took_seconds_count", ()): 3.0,
    ("took_seconds_sum", ()): 5.55,
    ("runs", ()): 12.0,
}


async def test_counts_are_written_as_prometheus_reads_them() -> None:
    text, content_type = await exposition({("runs", ()): [12.0]}).text("")

    assert content_type.startswith("text/plain; version=0.0.4")
    assert samples(text_string_to_metric_families(text.decode())) == EXPECTED


async def test_who_asks_for_openmetrics_gets_it() -> None:
    text, content_type = await exposition({("runs", ()): [12.0]}).text(OPENMETRICS)

    assert content_type.startswith("application/openmetrics-text")
    assert samples(parse_openmetrics(text.decode())) == EXPECTED


async def test_promtool_has_nothing_to_say_against_our_instruments() -> None:
    require(PROMTOOL)
    REGISTRY.prepare()
    metrics.COST.of("openai", "openai:gpt-5").add(0.5)
    metrics.REQUEST_SECONDS.of("GET", "other", "404").observe(0.1)
    database: Snapshot = {
        (i.name, tuple(label.values[0] for label in i.labels)): [1.0]
        for i in REGISTRY.instruments.values()
        if i.source == "database"
    }

    async def read() -> Snapshot:
        return database

    text, _ = await Exposition(REGISTRY, REGISTRY.snapshot, read).text("")
    checked = subprocess.run([PROMTOOL, "check", "metrics"], input=text, capture_output=True, timeout=30)

    # Its one complaint is about a name that the founding document gave.
    assert checked.stderr.decode().splitlines() == [
        'active_agents_count non-histogram and non-summary metrics should not have "_count" suffix'
    ]
    assert b"agent_runs_total" in text
