"""What is still to be said about one topic, bounded."""

from collections.abc import Sequence
from uuid import UUID


class Outbox:
    """Run ids, each once, at most `limit`. What does not fit becomes "something was missed"."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._run_ids: dict[UUID, None] = {}
        self._missed = False
        self._dropped = 0

    def add(self, run_ids: Sequence[UUID]) -> bool:
        """False if this is the moment at which ids begin to be dropped."""
        if self._missed:
            self._dropped += len(run_ids)
            return True
        self._run_ids.update(dict.fromkeys(run_ids))
        if len(self._run_ids) <= self._limit:
            return True
        self.miss()
        return False

    def miss(self) -> None:
        """Forget the ids, and remember that there were some."""
        self._dropped += len(self._run_ids)
        self._run_ids.clear()
        self._missed = True

    def take_dropped(self) -> int:
        """How many ids were forgotten since it was asked the last time."""
        taken, self._dropped = self._dropped, 0
        return taken

    def take(self) -> list[UUID] | None:
        """The next message's ids, none for "something was missed"; None if there is nothing to say."""
        if not self._missed and not self._run_ids:
            return None
        taken = list(self._run_ids)
        self._run_ids.clear()
        self._missed = False
        return taken
