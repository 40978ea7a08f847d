"""`python -m chaos.crowds`: the scenarios that need a thousand viewers: `reconnects` and `slow-readers`."""

import argparse
import subprocess
import sys
import time
from pathlib import Path

import msgspec
from rich.console import Console

from bench import processes
from bench.report import command_line, table
from bench.servers import BACKEND, NotReady
from chaos import children, reconnects, slow_readers
from chaos.targets import Verdict

Outcome = reconnects.Outcome | slow_readers.Outcome
SHOWN = 10


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos.crowds", description=__doc__)
    parser.add_argument("scenario", choices=["reconnects", "slow-readers"])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--words", type=int, default=140, help="that each run says")
    parser.add_argument("--pace", type=float, default=1.0, help="seconds for a word")
    parser.add_argument("--rate", type=float, default=20, help="probes in a second")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for Helium")
    parser.add_argument("--out", type=Path, default=BACKEND.parent / "docs" / "benchmarks")
    return parser.parse_args()


def play(given: argparse.Namespace, console: Console) -> tuple[Outcome, list[str]]:
    if given.scenario == "reconnects":
        came = children.play(reconnects.run_reconnects(given, console))
        return came, reconnects.page(came, given)
    stalled = children.play(slow_readers.run_slow_readers(given, console))
    return stalled, slow_readers.page(stalled, given)


def markdown(outcome: Outcome, told: list[str], given: argparse.Namespace) -> str:
    where = outcome.machine
    parts = [
        f"# Chaos {time.strftime('%Y-%m-%d')}: {given.scenario}, seed {given.seed}",
        f"`{command_line('chaos.crowds', sys.argv[1:])}`",
        f"{where.cores} cores ({where.cpu}), {where.memory_gib:g} GiB, Linux {where.kernel}, Python "
        f"{where.python}, "
        f"PostgreSQL {where.postgres}, commit {where.commit}. {outcome.busy}.",
        *told,
        table(["", "asked", "measured", ""], [_row(one) for one in outcome.verdicts], left=4),
        *[f"- `{line[:300]}`" for line in outcome.differing[:SHOWN]],
    ]
    return "\n\n".join(parts) + "\n"


def _row(one: Verdict) -> list[str]:
    return [one.target, one.asked, one.measured, {True: "pass", False: "**miss**", None: ""}[one.met]]


def main() -> None:
    processes.allow_many_files()
    given, console = arguments(), Console(stderr=True)
    try:
        outcome, told = play(given, console)
    except (NotReady, subprocess.SubprocessError) as problem:
        console.print(str(problem), markup=False)
        raise SystemExit(1) from problem
    given.out.mkdir(parents=True, exist_ok=True)
    stem = given.out / f"{time.strftime('%Y-%m-%d')}-chaos-{given.scenario}"
    data = msgspec.json.format(msgspec.json.encode(outcome), indent=1)
    stem.with_suffix(".json").write_bytes(data + b"\n")
    stem.with_suffix(".md").write_text(markdown(outcome, told, given))
    console.print(stem.with_suffix(".md").read_text(), markup=False, soft_wrap=True)
    raise SystemExit(1 if any(one.met is False for one in outcome.verdicts) else 0)


if __name__ == "__main__":
    main()
