"""Server-sent events from bytes, as the WHATWG standard parses them, incrementally and without I/O.

Two liberties: `id` and `retry` fields are dropped (nobody resumes a provider's stream), and `close`
gives the last event even without its blank line (some servers omit it after `[DONE]`).
"""

from helium.core.errors import Retryable

MAX_EVENT = 1 << 24
"""Bytes. Whole pictures come in one event; a stream that never ends one must not fill the memory."""

_BOM = b"\xef\xbb\xbf"

ServerEvent = tuple[bytes, bytes]
"""The event's name (empty if it has none) and its data."""


class SseParser:
    """Feed it bytes as they come; it gives the events that are complete."""

    def __init__(self) -> None:
        self._rest = b""
        self._at_start = True

    def feed(self, data: bytes) -> list[ServerEvent]:
        """The events that these bytes complete. Raises `Retryable` for an event beyond all measure."""
        buffer = self._rest + data if self._rest else data
        if self._at_start:
            if _BOM.startswith(buffer[:3]) and len(buffer) < 3:
                self._rest = buffer
                return []
            buffer = buffer.removeprefix(_BOM)
            self._at_start = False
        if b"\r" in buffer:
            buffer, held = _normal_line_ends(buffer)
        else:
            held = b""
        *blocks, rest = buffer.split(b"\n\n")
        self._rest = rest + held
        if len(self._rest) > MAX_EVENT:
            raise Retryable("the provider sent an event without an end")
        return [event for block in blocks if (event := _event(block)) is not None]

    def close(self) -> list[ServerEvent]:
        """The event that was not ended by a blank line, if it has data."""
        rest, self._rest = self._rest, b""
        event = _event(rest.replace(b"\r", b"\n"))
        return [] if event is None else [event]


def _normal_line_ends(buffer: bytes) -> tuple[bytes, bytes]:
    """The buffer with line feeds only. A carriage return at its end waits: a line feed may follow."""
    held = b""
    if buffer.endswith(b"\r"):
        buffer, held = buffer[:-1], b"\r"
    return buffer.replace(b"\r\n", b"\n").replace(b"\r", b"\n"), held


def _event(block: bytes) -> ServerEvent | None:
    if block.startswith(b"data: ") and b"\n" not in block:
        return b"", block[6:]
    if block.startswith(b"event: "):
        head, found, tail = block.partition(b"\ndata: ")
        if found and b"\n" not in tail and b"\n" not in head:
            return head[7:], tail
    name = b""
    data: list[bytes] = []
    for line in block.split(b"\n"):
        field, _, value = line.partition(b":")
        if field == b"data":
            data.append(value.removeprefix(b" "))
        elif field == b"event":
            name = value.removeprefix(b" ")
    return (name, b"\n".join(data)) if data else None
