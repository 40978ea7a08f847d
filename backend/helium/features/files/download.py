"""The headers around a file's bytes: which of them, and that no browser runs them."""

import re
from collections.abc import Mapping
from urllib.parse import quote

from helium.features.files.repository import FileRow

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})")


def file_headers(row: FileRow, span: tuple[int, int] | None = None) -> dict[str, str]:
    """For the whole file, or for the bytes from `span[0]` up to `span[1]` (exclusive)."""
    start, end = span or (0, row.size)
    headers = {
        "content-length": str(end - start),
        "content-disposition": disposition(row.name),
        "content-security-policy": "default-src 'none'; sandbox",
        "x-content-type-options": "nosniff",
        "cache-control": "private, no-cache",
        "accept-ranges": "bytes",
        "etag": etag(row),
    }
    return headers | ({"content-range": f"bytes {start}-{end - 1}/{row.size}"} if span else {})


def etag(row: FileRow) -> str:
    return f'"{row.sha256.hex()}"'


def disposition(name: str) -> str:
    """`attachment` with the name twice: in ASCII, and in full (RFC 6266, RFC 8187)."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def not_modified(headers: Mapping[str, str], row: FileRow) -> bool:
    known = [tag.strip().removeprefix("W/") for tag in headers.get("if-none-match", "").split(",")]
    return etag(row) in known or "*" in known


def wanted_range(headers: Mapping[str, str], row: FileRow) -> tuple[int, int] | None:
    """Start and end (exclusive) of the one range that is asked for; None for the whole file.

    An empty one cannot be had. Several ranges, other units and a range of another version are answered
    by the whole file, as RFC 9110 permits.
    """
    match = _RANGE.fullmatch(headers.get("range", ""))
    if match is None or match.group(0) == "bytes=-" or headers.get("if-range", etag(row)) != etag(row):
        return None
    first, last = match.groups()
    if not first:
        return max(0, row.size - int(last)), row.size
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last) + 1, row.size) if last else row.size
