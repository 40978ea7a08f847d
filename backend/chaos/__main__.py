"""`python -m chaos`: play faults on a whole installation under load, and say what held."""

import argparse
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

from rich.console import Console

from bench import processes
from bench.report import command_line
from bench.servers import BACKEND, NotReady
from chaos import children, timeline
from chaos.faults import DECK, Sort
from chaos.mixed import Played, deal, run_mixed
from chaos.report import Report, markdown, write
from chaos.targets import POSTGRES, verdicts

OUT = BACKEND.parent / "docs" / "benchmarks"
KEPT = 1000
REDIS_DECK = {"kill redis": Sort(3, 8, 15), "flush redis": Sort(1, 0, 0), "freeze redis": Sort(1, 5, 8)}
POSTGRES_DECK = {
    "restart postgres fast": Sort(3, 0, 0),
    "restart postgres immediate": Sort(3, 0, 0),
    POSTGRES[2]: Sort(1, 30, 30),
}
KILLS_DECK = {name: DECK[name] for name in ("kill api", "kill stream", "freeze worker")} | {
    "kill worker": Sort(6, 0, 0, "worker"),
}
DECKS: Mapping[str, Mapping[str, Sort]] = {
    "mixed": DECK,
    "kills": KILLS_DECK,
    "redis": REDIS_DECK,
    "postgres": POSTGRES_DECK,
}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m chaos", description=__doc__)
    parser.add_argument("--scenario", default="mixed", choices=list(DECKS))
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=60.0, help="of load; 60 is the standard schedule")
    parser.add_argument("--load", type=float, default=1.5, help="people who come in a second")
    parser.add_argument("--rate", type=float, default=40, help="probes in a second")
    parser.add_argument("--mix", default="run=8,threads=5,start=2,replay=5", help="of probes")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for Helium")
    parser.add_argument("--keep", type=Path, help="where to put the processes' logs")
    parser.add_argument("--out", type=Path, default=OUT)
    given = parser.parse_args()
    given.seconds = given.minutes * 60
    return given


def report_of(given: argparse.Namespace, played: Played) -> Report:
    assert played.found is not None
    assert played.busy is not None
    assert played.machine is not None
    return Report(
        name=f"{given.scenario}, seed {given.seed}",
        date=time.strftime("%Y-%m-%d"),
        command=command_line("chaos", sys.argv[1:]),
        seed=given.seed,
        machine=played.machine,
        busy=played.busy,
        environment=given.env,
        seconds=round(played.seconds, 1),
        rest_seconds=round(played.rest_seconds, 1),
        load=given.load,
        rate=given.rate,
        shapes=played.shapes,
        done=played.done,
        bins=timeline.bins(played.samples, played.began),
        verdicts=verdicts(played.found, played.done, played.samples, played.delays),
        found=played.found,
        failures=[sample for sample in played.samples if sample.first != "ok"][:KEPT],
        errors=played.errors,
    )


def publish(given: argparse.Namespace, played: Played) -> Report:
    """Write the page, the figures and the picture."""
    report = report_of(given, played)
    given.out.mkdir(parents=True, exist_ok=True)
    suffix = {"mixed": "", "kills": f"-kills-seed-{given.seed}"}.get(given.scenario, f"-{given.scenario}")
    stem = given.out / f"{report.date}-chaos{suffix}"
    picture = stem.with_suffix(".png")
    title = f"chaos, {report.name}, {report.date}, commit {report.machine.commit}"
    timeline.draw(report.bins, report.done, played.began, title, picture)
    write(report, stem)
    stem.with_suffix(".md").write_text(markdown(report, played.samples, played.began, picture.name))
    Console(stderr=True).print(stem.with_suffix(".md").read_text(), markup=False, soft_wrap=True)
    return report


def main() -> None:
    processes.allow_many_files()
    given, console = arguments(), Console(stderr=True)
    try:
        played = children.play(run_mixed(given, console, deal(given, DECKS[given.scenario])))
    except (NotReady, subprocess.SubprocessError) as problem:
        console.print(str(problem), markup=False)
        raise SystemExit(1) from problem
    report = publish(given, played)
    raise SystemExit(0 if report.good else 1)


if __name__ == "__main__":
    main()
