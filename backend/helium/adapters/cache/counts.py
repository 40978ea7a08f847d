"""How well the cache does, by namespace: for metrics."""

from dataclasses import dataclass
from typing import Literal

Outcome = Literal["hit", "stale", "miss"]


@dataclass(slots=True)
class CacheCounts:
    """Since the start of the process. Every look-up is one of hit, stale hit and miss."""

    hits: int = 0
    stale_hits: int = 0
    misses: int = 0
    failures: int = 0
    """Times that the backend was away or held what cannot be read. The look-up is a miss beside."""
    computes: int = 0

    @property
    def hit_rate(self) -> float:
        """The share of look-ups that did not have to wait for a computation; 0 before the first."""
        given = self.hits + self.stale_hits
        return given / (given + self.misses) if given else 0.0

    def count(self, outcome: Outcome) -> None:
        match outcome:
            case "hit":
                self.hits += 1
            case "stale":
                self.stale_hits += 1
            case "miss":
                self.misses += 1
