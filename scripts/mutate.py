"""Take away each guard in turn, in a copy, and show that a directed test goes red.

    .venv/bin/python scripts/mutate.py [words of a guard's name …]

A green suite proves little before this: two guards often cover for each other. The working tree is not
touched. Writes docs/benchmarks/<date>-mutation.md if no words are given; exits with 1 if a guard could be
taken away unnoticed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mutations import GUARDS, Guard

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "backend"))

from helium.adapters.embedded_postgres import EmbeddedPostgres  # noqa: E402

NOT_COPIED = shutil.ignore_patterns("__pycache__", ".*", "*.egg-info")
TESTS_FAILED = 1
PATIENCE_SECONDS = 300


@dataclass(frozen=True, slots=True)
class Verdict:
    guard: Guard
    caught: bool
    seconds: float
    note: str = ""

    @property
    def word(self) -> str:
        return "red" if self.caught else f"**NOT CAUGHT** {self.note}".strip()


class Moved(Exception):
    """A guard's text is no longer where it was."""


def main() -> None:
    words = sys.argv[1:]
    guards = [guard for guard in GUARDS if all(word in guard.name for word in words)]
    if not guards:
        raise SystemExit(
            f"No guard's name has these words: {' '.join(words)}. They stand in scripts/mutations."
        )
    home = Path(tempfile.mkdtemp(prefix="helium-test-"))
    home.chmod(0o755)
    server = EmbeddedPostgres(home)
    try:
        url = server.start()
        verdicts = examine(guards, home / "copy", url)
    finally:
        server.stop(force=True)
        shutil.rmtree(home, ignore_errors=True)
    report = page(verdicts)
    print(report)
    if not words:
        path = ROOT / "docs" / "benchmarks" / f"{time.strftime('%Y-%m-%d')}-mutation.md"
        path.write_text(report)
    sys.exit(0 if all(verdict.caught for verdict in verdicts) else 1)


def examine(guards: Sequence[Guard], copy: Path, url: str) -> list[Verdict]:
    """First all directed tests as they are, which must pass; then each guard without its code."""
    fresh(copy)
    tests = sorted({test for guard in guards for test in guard.tests})
    code, output = run_tests(copy, tests, url)
    if code != 0:
        sys.exit(f"The directed tests fail before anything is taken away:\n{output[-4000:]}")
    print(f"{len(tests)} directed tests pass as they are.", flush=True)
    return [without(guard, copy, url) for guard in guards]


def without(guard: Guard, copy: Path, url: str) -> Verdict:
    """One guard taken away: its tests must fail, and not for want of a program that starts."""
    fresh(copy)
    path = copy / "helium" / guard.file
    text = path.read_text()
    if text.count(guard.code) != guard.places:
        raise Moved(f"{guard.name}: {text.count(guard.code)} places in {guard.file}, not {guard.places}")
    path.write_text(text.replace(guard.code, guard.instead))
    began = time.monotonic()
    code, output = run_tests(copy, guard.tests, url)
    caught = code == TESTS_FAILED and "SyntaxError" not in output and "error during" not in output
    note = "" if caught or code == 0 else output.strip().splitlines()[-1]
    verdict = Verdict(guard, caught, time.monotonic() - began, note)
    print(f"{guard.name}: {verdict.word}", flush=True)
    return verdict


def fresh(copy: Path) -> None:
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(ROOT / "backend", copy, ignore=NOT_COPIED)


def run_tests(copy: Path, tests: Sequence[str], url: str) -> tuple[int, str]:
    command = [sys.executable, "-m", "pytest", "-q", "-x", "--tb=line", "-p", "no:cacheprovider", *tests]
    env = {**os.environ, "HELIUM_TEST_DATABASE_URL": url, "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            command, cwd=copy, env=env, capture_output=True, text=True, timeout=PATIENCE_SECONDS
        )
    except subprocess.TimeoutExpired:
        return TESTS_FAILED, "the tests did not end"
    return done.returncode, done.stdout + done.stderr


def page(verdicts: Sequence[Verdict]) -> str:
    caught = sum(verdict.caught for verdict in verdicts)
    lines = [
        "# Mutation check",
        "",
        f"{time.strftime('%Y-%m-%d')}, commit {commit()}, `make mutate`: each guard is taken away in a copy"
        " of the backend,",
        "and its directed tests run. Red is right: the suite notices.",
        "",
        f"**{caught} of {len(verdicts)} guards are noticed when they are missing.**",
        "",
        "| guard | where | directed tests | without it |",
        "| --- | --- | --- | --- |",
    ]
    for verdict in verdicts:
        guard = verdict.guard
        tests = "<br>".join(f"`{test.partition('::')[2] or test}`" for test in guard.tests)
        lines.append(f"| {guard.name} | `{guard.file}` | {tests} | {verdict.word} |")
    return "\n".join([*lines, ""])


def commit() -> str:
    shown = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True
    )
    return shown.stdout.strip() or "unknown"


if __name__ == "__main__":
    main()
