"""Write docs/reference/settings.md and .env.example from the settings' own descriptions."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from pydantic import BaseModel  # noqa: E402
from pydantic.fields import FieldInfo  # noqa: E402

from helium.settings import Settings, variable  # noqa: E402


@dataclass(frozen=True, slots=True)
class Row:
    """One setting, as both documents show it."""

    group: str
    name: str
    default: str
    description: str


# What pydantic cannot say: a default that depends on the machine.
DEFAULTS = {"HELIUM_HOME": "~/.local/share/helium; for root /var/lib/helium"}

PAGE = """# Settings

All settings are environment variables. This page is made from `backend/helium/settings.py` by
`make contracts`; do not edit it.

An empty variable counts as one that is not set. Models and their keys use their providers' own
variables (`OPENAI_API_KEY`, `ANTHROPIC_API_KEY`, …).
"""

EXAMPLE = """# Helium's settings with their defaults; made by `make contracts`, do not edit.
# Export what you change: `make run` passes the environment on.
"""


def rows() -> Iterator[Row]:
    for name, field in Settings.model_fields.items():
        if not _is_group(field.annotation):
            yield _row("General", (name,), field)
    for name, field in Settings.model_fields.items():
        if _is_group(field.annotation):
            for inner, inner_field in field.annotation.model_fields.items():
                yield _row(str(field.description).rstrip("."), (name, inner), inner_field)


def _is_group(annotation: Any) -> bool:
    return isinstance(annotation, type) and issubclass(annotation, BaseModel)


def _row(group: str, path: tuple[str, ...], field: FieldInfo) -> Row:
    name = variable(*path)
    default = DEFAULTS.get(name) or ("" if field.default is None else _written(field.default))
    return Row(group, name, default, f"{field.description}{_choices(field)}")


def _written(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(field: FieldInfo) -> str:
    choices = [choice for choice in get_args(field.annotation) if isinstance(choice, str)]
    return f" One of {', '.join(f'`{choice}`' for choice in choices)}." if choices else ""


def page() -> str:
    parts, group = [PAGE], ""
    for row in rows():
        if row.group != group:
            group = row.group
            parts.append(f"\n## {group}\n\n| variable | default | meaning |\n| --- | --- | --- |\n")
        default = f"`{row.default}`" if row.default else "none"
        parts.append(f"| `{row.name}` | {default} | {row.description} |\n")
    return "".join(parts)


def example() -> str:
    parts, group = [EXAMPLE], ""
    for row in rows():
        if row.group != group:
            group = row.group
            parts.append(f"\n# --- {group} ---\n")
        parts.append(f"\n# {row.description}\n# {row.name}={row.default}\n")
    return "".join(parts)


def documents() -> dict[Path, str]:
    return {ROOT / "docs/reference/settings.md": page(), ROOT / ".env.example": example()}


def main() -> None:
    for path, text in documents().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


if __name__ == "__main__":
    main()
