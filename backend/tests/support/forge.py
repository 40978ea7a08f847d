"""A warm interpreter that forks Helium processes on request.

Starting Python and importing Helium costs a second; a fork of a process that has done both costs
hundredths. What runs is the same: `helium.cli.app.main` with its own environment and its own log.

It reads one JSON object per line, `{"arguments": ["worker"], "env": {…}, "log": "…"}`, answers the new
process's number, and writes a process's exit code to `<log>.exit` when it has ended. At the end of its
input it kills what it started.
"""

import importlib
import json
import os
import selectors
import signal
import sys
import traceback
from pathlib import Path
from typing import Any, NoReturn

from helium.cli import app
from helium.engine.tools import BUILT_IN
from helium.kit import failpoint
from tests.support.tools import TEST_TOOLS


def main() -> None:
    children: dict[int, Path] = {}
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ)
    while True:
        if selector.select(timeout=0.02):
            line = sys.stdin.readline()
            if not line:
                break
            order: dict[str, Any] = json.loads(line)
            log = Path(order["log"])
            pid = os.fork()
            if pid == 0:
                become(order["arguments"], order["env"], log)
            children[pid] = log
            print(pid, flush=True)  # noqa: T201 - the answer
        collect(children)
    for pid in children:
        os.kill(pid, signal.SIGKILL)


def collect(children: dict[int, Path]) -> None:
    while children:
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        log = children.pop(pid)
        partial = log.with_suffix(".exit.new")
        partial.write_text(str(os.waitstatus_to_exitcode(status)))
        partial.rename(log.with_suffix(".exit"))


def become(arguments: list[str], env: dict[str, str], log: Path) -> NoReturn:
    """Be a Helium process from here on."""
    output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(output, 1)
    os.dup2(output, 2)
    os.environ.clear()
    os.environ.update(env)
    importlib.reload(failpoint)  # it reads the environment once, when it is imported
    tools: dict[str, Any] = BUILT_IN  # pyright: ignore[reportAssignmentType] - it is a dict
    tools.update(TEST_TOOLS)
    sys.argv = ["helium", *arguments]
    code = 1
    try:
        app.main()
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:  # noqa: BLE001 - the last chance to tell
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    main()
