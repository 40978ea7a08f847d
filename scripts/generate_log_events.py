"""Write docs/reference/log-events.md from the list of events and from the code that writes them."""

import ast
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from helium.kit.log_events import LOG_EVENTS  # noqa: E402

# Where a name is made from a variable: what the variable may be.
VARIABLES = {"kit/outage": "bell|queue|queue.upkeep|protection", "cli/serve": "api|stream|worker|sweeper"}
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}

NOTHING = "(?!)"
"""Matches no name: a test says where a name cannot be read from the code."""

PAGE = """# Log events

Every line that Helium writes is one of these events, with facts as keys. This page is made from
`backend/helium/kit/log_events.py` and the code by `make contracts`; do not edit it.

A line has `event`, `level` and `timestamp`. What belongs to a request also has `request_id`; what happens
in an attempt at a run has `run_id`, `thread_id`, `workspace_id`, `worker_id` and `attempt`. No line holds a
prompt, an answer, a tool's arguments or a secret; `exception` is kinds and places without text, except on a
terminal. Events of level `error` are defects, and go to Sentry if a DSN is set. What a library says is the
event `library.said`, with `logger` and `text`.

| event | level | written by | meaning |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True, slots=True)
class Written:
    """A call of a logger: what it names, as a pattern where a part is a variable."""

    pattern: str
    level: str
    module: str

    def names(self, event: str) -> bool:
        return re.fullmatch(self.pattern, event) is not None


def written() -> Iterator[Written]:
    """Every call of a module's `log`, or of `say`, in Helium."""
    source = ROOT / "backend" / "helium"
    for path in sorted(source.rglob("*.py")):
        module = str(path.relative_to(source).with_suffix(""))
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and (level := _level(node.func)):
                yield Written(_pattern(node.args[0], module), level, module)


def _level(called: ast.expr) -> str | None:
    """Of `log.warning` and the like, and of `say`; None for what is no logger's."""
    match called:
        case ast.Attribute(value=ast.Name("log"), attr=method) if method in LEVELS:
            return "error" if method == "exception" else method
        case ast.Name("say"):
            return "info"
        case _:
            return None


def _pattern(name: ast.expr, module: str) -> str:
    match name:
        case ast.Constant(value=str(text)):
            return re.escape(text)
        case ast.JoinedStr(values=parts):
            return "".join(_pattern(part, module) for part in parts)
        case ast.FormattedValue() if module in VARIABLES:
            return f"({VARIABLES[module]})"
        case _:
            return NOTHING


def page() -> str:
    calls = list(written())
    rows: list[str] = []
    for event, meaning in sorted(LOG_EVENTS.items()):
        levels = sorted({call.level for call in calls if call.names(event)})
        modules = sorted({f"`{call.module}`" for call in calls if call.names(event)})
        rows.append(f"| `{event}` | {', '.join(levels)} | {', '.join(modules)} | {meaning} |\n")
    return PAGE + "".join(rows)


def documents() -> dict[Path, str]:
    return {ROOT / "docs/reference/log-events.md": page()}


def main() -> None:
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
