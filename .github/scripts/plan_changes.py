"""What a plan of Terraform changes, without any value.

    terraform show -json plan.bin | plan_changes.py STACK --outputs FILE --summary FILE

Writes a table for people, and for the pipeline `changes` (how many resources and outputs) and `fingerprint`
(the same for two plans exactly if they would do the same).
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

NOTHING = (["no-op"], ["read"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("stack")
    parser.add_argument("--outputs", type=Path, required=True, help="the file for NAME=VALUE lines")
    parser.add_argument("--summary", type=Path, required=True, help="the file for Markdown")
    given = parser.parse_args()
    changed = list(changes(json.load(sys.stdin)))
    with given.outputs.open("a") as file:
        file.write(f"changes={len(changed)}\nfingerprint={fingerprint(changed)}\n")
    with given.summary.open("a") as file:
        file.write(markdown(given.stack, changed))
    print(f"{given.stack}: {len(changed)} changes")


def changes(plan: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Address and change of each resource and output that does not stay as it is."""
    for resource in plan.get("resource_changes", []):
        if resource["change"]["actions"] not in NOTHING:
            yield resource["address"], resource["change"]
    for name, change in plan.get("output_changes", {}).items():
        if change["actions"] not in NOTHING:
            yield f"output.{name}", change


def fingerprint(changed: list[tuple[str, dict[str, Any]]]) -> str:
    """A hash from which no value can be told."""
    text = json.dumps(sorted(changed, key=lambda each: each[0]), sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def markdown(stack: str, changed: list[tuple[str, dict[str, Any]]]) -> str:
    if not changed:
        return f"### {stack}: nothing to change\n\n"
    rows = [
        f"| {'/'.join(change['actions'])} | `{address}` |" for address, change in sorted(changed, key=str)
    ]
    return "\n".join(
        [f"### {stack}: {len(changed)} changes", "", "| what | where |", "| --- | --- |", *rows, "", ""]
    )


if __name__ == "__main__":
    main()
