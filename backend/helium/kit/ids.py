"""Ids: version 7 UUIDs (RFC 9562, section 5.7), sortable by time; prefixed only on the wire."""

import secrets
import time
from uuid import UUID


def new_id() -> UUID:
    """A UUID whose first 48 bits are the milliseconds since 1970, the rest random."""
    milliseconds = time.time_ns() // 1_000_000
    value = (milliseconds << 80) | (0x7 << 76) | (secrets.randbits(12) << 64)
    return UUID(int=value | (0b10 << 62) | secrets.randbits(62))


def to_wire(prefix: str, value: UUID) -> str:
    """`to_wire("run", id)` is `run_` and 32 hexadecimal digits."""
    return f"{prefix}_{value.hex}"


def from_wire(prefix: str, text: str) -> UUID | None:
    """The UUID in `text`, or None if it is not an id with this prefix."""
    head, _, digits = text.partition("_")
    if head != prefix or len(digits) != 32:
        return None
    try:
        return UUID(hex=digits)
    except ValueError:
        return None
