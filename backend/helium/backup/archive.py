"""The place of backups: a folder for each, in it parts and, last of all, a manifest."""

import asyncio
import re
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator
from dataclasses import dataclass, field

from helium.backup.errors import BackupFailed
from helium.backup.manifest import MOST_BYTES, Manifest, Part, decoded, encoded
from helium.backup.sealing import PIECE_BYTES, Keyring, Opener, Sealer
from helium.core.errors import BlobNotFound
from helium.ports import BlobStore

PART_BYTES = 256 * 1024 * 1024
INCOMPLETE_SECONDS = 86_400.0
MANIFEST = "manifest.json"
NAME = re.compile(r"[a-z0-9][a-z0-9_.-]{0,99}")
_OURS = re.compile(rf"({NAME.pattern})/(manifest\.json|(?:table\.[a-z0-9_]+|index|files)\.\d{{5,}})")


@dataclass(slots=True)
class Found:
    """What lies in one backup's folder."""

    name: str
    complete_at: float | None = None
    """when its manifest was written, in seconds since 1970"""
    touched_at: float = 0.0
    sizes: dict[str, int] = field(default_factory=dict[str, int])
    """by part, in bytes"""


@dataclass(frozen=True, slots=True)
class Archive:
    """One backup: its parts in and out. `data_key` None: not encrypted. Memory is bounded."""

    blobs: BlobStore
    name: str
    data_key: bytes | None = field(repr=False)
    part_bytes: int = PART_BYTES

    async def write(self, name: str, chunks: AsyncIterable[bytes]) -> list[Part]:
        """Store a stream as parts `name.00000`, …; none for an empty stream. Durable on return."""
        parts: list[Part] = []
        pieces = _regrouped(chunks)
        async for first in pieces:
            sealer = Sealer(self.data_key, part := f"{name}.{len(parts):05d}")
            await self.blobs.put(f"{self.name}/{part}", self._sealed(first, pieces, sealer))
            parts.append(Part(name=part, size=sealer.size, sha256=sealer.digest))
        return parts

    async def _sealed(
        self, first: bytes, rest: AsyncIterator[bytes], sealer: Sealer
    ) -> AsyncGenerator[bytes]:
        # In a thread: both zlib and AES leave the interpreter to the copying meanwhile.
        piece: bytes | None = first
        while piece is not None:
            yield await asyncio.to_thread(sealer.add, piece)
            piece = await anext(rest, None) if sealer.size < self.part_bytes else None
        yield await asyncio.to_thread(sealer.finish)

    async def read(self, part: Part) -> AsyncGenerator[bytes]:
        """What a part holds. Raises `BackupFailed` at the first byte that is not what was written, and
        at the end if something is missing: trust nothing before the end."""
        opener = Opener(self.data_key, part.name)
        try:
            async for stored in self.blobs.get(f"{self.name}/{part.name}"):
                for content in opener.add(stored):
                    yield content
        except BlobNotFound:
            raise BackupFailed(f"The part {part.name} of {self.name} is missing.") from None
        for content in opener.finish():
            yield content
        if (opener.size, opener.digest) != (part.size, part.sha256):
            raise BackupFailed(f"The part {part.name} of {self.name} is damaged or was changed.")

    async def read_all(self, parts: list[Part]) -> AsyncGenerator[bytes]:
        for part in parts:
            async for content in self.read(part):
                yield content

    async def seal(self, manifest: Manifest) -> None:
        """Write the manifest: from here on there is a backup."""
        await self.blobs.put(f"{self.name}/{MANIFEST}", _one(encoded(manifest, self.data_key)))


class Backups:
    """All backups of one place."""

    def __init__(self, blobs: BlobStore, keyring: Keyring | None) -> None:
        self._blobs = blobs
        self._keyring = keyring

    async def find(self) -> list[Found]:
        """What is there, complete or not, the oldest first. What is not of a backup is left out."""
        found: dict[str, Found] = {}
        async for blob in self._blobs.list(""):
            if match := _OURS.fullmatch(blob.key):
                one = found.setdefault(match[1], Found(match[1]))
                one.sizes[match[2]] = blob.size
                one.touched_at = max(one.touched_at, blob.modified_at)
                if match[2] == MANIFEST:
                    one.complete_at = blob.modified_at
        return sorted(found.values(), key=lambda each: (each.complete_at or each.touched_at, each.name))

    async def open(self, name: str = "latest") -> tuple[Archive, Manifest]:
        """A complete backup; all parts are there in their sizes. Raises `BackupFailed` otherwise."""
        found = await self._choose(name)
        content = bytearray()
        async for chunk in self._blobs.get(f"{found.name}/{MANIFEST}"):
            content += chunk
            if len(content) > MOST_BYTES:
                raise BackupFailed(f"The manifest of {found.name} is damaged or was changed.")
        manifest, data_key = decoded(bytes(content), found.name, self._keyring)
        for part in manifest.parts():
            size = found.sizes.get(part.name)
            if size != part.size:
                wrong = "is missing" if size is None else f"has {size} bytes instead of {part.size}"
                raise BackupFailed(f"The part {part.name} of {found.name} {wrong}.")
        return Archive(self._blobs, found.name, data_key), manifest

    async def _choose(self, name: str) -> Found:
        found = await self.find()
        complete = [each for each in found if each.complete_at is not None]
        if name == "latest":
            if not complete:
                raise BackupFailed("There is no complete backup at this place.")
            return complete[-1]
        for each in found:
            if each.name == name:
                if each.complete_at is None:
                    raise BackupFailed(f"The backup {name} was never finished: it has no manifest.")
                return each
        known = ", ".join(each.name for each in complete[-5:]) or "none"
        raise BackupFailed(f"There is no backup {name} at this place. The latest: {known}.")

    async def must_be_free(self, name: str) -> None:
        """Raises `BackupFailed` if a new backup cannot have this name."""
        if name == "latest" or not NAME.fullmatch(name):
            raise BackupFailed(f"{name!r} cannot be a backup's name: use a-z, 0-9, dot, dash, underscore.")
        async for _ in self._blobs.list(name):
            raise BackupFailed(f"There is something called {name} already: choose another --name.")

    async def prune(self, keep: int, now: float) -> list[str]:
        """Delete complete backups but the newest `keep` (at least 1), and incomplete ones in which nothing
        was written for a day before `now` (seconds since 1970); the names of what is gone."""
        found = await self.find()
        complete = [each for each in found if each.complete_at is not None]
        gone = complete[: -max(1, keep)] + [
            each
            for each in found
            if each.complete_at is None and each.touched_at < now - INCOMPLETE_SECONDS
        ]
        for each in gone:
            # The manifest first: half a backup must never look whole.
            for part in sorted(each.sizes, key=lambda name: name != MANIFEST):
                await self._blobs.delete(f"{each.name}/{part}")
        return [each.name for each in gone]


async def _regrouped(chunks: AsyncIterable[bytes]) -> AsyncGenerator[bytes]:
    """The same bytes in pieces of about a mebibyte."""
    waiting = bytearray()
    async for chunk in chunks:
        waiting += chunk
        if len(waiting) >= PIECE_BYTES:
            yield bytes(waiting)
            waiting.clear()
    if waiting:
        yield bytes(waiting)


async def _one(content: bytes) -> AsyncGenerator[bytes]:
    yield content
