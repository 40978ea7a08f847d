"""Large bytes by key: files that people upload and artifacts that runs make."""

from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredBlob:
    """What is known of a stored blob."""

    key: str
    size: int
    """bytes"""
    modified_at: float
    """seconds since 1970"""
    etag: str | None = None


class BlobStore(Protocol):
    """Blobs by key. Keys are relative paths of ours, made of `[a-z0-9_./-]`, never of a user's words.

    Raises `BlobNotFound` for a key that is not there and `BlobsUnavailable` when the store does not
    answer (both in `core.errors`).
    """

    async def put(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        """Store a blob; its size in bytes. It is whole and durable when this returns, and not visible
        before; if `chunks` raises or this is cancelled nothing is kept. Memory is bounded."""
        ...

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> AsyncIterator[bytes]:
        """The bytes from `start` up to `end` (exclusive), in chunks."""
        ...

    async def stat(self, key: str) -> StoredBlob: ...

    async def delete(self, key: str) -> None:
        """Remove it. Nothing happens if it is not there."""
        ...

    def list(self, prefix: str) -> AsyncIterator[StoredBlob]:
        """All blobs whose key begins with this folder, in no order."""
        ...

    async def sign(self, key: str, lifetime: timedelta, *, method: str = "GET") -> str | None:
        """A URL that gives this blob to whoever has it, for a while; None where the store cannot (a
        local folder), and the caller must stream it."""
        ...
