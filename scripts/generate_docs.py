"""Write the pages that follow from code: the state machine, the events, the index of error codes.

`documents()` gives every file and its text; a test compares them with what is there.
"""

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

import msgspec  # noqa: E402

from helium.core import events, states  # noqa: E402
from helium.core.errors import HeliumError  # noqa: E402

ERRORS = ROOT / "docs/reference/errors"
MADE = "This page is made by `make contracts`; do not edit it."

STATE_MACHINE = f"""# The life of a run

Made from `TRANSITIONS` in `backend/helium/core/states.py`. {MADE}

A run is in one of seven states. Four of them are final: nothing leads out of them, and the run's log
ends with the event that led there.

"""

EVENTS = f"""# Events

Made from `backend/helium/core/events.py`. {MADE}

A run's log is a list of events, numbered 1, 2, 3, … without gaps, appended and never changed.
`GET /v1/runs/{{id}}/events` gives them as server-sent events, with the number as `id`; `Last-Event-ID`
resumes after any of them. Fields that hold their default are left out.
"""

INDEX = f"""# Error codes

{MADE} Each code keeps its meaning; the sentence beside it may change.
"""


def state_machine() -> str:
    arrows = ["    [*] --> queued: run.queued"]
    arrows += [f"    {t.source} --> {t.target}: {t.event}" for t in states.TRANSITIONS]
    arrows += [f"    {status} --> [*]" for status in sorted(states.TERMINAL)]
    diagram = "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```"])
    rows = "".join(f"| {t.source} | {t.target} | `{t.event}` | {t.cause} |\n" for t in states.TRANSITIONS)
    table = f"| from | to | event | because |\n| --- | --- | --- | --- |\n{rows}"
    return f"{STATE_MACHINE}{diagram}\n\n{table}"


def event_page() -> str:
    return EVENTS + "".join(_event(kind) for kind in get_args(events.Event))


def _event(kind: Any) -> str:
    tag = kind.__struct_config__.tag
    said = " ".join((kind.__doc__ or _ending(tag)).split())
    fields = msgspec.structs.fields(kind)
    rows = "".join(f"| `{field.name}` | {_type(field.type)} | {_default(field)} |\n" for field in fields)
    table = f"\n| field | type | default |\n| --- | --- | --- |\n{rows}" if fields else ""
    return f"\n## {tag}\n\n{said}\n{table}"


def _ending(tag: str) -> str:
    return f"The run ended: {tag.removeprefix('run.')}. `usage` is what all its steps cost."


def _type(kind: Any) -> str:
    choices = [str(choice) for choice in get_args(kind)]
    if choices and all(isinstance(choice, str) for choice in get_args(kind)):
        return " or ".join(f"`{choice}`" for choice in choices)
    names = [getattr(choice, "__name__", str(choice)) for choice in get_args(kind) or (kind,)]
    if getattr(kind, "__origin__", None) is tuple:
        return "list of str"
    return " or ".join("null" if name == "NoneType" else name for name in names)


def _default(field: msgspec.structs.FieldInfo) -> str:
    if field.required:
        return "required"
    value: Any = field.default
    return f"`{value}`" if isinstance(value, str | int | float | None) else "empty"


def codes() -> dict[str, str]:
    """Every code that a caller may meet, and where: an HTTP status, or `run`."""
    found = {kind.code: str(kind.status) for kind in _errors(HeliumError)}
    for file in (ROOT / "backend/helium").rglob("*.py"):
        for code in re.findall(r"""(?:ModelFailed|failed)\(\s*"([a-z_]+)",""", file.read_text()):
            found.setdefault(code, "run")
    return dict(sorted(found.items()))


def _errors(kind: type[HeliumError]) -> Iterator[type[HeliumError]]:
    yield kind
    for below in kind.__subclasses__():
        yield from _errors(below)


def index() -> str:
    groups: dict[str, list[str]] = {"Answers of the API": [], "Ends of runs": []}
    for code, where in codes().items():
        page = ERRORS / f"{code}.md"
        said = page.read_text().split("## What happened\n\n")[1].split("\n")[0] if page.exists() else ""
        row = f"| [`{code}`]({code}.md) | {where} | {said} |\n"
        groups["Ends of runs" if where == "run" else "Answers of the API"].append(row)
    tables = [
        f"\n## {title}\n\n| code | status | what happened |\n| --- | --- | --- |\n{''.join(rows)}"
        for title, rows in groups.items()
    ]
    return INDEX + "".join(tables)


def documents() -> dict[Path, str]:
    return {
        ROOT / "docs/state-machine.md": state_machine(),
        ROOT / "docs/reference/events.md": event_page(),
        ERRORS / "README.md": index(),
    }


def main() -> None:
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
