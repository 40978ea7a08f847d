"""What is stored for a value, and under which names."""

import hashlib
from collections.abc import Mapping
from typing import Any

import msgspec


class Entry(msgspec.Struct, frozen=True, array_like=True):
    """A JSON value, how long it may be given when it is old, and the versions it was made under."""

    value: Any
    stale_seconds: float
    versions: dict[str, str]

    def valid(self, versions: Mapping[str, str]) -> bool:
        """Whether none of its tags has another version, or has lost it."""
        return all(versions.get(tag) == version for tag, version in self.versions.items())


def name_of(text: str) -> str:
    """Of a key or tag, hashed: no caller's text is another name, a long one, or one that cannot be sent."""
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()


encode = msgspec.json.Encoder().encode
_decoder = msgspec.json.Decoder(Entry)


def decode(raw: bytes) -> Entry | None:
    """None for what is not an entry."""
    try:
        return _decoder.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
