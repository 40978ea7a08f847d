"""The removal of files that nobody wants any more, and of what killed processes left.

Any number of processes may do it at once, and each may be killed anywhere: a row is removed only after its
bytes, and bytes are removed only where no row names them or the row says `deleting`.
"""

from collections.abc import Awaitable, Callable
from datetime import timedelta

import structlog

from helium.core.errors import BlobsUnavailable
from helium.db.database import CONNECTION_ERRORS
from helium.features.files.repository import FileRepository
from helium.features.files.service import FOLDER
from helium.kit.clock import Clock
from helium.ports import BlobStore

log = structlog.get_logger()

ABANDONED_AFTER = timedelta(days=1)
"""No upload takes longer, so what is older and unfinished belongs to nobody."""
RETRY_AFTER = timedelta(minutes=5)
EVERY_SECONDS = 60.0
ORPHANS_EVERY_SECONDS = 86_400.0
BATCH = 100
PAGE = 500


class FileCleanup:
    """One per process is enough; any number is safe.

    `remove_unfinished` removes what killed processes left of uploads before a moment (seconds since 1970),
    where the store itself does not: in a folder.
    """

    def __init__(
        self,
        repository: FileRepository,
        blobs: BlobStore,
        clock: Clock,
        remove_unfinished: Callable[[float], Awaitable[int]] | None = None,
    ) -> None:
        self._repository = repository
        self._blobs = blobs
        self._clock = clock
        self._remove_unfinished = remove_unfinished
        self._orphans_at = clock.monotonic() + ORPHANS_EVERY_SECONDS

    async def serve(self) -> None:
        """Clean up until cancelled: what has expired every minute, orphans once a day."""
        while True:
            await self._clock.sleep(EVERY_SECONDS)
            await self.round()

    async def round(self) -> None:
        """What is due now. A database or a store that is away is logged, and it is tried again."""
        try:
            while await self.remove_expired(BATCH) == BATCH:
                continue
            if self._clock.monotonic() >= self._orphans_at:
                self._orphans_at = self._clock.monotonic() + ORPHANS_EVERY_SECONDS
                await self.remove_orphans()
                if self._remove_unfinished is not None:
                    await self._remove_unfinished(self._a_day_ago())
        except (*CONNECTION_ERRORS, BlobsUnavailable) as error:
            log.warning("files.cleanup_failed", error=type(error).__name__)

    async def remove_expired(self, limit: int) -> int:
        """Remove up to `limit` files that are past `expires_at`, uploads that were begun a day ago and
        never finished, and files whose removal was broken off; how many."""
        claimed = await self._repository.claim_expired(
            abandoned_after=ABANDONED_AFTER, retry_after=RETRY_AFTER, limit=limit
        )
        for file_id, key in claimed:
            await self._blobs.delete(key)
            await self._repository.forget([file_id])
        if claimed:
            log.info("files.removed", files=len(claimed))
        return len(claimed)

    async def remove_orphans(self) -> int:
        """Remove the bytes of files that have no row and are a day old; how many. Reads the whole list."""
        removed = 0
        before = self._a_day_ago()
        page: list[str] = []
        async for blob in self._blobs.list(FOLDER):
            if blob.modified_at < before:
                page.append(blob.key)
            if len(page) == PAGE:
                removed += await self._remove_unknown(page)
                page = []
        removed += await self._remove_unknown(page)
        if removed:
            log.warning("files.orphans_removed", blobs=removed)
        return removed

    def _a_day_ago(self) -> float:
        return self._clock.time() - ABANDONED_AFTER.total_seconds()

    async def _remove_unknown(self, keys: list[str]) -> int:
        known = await self._repository.known_keys(keys) if keys else set()
        for key in keys:
            if key not in known:
                await self._blobs.delete(key)
        return len(set(keys) - known)
