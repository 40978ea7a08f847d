"""One warning when a service goes away, one line when it is back, nothing in between."""

import structlog

log = structlog.get_logger()


class Outage:
    """What one user of a service knows of its state.

    `who` names the log's lines: `bell` sends into a queue, `queue` receives from one, `queue.upkeep` keeps
    what it received.
    """

    def __init__(self, who: str) -> None:
        self._who = who
        self.on = False
        self._failures = 0

    def failed(self, error: Exception, count: int = 1) -> None:
        """So many requests failed. Never raises."""
        if not self.on:
            log.warning(f"{self._who}.away", error=str(error))
        self.on = True
        self._failures += count

    def worked(self) -> None:
        if self.on:
            log.info(f"{self._who}.back", failures=self._failures)
        self.on = False
        self._failures = 0
