"""One queue at Google, as the rest of the adapter sees it: a message goes in, or `QueueAway`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

PUSH_PATH = "/internal/tasks/execute"
LEAST_DEADLINE_SECONDS, MOST_DEADLINE_SECONDS = 15.0, 1800.0
"""What Cloud Tasks permits for one push."""
MOST_DELAY_SECONDS = 30 * 86400.0
"""How far ahead Cloud Tasks schedules."""


class QueueAway(Exception):
    """The queue did not take the message, or did not say so in time. It may have taken it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the queue is."""

    project: str
    location: str
    name: str
    endpoint: str = ""
    """Another server than Google's, spoken to without TLS and without credentials: for tests."""

    def path(self, suffix: str = "") -> str:
        return f"projects/{self.project}/locations/{self.location}/queues/{self.name}{suffix}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """To whom the queue pushes."""

    url: str
    """The worker service, `https://…`; also the audience of the tokens."""
    account: str
    """The service account in whose name Google signs them."""
    seconds: float
    """How long one push may take."""

    @property
    def address(self) -> str:
        return self.url.rstrip("/") + PUSH_PATH

    @property
    def deadline_seconds(self) -> float:
        return min(max(self.seconds, LEAST_DEADLINE_SECONDS), MOST_DEADLINE_SECONDS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What becomes a task."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    delay_seconds: float = 0.0


class PushQueue(Protocol):
    async def put(self, message: Message) -> None:
        """The queue has the message when this returns. Raises `QueueAway` within a few seconds."""
        ...
