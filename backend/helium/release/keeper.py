"""The lock and the record of one release, as one process holds them."""

import asyncio
from typing import Any
from uuid import uuid4

import msgspec

from helium.kit.clock import Clock
from helium.kit.times import moment
from helium.release.ports import CloudAway, Locked, ReleaseTarget, Superseded
from helium.release.record import Release

TAKES = 10
"""How often a lock is reached for that its holder renews at the same moment."""


class Keeper:
    """Writes the record under a lock that expires `lock_seconds` after its last renewal."""

    def __init__(self, target: ReleaseTarget, clock: Clock, *, lock_seconds: float) -> None:
        self._target = target
        self._clock = clock
        self._lock_seconds = lock_seconds
        self._holder = uuid4().hex
        self._writing = asyncio.Lock()
        self._current: Release | None = None

    @property
    def release(self) -> Release:
        assert self._current is not None
        return self._current

    async def begin(self, release: Release) -> None:
        """Store a new release and hold it. Raises `Locked` if one is under way."""
        stored = await self._target.read()
        if stored is not None and not stored.over:
            raise Locked(_under_way(stored, self._clock.time()))
        await self._write(release, over=stored)

    async def take(self, *, even_if_held: bool = False) -> None:
        """Hold what is stored. Raises `Locked` if there is none, or if another process holds it."""
        for attempt in range(TAKES):
            stored = await self._target.read()
            if stored is None:
                raise Locked("There is no release here yet: begin one with `helium release start`.")
            if stored.held(self._clock.time()) and not even_if_held:
                raise Locked(_held(stored))
            try:
                await self._write(stored, over=stored)
                return
            except Superseded:  # its holder renewed the lock meanwhile
                if attempt + 1 == TAKES:
                    raise

    async def change(self, **changes: Any) -> None:
        """Record this. Raises `Superseded` if another process holds the release."""
        async with self._writing:
            await self._write(msgspec.structs.replace(self.release, **changes), over=self.release)

    async def let_go(self) -> None:
        """Give the lock back, so that nobody has to wait for its end."""
        async with self._writing:
            await self._write(self.release, over=self.release, held=False)

    async def renew(self) -> None:
        """Keep the lock, until cancelled. Raises `Superseded`."""
        while True:
            await self._clock.sleep(self._lock_seconds / 3)
            try:
                await self.change()
            except CloudAway:
                continue  # the next write tells whether the lock was lost

    async def _write(self, release: Release, *, over: Release | None, held: bool = True) -> None:
        until = self._clock.time() + self._lock_seconds if held and not release.over else 0.0
        written = msgspec.structs.replace(
            release,
            version=release.version + 1,
            holder=self._holder if until else "",
            held_until=until,
        )
        await self._target.save(written, over=over)
        self._current = written


def _under_way(stored: Release, now: float) -> str:
    if stored.held(now):
        return _held(stored)
    return (
        f"The release {stored.id} ended while {stored.state}: bring it to an end with"
        " `helium release resume` or `helium release rollback`."
    )


def _held(stored: Release) -> str:
    until = moment(stored.held_until).strftime("%H:%M:%S UTC")
    return (
        f"Another process works on the release {stored.id} ({stored.state}), at least until {until}:"
        " wait, or make sure that it is dead and say --take-over."
    )
