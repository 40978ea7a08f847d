"""The parsed Terraform of AWS: its blocks as Python sees them."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

ROOT = Path(__file__).resolve().parents[3]
MODULES = ROOT / "infra/modules/aws"
STACKS = [ROOT / "infra/stacks/aws-staging", ROOT / "infra/stacks/aws-prod"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """A block with its labels: `resource "aws_lb" "this"` is of the kind `resource`."""

    file: Path
    kind: str
    type: str
    name: str
    body: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.file.relative_to(ROOT)}: {self.type}.{self.name}".replace("..", ".")


def files(*folders: Path) -> list[Path]:
    """All `.tf` files of AWS, or of these folders."""
    return sorted(file for folder in folders or (MODULES, *STACKS) for file in folder.rglob("*.tf"))


def blocks(kind: str, *types: str, within: Path | None = None) -> list[Block]:
    """All blocks of a kind, of these types if any are named."""
    found = [block for file in files(*([within] if within else [])) for block in _blocks(file)]
    return [block for block in found if block.kind == kind and (not types or block.type in types)]


def lines_about(pattern: str, within: Path | None = None) -> list[tuple[Path, int, str]]:
    """Each line, with its number, that matches: for what stands inside `jsonencode`."""
    return [
        (file, number, line)
        for file in files(*([within] if within else []))
        for number, line in enumerate(file.read_text().splitlines())
        if re.search(pattern, line)
    ]


def first(body: dict[str, Any], name: str) -> dict[str, Any]:
    """The one nested block of this name."""
    (found,) = body[name]
    return found


@cache
def _blocks(file: Path) -> tuple[Block, ...]:
    parsed = _plain(hcl2.loads(file.read_text()))
    return tuple(block for kind, bodies in parsed.items() if isinstance(bodies, list) for body in bodies
                 for block in _labelled(file, kind, body))  # fmt: skip


def _labelled(file: Path, kind: str, body: dict[str, Any]) -> Iterator[Block]:
    """One block; the parser nests a block's body in its labels."""
    labels: list[str] = []
    count = {"resource": 2, "data": 2, "locals": 0, "terraform": 0}.get(kind, 1)
    while len(labels) < count:
        ((label, body),) = body.items()
        labels.append(label)
    type_, name = [*labels, "", ""][:2]
    yield Block(file=file, kind=kind, type=type_, name=name, body=body)


def _plain(value: Any) -> Any:
    """Without the parser's quotes around texts and its notes."""
    if isinstance(value, dict):
        return {_plain(key): _plain(each) for key, each in value.items() if not str(key).startswith("__")}
    if isinstance(value, list):
        return [_plain(each) for each in value]
    if isinstance(value, str) and len(value) > 1 and value[0] == value[-1] == '"':
        return value[1:-1]
    return value
