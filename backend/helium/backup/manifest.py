"""What a backup says of itself. It is written last: without it there is no backup."""

import hashlib
import hmac
from typing import Literal

import msgspec

from helium.backup.errors import BackupFailed
from helium.backup.sealing import Keyring, WrappedKey, derived

FORMAT = 1
MOST_BYTES = 64 * 1024 * 1024


class Part(msgspec.Struct, frozen=True, kw_only=True):
    """One stored object."""

    name: str
    size: int
    """bytes, as stored"""
    sha256: bytes
    """of what is stored"""


class Table(msgspec.Struct, frozen=True, kw_only=True):
    """All rows of a table, in PostgreSQL's text form of COPY, over any number of parts."""

    name: str
    columns: list[str]
    rows: int
    parts: list[Part]


class Files(msgspec.Struct, frozen=True, kw_only=True):
    """The bytes of files, and the list of those that the snapshot's rows name."""

    blobs: int = 0
    bytes: int = 0
    missing: int = 0
    """rows whose bytes were not there: deleted while the backup was made, or lost before"""
    damaged: int = 0
    """blobs whose bytes are not those that were uploaded, kept as they are"""
    parts: list[Part] = []
    index: list[Part] = []


class Manifest(msgspec.Struct, frozen=True, kw_only=True):
    format: Literal[1] = FORMAT
    name: str
    helium: str
    """the version that made it"""
    schema: str
    """the revision of the database's schema"""
    server: str
    """PostgreSQL's version"""
    lsn: str
    """where PostgreSQL's log was at the snapshot; for people"""
    snapshot_at: float
    """seconds since 1970, by the database's clock"""
    began_at: float
    finished_at: float
    tables: list[Table]
    """each after those that it refers to"""
    files: Files
    key: WrappedKey | None
    """None: nothing is encrypted"""

    def parts(self) -> list[Part]:
        tables = [part for table in self.tables for part in table.parts]
        return [*tables, *self.files.index, *self.files.parts]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables)

    @property
    def size(self) -> int:
        """bytes, as stored"""
        return sum(part.size for part in self.parts())


def encoded(manifest: Manifest, data_key: bytes | None) -> bytes:
    """One line of JSON, and a line that seals it: with the backup's key, or only against accidents."""
    body = msgspec.json.encode(manifest)
    return body + b"\n" + _seal(body, data_key).encode() + b"\n"


def decoded(content: bytes, name: str, keyring: Keyring | None) -> tuple[Manifest, bytes | None]:
    """The manifest of the backup `name`, and its key. Raises `BackupFailed` if it is not to be trusted."""
    body, _, seal = content.partition(b"\n")
    try:
        manifest = msgspec.json.decode(body, type=Manifest)
    except msgspec.DecodeError:
        raise BackupFailed(
            f"The manifest of {name} cannot be read: it is damaged, or of a newer Helium."
        ) from None
    data_key = _data_key(manifest, keyring)
    if not hmac.compare_digest(_seal(body, data_key), seal.strip().decode("ascii", "replace")):
        raise BackupFailed(f"The manifest of {name} is damaged or was changed.")
    if manifest.name != name:
        raise BackupFailed(f"The backup in {name} is {manifest.name}: somebody has moved it.")
    return manifest, data_key


def _data_key(manifest: Manifest, keyring: Keyring | None) -> bytes | None:
    if manifest.key is None:
        # Whoever can write to the bucket could else pass off a backup of his own.
        if keyring is not None:
            raise BackupFailed(
                "This backup is not encrypted: unset HELIUM_BACKUP_KEY if you mean to use it all the same."
            )
        return None
    if keyring is None:
        raise BackupFailed(
            f"This backup is encrypted: set HELIUM_BACKUP_KEY to the key {manifest.key.key_id}."
        )
    return keyring.unwrap(manifest.key)


def _seal(body: bytes, data_key: bytes | None) -> str:
    if data_key is None:
        return hashlib.sha256(body).hexdigest()
    return hmac.digest(derived(data_key, "manifest"), body, "sha256").hex()
