"""Both clouds' Terraform modules have the variables and outputs that infra/README.md promises."""

import re
import sys
from collections import defaultdict
from pathlib import Path

INFRA = Path(__file__).resolve().parents[1] / "infra"
EVERYWHERE = {"name", "environment", "labels"}
KINDS = ("variable", "output")
ROW = re.compile(r"^\| `(\w+)` \| (?:(gcp|aws) \| )?(.+) \| (.+) \|$", re.M)


def promised(readme: str) -> dict[tuple[str, str, str], set[str]]:
    """Names by cloud, module and kind: from the tables with a row for each module."""
    found: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for module, only, *cells in ROW.findall(readme):
        for cloud in [only] if only else ["gcp", "aws"]:
            for kind, cell in zip(KINDS, cells, strict=True):
                found[cloud, module, kind] |= set(re.findall(r"`(\w+)`", cell))
            found[cloud, module, "variable"] |= EVERYWHERE
    return found


def declared(module: Path, kind: str) -> set[str]:
    text = "\n".join(file.read_text() for file in sorted(module.glob("*.tf")))
    return set(re.findall(rf'^{kind} "(\w+)"', text, re.M))


def differences(infra: Path = INFRA) -> list[str]:
    """A sentence for each name that is missing or is not promised."""
    found: list[str] = []
    for (cloud, module, kind), names in sorted(promised((infra / "README.md").read_text()).items()):
        there = declared(infra / "modules" / cloud / module, kind)
        found += [f"{cloud}/{module}: {kind} {name} is missing." for name in sorted(names - there)]
        found += [
            f"{cloud}/{module}: {kind} {name} is not in infra/README.md." for name in sorted(there - names)
        ]
    return found


if __name__ == "__main__":
    problems = differences()
    print("\n".join(problems) or "Both clouds have the promised names.")
    sys.exit(1 if problems else 0)
