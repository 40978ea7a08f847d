"""Where a level's CPU time goes: py-spy beside the server."""

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

from bench.levels import Level
from bench.measure import play, warm
from bench.report import Profile
from bench.servers import Server

TOP = 10


def profile(server: Server, level: Level, folder: Path, timeout_seconds: float) -> Profile:
    """Play the level while py-spy samples the server and its children."""
    warm(server, level, timeout_seconds)
    raw = folder / "profile.txt"
    command = [
        str(Path(sys.executable).with_name("py-spy")),
        "record",
        "--pid",
        str(server.pid),
        "--subprocesses",
        "--function",
    ]
    command += ["--rate", "200", "--duration", "unlimited", "--format", "raw"]
    command += ["--output", str(raw)]
    with (folder / "py-spy.log").open("wb") as log:
        spy = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        play(server, level, timeout_seconds)
    finally:
        spy.send_signal(signal.SIGINT)
        spy.wait(60)
    samples, top = top_of(raw.read_text(errors="replace") if raw.exists() else "")
    return Profile(level.name, samples, top)


def top_of(stacks: str) -> tuple[int, list[tuple[str, int]]]:
    """The number of samples, and the functions at the top of most of them.

    A line is a stack, outermost first, divided by semicolons, and the number of samples.
    """
    own = Counter[str]()
    for line in stacks.splitlines():
        stack, _, count = line.rpartition(" ")
        if stack and count.isdigit():
            own[stack.rpartition(";")[2]] += int(count)
    return own.total(), own.most_common(TOP)
