"""What PostgreSQL's text cannot hold, and nobody means: NUL characters."""

import re

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


def without_nul(text: str) -> str:
    return text.replace("\x00", "\ufffd")


def json_without_nul(raw: bytes) -> bytes:
    """The same JSON with every escaped NUL replaced; an escaped backslash before `u0000` is none."""
    if b"\\u0000" not in raw:
        return raw
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", raw)
