"""What an API key looks like: `hel_<environment>_<id>_<secret>_<checksum>`.

The id finds the row, the secret (192 random bits) proves it, the checksum lets a scanner tell a key from
noise without asking us. Only the secret's SHA-256 is stored: a random secret needs no slow hash.
"""

import hashlib
import re
import secrets
import zlib
from dataclasses import dataclass
from uuid import UUID

_PATTERN = re.compile(r"hel_([a-z]{1,12})_([0-9a-f]{32})_([0-9a-f]{48})_([0-9a-f]{8})")


@dataclass(frozen=True, slots=True)
class ParsedKey:
    id: UUID
    secret: str


def make_key(key_id: UUID, environment: str = "live") -> str:
    """A new key for this id. It cannot be made again: show it once."""
    body = f"hel_{environment}_{key_id.hex}_{secrets.token_hex(24)}"
    return f"{body}_{_checksum(body)}"


def parse_key(text: str) -> ParsedKey | None:
    """The parts of a well-formed key, or None."""
    match = _PATTERN.fullmatch(text)
    if match is None or _checksum(text.rpartition("_")[0]) != match.group(4):
        return None
    return ParsedKey(UUID(hex=match.group(2)), match.group(3))


def hash_secret(secret: str) -> bytes:
    return hashlib.sha256(secret.encode()).digest()


def _checksum(body: str) -> str:
    return f"{zlib.crc32(body.encode()):08x}"
