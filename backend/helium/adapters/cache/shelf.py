"""Entries on a backend, with the rules of tags. Failures end here: logged, counted, and a miss."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import structlog

from helium.adapters.cache.backend import TAG_SECONDS, Backend, CacheAway
from helium.adapters.cache.bounded import Bounded
from helium.adapters.cache.counts import CacheCounts
from helium.adapters.cache.entry import Entry, decode, name_of
from helium.kit.clock import Clock

log = structlog.get_logger()
OWED_TAGS = 1_000


class Seen(NamedTuple):
    """A valid entry, or None, and the versions of tags at the moment of looking."""

    entry: Entry | None
    seconds_left: float
    versions: Mapping[str, str]

    @property
    def fresh_seconds(self) -> float:
        return self.seconds_left - self.entry.stale_seconds if self.entry else 0.0


class Shelf:
    """A backend as the front sees it. Keys are the callers', tags are names made by `name_of`. No method
    raises `CacheAway`."""

    def __init__(self, backend: Backend, clock: Clock) -> None:
        self._backend = backend
        # Tags whose invalidation is under way or has failed: no entry of theirs is used until it is done.
        self._owed: Bounded[None] = Bounded(clock, OWED_TAGS)

    async def look(self, key: str, tags: Sequence[str], counts: CacheCounts) -> Seen | None:
        """What there is. None where the backend is away."""
        try:
            await self._pay(tags)
            found = await self._backend.read(name_of(key), tags)
            if found.value is None:
                return Seen(None, 0.0, found.versions)
            entry = decode(found.value)
            if entry is None:
                counts.failures += 1
                log.warning("cache.unreadable")
                return Seen(None, 0.0, found.versions)
            versions = await self._all_versions(entry, found.versions)
        except CacheAway:
            counts.failures += 1
            return None
        if not entry.valid(versions) or not set(tags) <= entry.versions.keys():
            return Seen(None, 0.0, versions)
        return Seen(entry, found.seconds_left, versions)

    async def versions(
        self, tags: Sequence[str], known: Mapping[str, str], counts: CacheCounts
    ) -> Mapping[str, str] | None:
        """The versions of all these tags, made where there are none. None where the backend is away."""
        missing = [tag for tag in tags if tag not in known]
        try:
            made = await self._backend.versions(missing) if missing else {}
        except CacheAway:
            counts.failures += 1
            return None
        return {tag: version for tag, version in {**known, **made}.items() if tag in tags}

    async def write(self, key: str, raw: bytes, seconds: float, counts: CacheCounts) -> None:
        try:
            await self._backend.write(name_of(key), raw, min(seconds, TAG_SECONDS))
        except CacheAway:
            counts.failures += 1

    async def delete(self, key: str, counts: CacheCounts) -> None:
        try:
            await self._backend.delete(name_of(key))
        except CacheAway:
            counts.failures += 1

    async def invalidate(self, tag: str, counts: CacheCounts) -> None:
        self._owed.put(tag, None, TAG_SECONDS)
        try:
            await self._pay([tag])
        except CacheAway:
            counts.failures += 1

    async def _all_versions(self, entry: Entry, known: Mapping[str, str]) -> Mapping[str, str]:
        """`known`, and the versions of those tags of the entry that its reader did not name."""
        others = [tag for tag in entry.versions if tag not in known]
        if not others:
            return known
        await self._pay(others)
        return {**known, **await self._backend.versions(others)}

    async def _pay(self, tags: Iterable[str]) -> None:
        owed = [tag for tag in tags if self._owed.get(tag) is not None]
        if owed:
            await self._backend.renew(owed)
            for tag in owed:
                self._owed.drop(tag)


def value_of(raw: bytes) -> Any:
    """The value as JSON gives it back, from an entry that was just encoded."""
    entry = decode(raw)
    assert entry is not None
    return entry.value
