"""Entries in this process, for one process or for tests."""

from collections.abc import Mapping, Sequence
from secrets import token_hex

from helium.adapters.cache.backend import TAG_SECONDS, Found
from helium.adapters.cache.bounded import Bounded
from helium.kit.clock import Clock


class MemoryCache:
    """A `Backend` of at most `entries` entries and as many tags. It never fails."""

    def __init__(self, clock: Clock, *, entries: int = 10_000) -> None:
        self._clock = clock
        self._values: Bounded[bytes] = Bounded(clock, entries)
        self._versions: Bounded[str] = Bounded(clock, entries)

    def __len__(self) -> int:
        return len(self._values)

    async def read(self, key: str, tags: Sequence[str]) -> Found:
        known = {tag: found[0] for tag in tags if (found := self._versions.get(tag))}
        entry = self._values.get(key)
        if entry is None:
            return Found(None, 0.0, known)
        return Found(entry[0], entry[1] - self._clock.monotonic(), known)

    async def write(self, key: str, value: bytes, seconds: float) -> None:
        self._values.put(key, value, seconds)

    async def delete(self, key: str) -> None:
        self._values.drop(key)

    async def versions(self, tags: Sequence[str]) -> Mapping[str, str]:
        return {tag: self._version(tag) for tag in tags}

    async def renew(self, tags: Sequence[str]) -> None:
        for tag in tags:
            self._versions.put(tag, token_hex(8), TAG_SECONDS)

    def _version(self, tag: str) -> str:
        found = self._versions.get(tag)
        version = found[0] if found else token_hex(8)
        self._versions.put(tag, version, TAG_SECONDS)
        return version
