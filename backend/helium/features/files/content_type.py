"""What a file is, by its first bytes. What its sender calls it is never believed."""

import codecs

SNIFF_BYTES = 4096

UNKNOWN = "application/octet-stream"
TEXT = "text/plain; charset=utf-8"

_TABLE: tuple[tuple[int, bytes, str], ...] = (
    (0, b"%PDF-", "application/pdf"),
    (0, b"\x89PNG\r\n\x1a\n", "image/png"),
    (0, b"\xff\xd8\xff", "image/jpeg"),
    (0, b"GIF87a", "image/gif"),
    (0, b"GIF89a", "image/gif"),
    (8, b"WEBP", "image/webp"),
    (8, b"WAVE", "audio/wav"),
    (0, b"ID3", "audio/mpeg"),
    (0, b"fLaC", "audio/flac"),
    (0, b"OggS", "audio/ogg"),
    (4, b"ftyp", "video/mp4"),
    (0, b"\x1aE\xdf\xa3", "video/webm"),
    (0, b"PK\x03\x04", "application/zip"),
    (0, b"PK\x05\x06", "application/zip"),
    (0, b"\x1f\x8b", "application/gzip"),
    (0, b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (257, b"ustar", "application/x-tar"),
)
"""Where, what, and what it means. No type in here, and no text, is one that a browser runs."""


def content_type_of(head: bytes) -> str:
    """The type of a file that begins so: at most `SNIFF_BYTES` of it are looked at."""
    head = head[:SNIFF_BYTES]
    for offset, magic, content_type in _TABLE:
        if head.startswith(magic, offset) and (offset != 8 or head.startswith(b"RIFF")):
            return content_type
    return TEXT if _is_text(head) else UNKNOWN


def _is_text(head: bytes) -> bool:
    """UTF-8 without control characters but white space. HTML, SVG and scripts are shown as text."""
    try:
        text = codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return bool(head) and all(letter >= " " or letter in "\t\n\r\f" for letter in text)
