"""Measuring one viewer's stream: how late events reach it, and how it ended."""

import time
from typing import Literal

from helium.kit.metrics.instruments import EVENT_LAG_SECONDS, VIEWER_ENDS, VIEWER_STARTS

EndReason = Literal["finished", "left", "asked_back"]
_LAG = EVENT_LAG_SECONDS.of()


class Viewing:
    """One stream, from its first byte on. `again`: the viewer comes back after a cut."""

    __slots__ = ("_since", "reason")

    def __init__(self, *, again: bool) -> None:
        VIEWER_STARTS.of("again" if again else "first").add()
        self._since = time.time()
        self.reason: EndReason = "left"
        """Why it will have ended, as far as is known."""

    def sent(self, committed_at: float) -> None:
        """Events were written, the oldest of them committed at this time (seconds since 1970)."""
        if committed_at >= self._since:
            _LAG.observe(max(0.0, time.time() - committed_at))

    def end(self) -> None:
        VIEWER_ENDS.of(self.reason).add()
