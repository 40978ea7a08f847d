"""Log lines for machines, written together.

A run has a line or two. Rendering and writing one between other work costs 25 to 40 µs, most of it for
caches that are cold. So a line that is not urgent is only noted, and a thread writes what has come, some
hundredths of a second later. A process that is killed loses that much of what was not urgent, and nothing
that went wrong: warnings and worse are written at once, after all that was noted before them.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any, NamedTuple, TextIO

from helium.kit.log_context import Ids, ids

WRITE_SECONDS = 0.05
MOST_NOTED = 2000
"""Whoever says more than that in so short a time waits for the log."""
Facts = dict[str, Any]


class Noted(NamedTuple):
    """A line as it was said: when (seconds since 1970), how urgent, what, and about whom."""

    at: float
    method: str
    facts: Facts
    ids: Ids


class Lines:
    """What is to be written to one stream, in the order in which it was said. For any thread."""

    def __init__(self, stream: TextIO, render: Callable[[Noted], str]) -> None:
        self._stream = stream
        self._render = render
        self._noted: deque[Noted] = deque()
        self._some = threading.Event()
        self._writing = threading.Lock()
        self._writer: threading.Thread | None = None

    def note(self, method: str, facts: Facts) -> None:
        """Write this soon."""
        self._noted.append(Noted(time.time(), method, facts, ids()))
        if len(self._noted) > MOST_NOTED:
            self.flush()
        elif not self._some.is_set():
            self._some.set()
            if self._writer is None:
                self._writer = threading.Thread(target=self._write_soon, name="log lines", daemon=True)
                self._writer.start()

    def flush(self) -> None:
        """Write what was noted so far; it has been given to the system when this returns."""
        with self._writing:
            lines: list[str] = []
            while self._noted:
                lines.append(self._render(self._noted.popleft()))
            if lines:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()

    def _write_soon(self) -> None:
        while True:
            self._some.wait()
            time.sleep(WRITE_SECONDS)
            self._some.clear()
            self.flush()
