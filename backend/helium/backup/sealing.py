"""How bytes of a backup are stored: compressed, and encrypted in pieces with a key of each part's own.

AES-256-GCM. The number of a piece and whether it is the last are its nonce, so that pieces cannot be
exchanged, repeated or cut off; the part's name makes its key, so that parts cannot be exchanged.
"""

import base64
import binascii
import hashlib
import os
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING

import msgspec

from helium.backup.errors import BackupFailed

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

PIECE_BYTES = 1024 * 1024
KEY_BYTES = 32
TAG_BYTES = 16
LEVEL = 3  # of 9: JSON shrinks to a seventh; 6 takes twice the time for a tenth less
_WRAP = b"helium backup data key"


class WrappedKey(msgspec.Struct, frozen=True, kw_only=True):
    """A backup's own key, locked with the installation's."""

    key_id: str
    """of the key that opens it"""
    nonce: bytes
    sealed: bytes


@dataclass(frozen=True, slots=True, repr=False)
class Keyring:
    """The installation's backup keys: the first locks, each of them opens."""

    keys: tuple[bytes, ...]

    @staticmethod
    def parse(text: str) -> "Keyring":
        """From `HELIUM_BACKUP_KEY`: 32 bytes in base64, or several with commas. Raises `BackupFailed`."""
        if find_spec("cryptography") is None:
            raise BackupFailed("HELIUM_BACKUP_KEY needs the package `cryptography`: install it.")
        return Keyring(tuple(_key(part.strip()) for part in text.split(",")))

    def wrap(self, data_key: bytes) -> WrappedKey:
        nonce = os.urandom(12)
        sealed = _aes(self.keys[0]).encrypt(nonce, data_key, _WRAP)
        return WrappedKey(key_id=key_id(self.keys[0]), nonce=nonce, sealed=sealed)

    def unwrap(self, wrapped: WrappedKey) -> bytes:
        """The data key. Raises `BackupFailed` if none of the keys is the right one."""
        for key in self.keys:
            if key_id(key) == wrapped.key_id:
                try:
                    return _aes(key).decrypt(wrapped.nonce, wrapped.sealed, _WRAP)
                except _invalid_tag():
                    raise BackupFailed(
                        "The backup's manifest was changed: its key does not open."
                    ) from None
        known = ", ".join(key_id(key) for key in self.keys)
        raise BackupFailed(
            f"The backup was made with the key {wrapped.key_id}, and HELIUM_BACKUP_KEY holds {known}."
        )


def new_data_key() -> bytes:
    return os.urandom(KEY_BYTES)


def key_id(key: bytes) -> str:
    """A name for a key that tells nothing about it."""
    return derived(key, "key id").hex()[:8]


def derived(key: bytes, purpose: str) -> bytes:
    """A key of 32 bytes for one purpose."""
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    return HKDF(SHA256(), KEY_BYTES, salt=None, info=f"helium backup {purpose}".encode()).derive(key)


class Sealer:
    """Makes the stored form of one part. `size` and `digest` speak of what came out."""

    def __init__(self, data_key: bytes | None, part: str) -> None:
        self._cipher = _aes(derived(data_key, f"part {part}")) if data_key else None
        self._zip = zlib.compressobj(LEVEL)
        self._waiting = bytearray()
        self._number = 0
        self._sha = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> bytes:
        return self._sha.digest()

    def add(self, content: bytes) -> bytes:
        self._waiting += self._zip.compress(content)
        return self._whole_pieces()

    def finish(self) -> bytes:
        self._waiting += self._zip.flush()
        return self._whole_pieces() + self._sealed(bytes(self._waiting), last=True)

    def _whole_pieces(self) -> bytes:
        """All but the last piece, which only `finish` knows."""
        out = bytearray()
        while len(self._waiting) > PIECE_BYTES:
            out += self._sealed(bytes(self._waiting[:PIECE_BYTES]), last=False)
            del self._waiting[:PIECE_BYTES]
        return bytes(out)

    def _sealed(self, piece: bytes, *, last: bool) -> bytes:
        if self._cipher is not None:
            piece = self._cipher.encrypt(_nonce(self._number, last=last), piece, None)
        self._number += 1
        self.size += len(piece)
        self._sha.update(piece)
        return piece


class Opener:
    """The way back. What comes out is authentic piece by piece, and whole once `finish` has returned."""

    def __init__(self, data_key: bytes | None, part: str) -> None:
        self._cipher = _aes(derived(data_key, f"part {part}")) if data_key else None
        self._stride = PIECE_BYTES + (TAG_BYTES if data_key else 0)
        self._unzip = zlib.decompressobj()
        self._waiting = bytearray()
        self._number = 0
        self._part = part
        self._sha = hashlib.sha256()
        self.size = 0

    @property
    def digest(self) -> bytes:
        return self._sha.digest()

    def add(self, stored: bytes) -> Iterator[bytes]:
        """What these bytes hold, at most a piece at a time. Raises `BackupFailed`."""
        self._sha.update(stored)
        self.size += len(stored)
        self._waiting += stored
        while len(self._waiting) > self._stride:
            piece = bytes(self._waiting[: self._stride])
            del self._waiting[: self._stride]
            yield from self._opened(piece, last=False)

    def finish(self) -> Iterator[bytes]:
        yield from self._opened(bytes(self._waiting), last=True)
        if not self._unzip.eof or self._unzip.unused_data:
            raise self._changed()

    def _opened(self, piece: bytes, *, last: bool) -> Iterator[bytes]:
        piece = self._decrypted(piece, last=last)
        self._number += 1
        try:
            while piece:
                if content := self._unzip.decompress(piece, PIECE_BYTES):
                    yield content
                piece = self._unzip.unconsumed_tail
        except zlib.error:
            raise self._changed() from None

    def _decrypted(self, piece: bytes, *, last: bool) -> bytes:
        if self._cipher is None:
            return piece
        try:
            return self._cipher.decrypt(_nonce(self._number, last=last), piece, None)
        except _invalid_tag():
            raise self._changed() from None

    def _changed(self) -> BackupFailed:
        return BackupFailed(f"The part {self._part} of the backup is damaged or was changed.")


def _key(text: str) -> bytes:
    try:
        key = base64.b64decode(text, validate=True)
    except binascii.Error:
        key = b""
    if len(key) != KEY_BYTES:
        raise BackupFailed(
            "HELIUM_BACKUP_KEY is not 32 bytes in base64: make one with `openssl rand -base64 32`."
        )
    return key


def _nonce(number: int, *, last: bool) -> bytes:
    return number.to_bytes(11, "big") + bytes([last])


def _aes(key: bytes) -> "AESGCM":
    # Whoever only runs Helium does not pay for the import, nor needs the library.
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    return AESGCM(key)


def _invalid_tag() -> type[Exception]:
    from cryptography.exceptions import InvalidTag

    return InvalidTag
