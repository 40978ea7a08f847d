"""What is known of one secret, and when its place is asked again."""

import asyncio
import random
from dataclasses import dataclass

import structlog

from helium.adapters.secrets.reference import Reference
from helium.ports import Secret

log = structlog.get_logger()
JITTER = 0.1
RENEWED_AFTER = 0.8
"""The part of its time after which a value that is used is renewed in the background."""
MISSING_SECONDS = 10.0
AWAY_SECONDS = 10.0
"""How long to leave a place alone that did not answer, while the last good value serves."""
NOTHING_SECONDS = 1.0
"""The same where there is no last good value."""
FORCED_SECONDS = 30.0
_NOW = float("-inf")
_NEVER = float("inf")


@dataclass(slots=True, eq=False)
class Kept:
    """One variable's secret. Moments are those of a monotonic clock, in seconds."""

    variable: str
    reference: Reference
    secret: Secret | None = None
    answered: bool = False
    """Its place has said once what the secret is, or that there is none."""
    good_until: float = _NOW
    """Until then nothing needs to be done."""
    read_from: float = _NOW
    """Not before then is its place asked again."""
    wait_from: float = _NOW
    """From then on whoever asks waits for the place's answer."""
    reading: "asyncio.Task[None] | None" = None
    _forced_at: float = _NOW
    _away: bool = False

    def keep(self, secret: Secret | None, now: float, ttl: float) -> None:
        """The place has answered; None: it has no such secret."""
        if self._away:
            log.info("secrets.back", variable=self.variable, source=self.reference.kind)
        self.secret, self.answered, self._away = secret, True, False
        seconds = _about(ttl) if secret else min(MISSING_SECONDS, ttl)
        self.wait_from = now + seconds
        self.good_until = self.read_from = now + seconds * RENEWED_AFTER
        if secret is not None and self.reference.pinned:
            self.good_until = _NEVER

    def go_on(self, failure: str, now: float, ttl: float) -> None:
        """The place has not answered: go on with what is known, and ask again a little later."""
        if not self._away:
            source = self.reference.kind
            log.warning("secrets.away", variable=self.variable, source=source, reason=failure)
        self._away = True
        if not self.answered:
            self.read_from = now + NOTHING_SECONDS
            return
        self.good_until = self.read_from = now + min(_about(AWAY_SECONDS), ttl)
        self.wait_from = now + 2 * ttl

    def force(self, now: float, refused: str | None) -> None:
        """The value was refused: it is to be read again, if it is still that one, can have changed, and
        was not forced in the last 30 s."""
        if self.secret is None or self.reference.pinned or now - self._forced_at < FORCED_SECONDS:
            return
        if refused is not None and refused != self.secret.value:
            return
        self._forced_at = now
        self.good_until = self.read_from = self.wait_from = _NOW
        # A read that is under way may have begun before the rotation: its result does not count.
        self.reading = None


def _about(seconds: float) -> float:
    """Processes that started together do not ask together."""
    return seconds * random.uniform(1 - JITTER, 1 + JITTER)
