"""`python -m bench`: play the levels on `bare` and on Helium in turns, and write the report."""

import argparse
import contextlib
import subprocess
import sys
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from bench import plot, servers
from bench.levels import LEVELS, QUICK, Level
from bench.measure import Figures, Idle, measure, measure_idle, play
from bench.observation import dark, observed
from bench.processes import allow_many_files
from bench.profile import profile
from bench.report import Machine, Profile, Report, command_line, machine, markdown
from bench.split import split
from bench.summary import summarise, verdicts

HELIUM = "../.venv/bin/python -m helium up --no-browser"
REPORTS = servers.BACKEND.parent / "docs" / "benchmarks"
KINDS = {"helium": servers.helium, "split": split, "dark": dark, "observed": observed}
WARM_UP = Level(name="warm-up", users=20, rounds=3)


@dataclass(slots=True)
class Session:
    """What is being measured, and what came of it so far."""

    fake: servers.Server
    under_load: Sequence[servers.Server]
    levels: Sequence[Level]
    repeats: int
    timeout: float
    console: Console
    figures: list[Figures] = field(default_factory=list[Figures])
    idle: dict[str, Idle] = field(default_factory=dict[str, Idle])
    profile: Profile | None = None

    def run(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        with Progress(*columns, console=self.console) as progress:
            total = len(self.levels) * self.repeats * len(self.under_load)
            task = progress.add_task("warm-up", total=total)
            for server in self.under_load:
                play(server, WARM_UP, self.timeout)
                self.idle[server.name] = measure_idle(server)
            for level in self.levels:
                for number in range(1, self.repeats + 1):
                    for server in self.under_load:
                        name = f"{level.name} {server.name} {number}/{self.repeats}"
                        progress.update(task, description=name)
                        self.figures.append(measure(server, self.fake, level, self.timeout))
                        shown = f"{name:20} {line(self.figures[-1])}"
                        progress.console.print(shown, highlight=False, soft_wrap=True)
                        progress.advance(task)

    def sample(self, level: Level, folder: Path) -> None:
        self.console.print(f"profile at {level.name}")
        try:
            self.profile = profile(self.under_load[-1], level, folder, self.timeout)
        except (OSError, subprocess.SubprocessError) as problem:
            self.console.print(f"no profile: {problem}")


def line(figures: Figures) -> str:
    """One measurement in one line."""
    failed = sum(figures.errors.values())
    return (
        f"{figures.runs_per_second:7.1f} runs/s  accept p95 {figures.accept_ms.p95:6.0f}  first p95 "
        f"{figures.first_ms.p95:6.0f}  total p95 {figures.total_ms.p95:6.0f} ms  CPU "
        f"{figures.server_ms_per_run:5.2f} + {figures.database_ms_per_run:4.2f} ms/run  "
        f"{figures.server_peak_mib:4.0f} MiB  {failed} errors"
        + (f" ({max(figures.errors, key=figures.errors.__getitem__)})" if failed else "")
    )


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--levels", default=",".join(LEVELS), help="of " + ", ".join(LEVELS))
    parser.add_argument("--servers", default="bare,helium", help="which of " + ", ".join(("bare", *KINDS)))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--times", type=int, default=1, help="that the repeats are done, on fresh servers")
    parser.add_argument("--timeout", type=float, default=120, help="seconds for one level on one server")
    parser.add_argument("--helium", default=HELIUM, help="the command that starts Helium")
    parser.add_argument("--env", action="append", default=[], metavar="NAME=VALUE", help="for Helium")
    parser.add_argument("--profile", metavar="LEVEL", choices=LEVELS, help="sample Helium at this level")
    parser.add_argument("--quick", action="store_true", help="a sanity check of a minute")
    parser.add_argument("--name", default="run", help="goes into the names of the report's files")
    parser.add_argument("--out", type=Path, default=REPORTS)
    return parser.parse_args()


def chosen_levels(given: argparse.Namespace) -> Sequence[Level]:
    return QUICK if given.quick else [LEVELS[name] for name in given.levels.split(",")]


@contextlib.contextmanager
def started(given: argparse.Namespace) -> Generator[tuple[Path, servers.Server, list[servers.Server]]]:
    """A folder, the fake model, and the servers that are wanted, all of them fresh."""
    wanted = given.servers.split(",")
    with servers.scratch() as folder, contextlib.ExitStack() as running:
        fake = running.enter_context(servers.fake_model(folder))
        under_load: list[servers.Server] = []
        if "bare" in wanted:
            under_load.append(running.enter_context(servers.bare(folder, fake)))
        extra = dict(pair.split("=", 1) for pair in given.env)
        for name, kind in KINDS.items():
            if name in wanted:
                under_load.append(running.enter_context(kind(folder, fake, given.helium, extra)))
        yield folder, fake, under_load


def bench(given: argparse.Namespace, console: Console) -> Report:
    """Start everything, measure, end everything; as many times as are wanted."""
    figures, left = list[Figures](), given.times
    while True:
        left -= 1
        with started(given) as (folder, fake, under_load):
            repeats = 1 if given.quick else given.repeats
            levels = chosen_levels(given)
            session = Session(fake, under_load, levels, repeats, given.timeout, console, figures)
            where = machine({pid for server in under_load for pid in server.database()})
            session.run()
            if left <= 0:
                if given.profile and "helium" in given.servers.split(","):
                    session.sample(LEVELS[given.profile], folder)
                return report_of(session, given.name, where)


def report_of(session: Session, name: str, where: Machine) -> Report:
    rows = summarise(session.figures)
    return Report(
        name=name,
        date=time.strftime("%Y-%m-%d"),
        command=command_line("bench", sys.argv[1:]),
        machine=where,
        ready_seconds={server.name: round(server.ready_seconds, 2) for server in session.under_load},
        idle=session.idle,
        rows=rows,
        verdicts=verdicts(rows, session.levels),
        figures=session.figures,
        profile=session.profile,
    )


def write(report: Report, folder: Path) -> Path:
    """The report as JSON, Markdown and PNG; the path of the page."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{report.date}-{report.name}"
    data = msgspec.json.format(msgspec.json.encode(report), indent=1)
    stem.with_suffix(".json").write_bytes(data + b"\n")
    picture = stem.with_suffix(".png")
    plot.draw(report.rows, f"{report.name}, {report.date}, commit {report.machine.commit}", picture)
    page = stem.with_suffix(".md")
    page.write_text(markdown(report, picture.name))
    return page


def main() -> None:
    allow_many_files()
    given, console = arguments(), Console(stderr=True)
    try:
        report = bench(given, console)
    except servers.NotReady as problem:
        console.print(str(problem), markup=False)
        raise SystemExit(1) from problem
    page = write(report, given.out)
    console.print(f"written: {page.name} and its .json and .png beside it")


if __name__ == "__main__":
    main()
