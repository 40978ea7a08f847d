"""Events for Sentry, made by hand from what we know: ids, names, kinds and places. Never a text."""

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

from helium.kit.raised import Frame, Raised, chain

TAGS = ("run_id", "thread_id", "workspace_id", "worker_id", "request_id", "attempt", "tool", "code")
"""Facts of a log line that go along; others stay in the log."""
PER_MINUTE = 60
"""Reports that one process sends: a defect in a loop is not worth a thousand of them."""
Json = dict[str, Any]


class SentryClient(Protocol):
    def capture_event(self, event: Json) -> object: ...
    def close(self, timeout: float | None = None) -> None: ...


class Reporter:
    """Sends reports from a thread of the SDK, which drops them when it is behind."""

    def __init__(self, client: Any, redact: Callable[[str], str]) -> None:
        self._client: SentryClient = client
        self._redact = redact
        self._minute = -1
        self._sent = 0

    def defect(self, name: str, facts: Mapping[str, Any], error: BaseException | None) -> None:
        """Report an event of the log. Never raises, never waits."""
        event: Json = {
            "level": "error",
            "logger": "helium",
            "transaction": name,
            "message": {"formatted": name},
            "tags": {
                key: self._redact(str(facts[key])[:200]) for key in TAGS if facts.get(key) is not None
            },
        }
        if error is not None:
            event["exception"] = {"values": [_exception(link) for link in reversed(chain(error))]}
        self.send(event)

    def page_error(self, kind: str, frames: list[Json], tags: Mapping[str, str]) -> None:
        """Report a defect of the page, as a browser told it."""
        exception = {"type": kind, "stacktrace": {"frames": frames}}
        self.send(
            {
                "level": "error",
                "logger": "page",
                "platform": "javascript",
                "exception": {"values": [exception]},
                "tags": {key: self._redact(value[:200]) for key, value in tags.items()},
            }
        )

    def send(self, event: Json) -> None:
        if self._within_limit():
            self._client.capture_event(event)

    def close(self, seconds: float) -> None:
        """Send what is left, for so long at most. It waits: not for the event loop."""
        self._client.close(timeout=seconds)

    def _within_limit(self) -> bool:
        minute = int(time.monotonic() // 60)
        if minute != self._minute:
            self._minute, self._sent = minute, 0
        self._sent += 1
        return self._sent <= PER_MINUTE


def _exception(raised: Raised) -> Json:
    found: Json = {
        "type": raised.type,
        "module": raised.module,
        "stacktrace": {"frames": [_frame(frame) for frame in raised.frames]},
    }
    if raised.code:
        found["value"] = raised.code
    return found


def _frame(frame: Frame) -> Json:
    return {
        "filename": frame.file,
        "module": frame.module,
        "function": frame.function,
        "lineno": frame.line,
        "in_app": frame.ours,
    }
