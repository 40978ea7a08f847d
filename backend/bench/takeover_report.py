"""The report of `bench.takeover`: a page, the figures, a chart."""

from pathlib import Path

import matplotlib as mpl
import msgspec

from bench.report import Machine

mpl.use("Agg")

from matplotlib import pyplot

TARGET_SECONDS = 5.0


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What was played and what came of it."""

    date: str
    command: str
    machine: Machine
    seed: int
    workers: int
    active_runs: int
    environment: list[str]
    kills: int
    accepted: int
    steps: int
    interrupted: int
    p50: float
    p95: float
    longest: float
    missing: int
    unfinished: list[str]
    wrong: list[str]
    violations: list[str]
    seconds: list[float]

    @property
    def lost(self) -> int:
        """Accepted runs that are not there, or did not complete."""
        return self.missing + len(self.unfinished)

    @property
    def good(self) -> bool:
        return not (self.lost or self.wrong or self.violations) and self.p95 < TARGET_SECONDS


def bound(bad: int, of: int, what: str) -> str:
    """A count; beside a zero, what it proves: with 95 % confidence less than 3/N."""
    return f"{bad} of {of:,} {what}" + (f" (bound: under {300 / of:.2g} %)" if not bad and of else "")


def write(outcome: Outcome, folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{outcome.date}-takeover"
    data = msgspec.json.format(msgspec.json.encode(outcome), indent=1)
    stem.with_suffix(".json").write_bytes(data + b"\n")
    draw(outcome, stem.with_suffix(".png"))
    page = stem.with_suffix(".md")
    page.write_text(markdown(outcome, f"{stem.name}.png"))
    return page


def markdown(outcome: Outcome, picture: str) -> str:
    where = outcome.machine
    settings = ", ".join(outcome.environment) or "default settings (lease of 3 s)"
    lines = [
        "# Takeover after SIGKILL",
        "",
        f"{outcome.date}, commit {where.commit}, `{outcome.command}`, seed {outcome.seed}.",
        f"{where.cpu}, {where.cores} cores; {outcome.workers} resident workers, one API process and the",
        f"embedded database on the same machine, {outcome.active_runs} runs under way at any time;",
        f"{settings}. The machine was not reserved for it.",
        "",
        "| | |",
        "| --- | ---: |",
        f"| workers killed | {outcome.kills} |",
        f"| runs interrupted | {outcome.interrupted:,} |",
        f"| from the kill to the next `run.started`, p50 | {outcome.p50:.2f} s |",
        f"| p95 (target: under {TARGET_SECONDS:.0f} s) | {outcome.p95:.2f} s |",
        f"| longest | {outcome.longest:.2f} s |",
        f"| runs lost | {bound(outcome.lost, outcome.accepted, 'accepted')} |",
        f"| runs with a wrong text | {bound(len(outcome.wrong), outcome.accepted, 'accepted')} |",
        f"| violations of the invariants | {len(outcome.violations)} in {outcome.steps:,} steps |",
        "",
        "A run counts as interrupted once for each kill of the worker that held it. Lost means: accepted",
        "with 202, and not completed in the end. The text of every run is compared word for word, so a",
        "step that was done twice or left out shows.",
        "",
        f"![Distribution of the seconds]({picture})",
        "",
    ]
    lines.extend(f"- {problem}" for problem in (*outcome.unfinished, *outcome.wrong, *outcome.violations))
    return "\n".join(lines)


def draw(outcome: Outcome, path: Path) -> None:
    figure, axis = pyplot.subplots(figsize=(8, 3.6), constrained_layout=True)
    axis.hist(outcome.seconds, bins=40, color="#3b6fe0")
    axis.axvline(outcome.p95, color="#1f2933", linewidth=1, linestyle="--")
    axis.annotate(f"p95 {outcome.p95:.2f} s", (outcome.p95, axis.get_ylim()[1] * 0.92), fontsize=9)
    axis.set_xlabel("seconds from SIGKILL to the next run.started")
    axis.set_ylabel("interrupted runs")
    axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
    pyplot.close(figure)
