"""Write `frontend/lib/stream/events.ts` from the event log's vocabulary; with `--check`, only compare."""

import argparse
import sys
from pathlib import Path
from typing import Any, get_args

import msgspec

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))
TARGET = ROOT / "frontend" / "lib" / "stream" / "events.ts"

from helium.core import budget, events, items, states  # noqa: E402 - after the path is set

HEAD = """/** The event log's vocabulary. Made by `make contracts` from `core/events.py` and `core/items.py`.
 * Fields that have a default on the server are left out of the wire when they hold it. */
"""
TAIL = """/** An event at its place in the log. `at` is the server's clock, in ISO 8601. */
export type LoggedEvent = { seq: number; at?: string; event: Event };
"""
ALIASES: dict[str, Any] = {
    "ItemStatus": items.ItemStatus,
    "DeltaPart": events.DeltaPart,
    "StepKind": events.StepKind,
    "ActionKind": msgspec.structs.fields(events.ActionRequired)[1].type,
    "RunStatus": states.RunStatus,
}
UNIONS: dict[str, Any] = {"Part": items.Part, "Item": items.Item, "Event": events.Event}


def document() -> str:
    parts = [HEAD]
    parts += [f"export type {name} = {literal(kind)};\n" for name, kind in ALIASES.items()]
    parts += ["\n", struct(budget.Usage), "\n"]
    for name, union in UNIONS.items():
        members = get_args(union)
        parts += [struct(member) for member in members]
        names = "".join(f"\n  | {member.__name__}" for member in members)
        parts.append(f"export type {name} ={names};\n\n")
    return "".join(parts) + TAIL


def literal(kind: Any) -> str:
    return " | ".join(f'"{value}"' for value in get_args(kind))


def struct(cls: Any) -> str:
    tag = cls.__struct_config__.tag
    lines = [f'  type: "{tag}";\n'] if tag else []
    for field in msgspec.structs.fields(cls):
        optional = "" if field.required else "?"
        lines.append(f"  {field.name}{optional}: {typescript(field.type)};\n")
    return f"export type {cls.__name__} = {{\n{''.join(lines)}}};\n"


def typescript(kind: Any) -> str:
    for name, known in {**ALIASES, **UNIONS}.items():
        if kind == known:
            return name
    simple = {str: "string", int: "number", float: "number", bool: "boolean", type(None): "null"}
    if kind in simple:
        return simple[kind]
    if getattr(kind, "__origin__", None) is tuple:
        return f"{typescript(get_args(kind)[0])}[]"
    if isinstance(kind, type):
        return kind.__name__
    arguments = get_args(kind)
    if all(isinstance(argument, str) for argument in arguments):
        return literal(kind)
    return " | ".join(typescript(argument) for argument in arguments)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="fail if the file is not up to date")
    text = document()
    if not parser.parse_args().check:
        TARGET.write_text(text)
        return 0
    if TARGET.exists() and TARGET.read_text() == text:
        return 0
    print(f"{TARGET.relative_to(ROOT)} is out of date: run `make contracts`.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
