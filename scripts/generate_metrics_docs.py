"""Write docs/reference/metrics.md from the instruments' own descriptions.

`documents()` gives the file and its text; a test compares it with what is there.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from helium.kit.metrics import OTHER, REGISTRY  # noqa: E402
from helium.kit.metrics.registry import AnyInstrument, Label  # noqa: E402

PAGE = """# Metrics

This page is made from `backend/helium/kit/metrics/instruments.py` by `make contracts`; do not edit it.

`/metrics` answers in Prometheus's text formats. In development the main port has it, for this machine. In
production set `HELIUM_METRICS__PORT` (a port for metrics alone, for the monitoring's network), or
`HELIUM_METRICS__TOKEN` (a bearer token, which every port then asks for). With `helium up --processes N`
set the port: its supervisor answers there for all its processes, the dead ones included.

- **Over processes and hosts**, sum what has the source `process`. What has the source `database` is the
  same from everybody: take `max`, as in `max by (status) (agent_runs_total)`.
- **An instance** is one address: a process by itself, or a supervisor with all of its processes. When a
  process by itself is restarted, its counters begin at 0, which `rate` and `increase` understand. Those of
  a supervisor go on when one of its processes is replaced. Those of the database never begin again.
- **Labels** have few values, known when the process starts. Whatever else is counted as `other`.
- Times are in seconds. A histogram has `_bucket`, `_sum` and `_count`.
- Helium sends no webhooks, so there is no metric of their deliveries.

| metric | kind | source | labels |
| --- | --- | --- | --- |
"""


def page() -> str:
    instruments = list(REGISTRY.instruments.values())
    return PAGE + "".join(map(_row, instruments)) + "".join(map(_section, instruments))


def _row(instrument: AnyInstrument) -> str:
    labels = ", ".join(f"`{label.name}`" for label in instrument.labels) or "none"
    link = f"[`{instrument.name}`](#{instrument.name})"
    return f"| {link} | {instrument.kind} | {instrument.source} | {labels} |\n"


def _section(instrument: AnyInstrument) -> str:
    return "".join((f"\n## {instrument.name}\n\n{instrument.help}\n", *_facts(instrument)))


def _facts(instrument: AnyInstrument) -> Iterator[str]:
    facts = [f"`{label.name}`: {_values(label)}" for label in instrument.labels]
    if instrument.bounds:
        facts.append(f"Buckets, in seconds: {', '.join(f'{bound:g}' for bound in instrument.bounds)}.")
    if instrument.combine == "max" and instrument.source == "process":
        facts.append("Of several processes on one address the largest is shown.")
    yield from (f"\n- {fact}" if n == 0 else f"- {fact}" for n, fact in enumerate(f"{f}\n" for f in facts))


def _values(label: Label) -> str:
    if label.open_to:
        return f"{label.open_to}; else `{OTHER}`."
    return f"{', '.join(f'`{value}`' for value in label.values)}; else `{OTHER}`."


def documents() -> dict[Path, str]:
    return {ROOT / "docs/reference/metrics.md": page()}


def main() -> None:
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
