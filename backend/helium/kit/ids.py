"""Ids: version 7 UUIDs (RFC 9562, section 5.7), sortable by time; prefixed only on the wire."""

import os
import time
from uuid import UUID


def new_id() -> UUID:
    """A UUID whose first 48 bits are the milliseconds since 1970, and 74 of the rest random."""
    milliseconds = time.time_ns() // 1_000_000
    noise = int.from_bytes(os.urandom(10), "big")
    high = (milliseconds << 16 | 0x7000 | noise >> 68) << 64
    return UUID(int=high | 0b10 << 62 | noise & (1 << 62) - 1)


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
