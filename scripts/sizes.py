"""Hold the size limits: functions, modules, tests, TypeScript files.

Exceptions stand in scripts/sizes.ratchet with their present size; they may shrink, never grow.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RATCHET = ROOT / "scripts" / "sizes.ratchet"
FUNCTION, TEST_FUNCTION, MODULE, TYPESCRIPT = 50, 40, 400, 250
GENERATED = {"node_modules", "out", ".next"}


def sizes() -> Iterator[tuple[str, int, int]]:
    """Everything that is measured: its name, its lines, its limit."""
    for folder in ("backend/helium", "backend/bench", "backend/chaos", "backend/tests", "scripts"):
        for path in sorted((ROOT / folder).rglob("*.py")):
            yield from _module(path)
    for path in sorted((ROOT / "frontend").rglob("*.ts*")):
        if path.suffix in {".ts", ".tsx"} and not _is_generated(path):
            yield _name(path), _lines(path), TYPESCRIPT


def _module(path: Path) -> Iterator[tuple[str, int, int]]:
    yield _name(path), _lines(path), MODULE
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            lines = (node.end_lineno or node.lineno) - node.lineno + 1
            limit = TEST_FUNCTION if node.name.startswith("test_") else FUNCTION
            yield f"{_name(path)}::{node.name}", lines, limit


def _is_generated(path: Path) -> bool:
    return bool(GENERATED & set(path.parts)) or ".gen." in path.name or path.name.endswith(".d.ts")


def _name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _lines(path: Path) -> int:
    return len(path.read_text().splitlines())


def ratchet() -> dict[str, int]:
    """The exceptions: `path[::function] lines`."""
    entries = [line.split() for line in RATCHET.read_text().splitlines() if line and line[0] != "#"]
    return {name: int(lines) for name, lines in entries}


def complaints() -> Iterator[str]:
    exceptions = ratchet()
    for name, lines, limit in sizes():
        allowed = exceptions.pop(name, None)
        if allowed is not None and lines < allowed:
            yield f"{name} shrank to {lines} lines: lower its number in scripts/sizes.ratchet"
        elif lines > (allowed or limit):
            yield f"{name} has {lines} lines; the limit is {allowed or limit}: split it"
    for name in exceptions:
        yield f"{name} is gone: delete its line in scripts/sizes.ratchet"


if __name__ == "__main__":
    found = list(complaints())
    print("\n".join(found) or "Sizes: within their limits.")
    sys.exit(bool(found))
