"""The life of a file: row, bytes, row again.

A file is there when its row says `stored`. The row is written first and removed last, so a process that
dies at any point leaves a row that says what is to be cleaned up, and never bytes that nobody knows.
"""

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import structlog

from helium.core.errors import BlobsUnavailable, Conflict, InvalidRequest
from helium.db.database import CONNECTION_ERRORS
from helium.features.files.content_type import SNIFF_BYTES, content_type_of
from helium.features.files.repository import FileRepository, FileRow, StoredAs
from helium.features.files.upload_form import UploadForm
from helium.kit.clock import Clock
from helium.kit.ids import new_id
from helium.ports import BlobStore

log = structlog.get_logger()

FOLDER = "files"
"""The folder of all files among the blobs: `files/<workspace>/<file>`."""

FORM_BYTES = 64 * 1024  # what a form may have beside its file before its length alone refuses it
TAKE_BACK_SECONDS = 10.0
SECONDS_OF_LIFE = (3600, 2_592_000)  # OpenAI's: an hour to 30 days

_FIELDS = {"purpose", "expires_after[anchor]", "expires_after[seconds]"}
_PURPOSE = re.compile(r"[a-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class UploadLimits:
    max_bytes: int
    workspace_bytes: int
    lifetime: timedelta | None = None
    """of files that say nothing themselves; None: for good"""
    link_lifetime: timedelta = timedelta(minutes=15)


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A URL that needs no key, until then (seconds since 1970)."""

    url: str
    expires_at: float


class FileService:
    """Uploads, removals and links of one process."""

    def __init__(
        self, repository: FileRepository, blobs: BlobStore, limits: UploadLimits, clock: Clock
    ) -> None:
        self.repository = repository
        self.blobs = blobs
        self._limits = limits
        self._clock = clock

    async def upload(self, workspace_id: UUID, form: UploadForm, length: int | None) -> FileRow:
        """Store the form's file; `length` is the request's, if it says. The file is durable on return.

        Raises `InvalidRequest` for a bad form, a file that is too large and a workspace that is full.
        Whatever it raises, nothing is kept.
        """
        if length is not None and length > self._limits.max_bytes + FORM_BYTES:
            raise self._too_large()
        name = await form.open()
        _check(form.fields)
        file_id = new_id()
        key = f"{FOLDER}/{workspace_id.hex}/{file_id.hex}"
        reserved = await self.repository.begin(
            file_id,
            workspace_id,
            key,
            name=name,
            wanted=min(max(length or self._limits.max_bytes, 1), self._limits.max_bytes),
            most=self._limits.workspace_bytes,
        )
        if reserved <= 0:
            raise self._full()
        try:
            if length is not None and length > reserved + FORM_BYTES:
                raise self._full()
            return await self._store(file_id, key, form, reserved)
        except BaseException:
            await self._take_back(file_id, key)
            raise

    async def _store(self, file_id: UUID, key: str, form: UploadForm, reserved: int) -> FileRow:
        measured = _Measured(reserved)
        try:
            await self.blobs.put(key, measured.pass_on(form.file()))
        except _OverLimit:
            raise self._too_large() if reserved == self._limits.max_bytes else self._full() from None
        fields = await form.rest()
        _check(fields)
        stored = StoredAs(
            purpose=_purpose(fields),
            content_type=content_type_of(bytes(measured.head)),
            size=measured.size,
            sha256=measured.digest.digest(),
            lifetime=_lifetime(fields) or self._limits.lifetime,
        )
        row = await self.repository.finish(file_id, stored)
        if row is None:
            raise Conflict("This upload took so long that it was given up. Send the file again.")
        return row

    async def _take_back(self, file_id: UUID, key: str) -> None:
        """Leave nothing of a failed upload. What cannot be done now is left to the clean-up."""
        try:
            async with asyncio.timeout(TAKE_BACK_SECONDS):
                await self.remove(file_id, key)
        except (*CONNECTION_ERRORS, BlobsUnavailable) as error:
            log.warning("file.take_back_failed", file_id=str(file_id), error=type(error).__name__)

    async def remove(self, file_id: UUID, key: str) -> None:
        """Remove a file for good. It is not there any more as soon as this has begun."""
        await self.repository.begin_delete(file_id)
        await self.blobs.delete(key)
        await self.repository.forget([file_id])

    async def link(self, row: FileRow) -> Link | None:
        """A link to the bytes themselves, None where the store has none to give."""
        lifetime = self._limits.link_lifetime
        expires_at = self._clock.time() + lifetime.total_seconds()
        url = await self.blobs.sign(row.blob_key, lifetime)
        return Link(url=url, expires_at=expires_at) if url is not None else None

    def _too_large(self) -> InvalidRequest:
        return InvalidRequest(
            f"The file is too large: {self._limits.max_bytes:,} bytes at most. Send it in parts, or have"
            " HELIUM_BLOBS__MAX_BYTES raised.",
            param="file",
        )

    def _full(self) -> InvalidRequest:
        return InvalidRequest(
            f"The file does not fit: this workspace's files may have {self._limits.workspace_bytes:,} bytes"
            " in all. Delete some, or have HELIUM_BLOBS__WORKSPACE_BYTES raised.",
            param="file",
        )


class _OverLimit(Exception):
    """More bytes came than there is room for."""


class _Measured:
    """Bytes that pass through: how many, their hash, and how they begin."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self.size = 0
        self.digest = hashlib.sha256()
        self.head = bytearray()

    async def pass_on(self, chunks: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
        async for chunk in chunks:
            self.size += len(chunk)
            if self.size > self._limit:
                raise _OverLimit
            self.digest.update(chunk)
            if len(self.head) < SNIFF_BYTES:
                self.head += chunk[:SNIFF_BYTES]
            yield chunk


def _check(fields: dict[str, str]) -> None:
    """Raises `InvalidRequest` for what is wrong with those fields that are there."""
    for name in fields.keys() - _FIELDS:
        raise InvalidRequest(f"The parameter {name[:80]!r} is not supported.", param=name[:80])
    if "purpose" in fields:
        _purpose(fields)
    _lifetime(fields)


def _purpose(fields: dict[str, str]) -> str:
    purpose = fields.get("purpose", "")
    if not _PURPOSE.fullmatch(purpose):
        raise InvalidRequest("Say what the file is for: `purpose`, such as user_data.", param="purpose")
    return purpose


def _lifetime(fields: dict[str, str]) -> timedelta | None:
    """How long the file is to live by its fields, None if they do not say."""
    anchor, seconds = fields.get("expires_after[anchor]"), fields.get("expires_after[seconds]")
    if anchor is None and seconds is None:
        return None
    least, most = SECONDS_OF_LIFE
    digits = seconds if seconds is not None and re.fullmatch(r"[0-9]{1,9}", seconds) else "0"
    if anchor != "created_at" or not least <= int(digits) <= most:
        raise InvalidRequest(
            f"expires_after needs `anchor` (created_at) and `seconds` ({least} to {most}).",
            param="expires_after",
        )
    return timedelta(seconds=int(digits))
