"""What a file is called and what it is, by rules of ours."""

import pytest

from helium.features.files.content_type import SNIFF_BYTES, TEXT, UNKNOWN, content_type_of
from helium.features.files.download import disposition
from helium.features.files.upload_form import clean_name

HEADS = {
    b"%PDF-1.7\n": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff\xe0": "image/jpeg",
    b"GIF89a": "image/gif",
    b"RIFF\x00\x00\x00\x00WEBP": "image/webp",
    b"RIFF\x00\x00\x00\x00WAVE": "audio/wav",
    b"JUNK\x00\x00\x00\x00WAVE": UNKNOWN,
    b"PK\x03\x04": "application/zip",
    b"\x1f\x8b\x08": "application/gzip",
    bytes(257) + b"ustar": "application/x-tar",
    b"": UNKNOWN,
    b"\x00": UNKNOWN,
    b"\xff\xfe": UNKNOWN,
    b"<svg onload='alert(1)'>": TEXT,
    b"<!doctype html>": TEXT,
    "Grüße\n".encode(): TEXT,
    b"\x1b[31m": UNKNOWN,
    b"a" * (SNIFF_BYTES - 1) + "ü".encode(): TEXT,
    b"a" * SNIFF_BYTES + b"\x00": TEXT,
}


@pytest.mark.parametrize(("head", "expected"), HEADS.items())
def test_a_type_follows_from_the_first_bytes(head: bytes, expected: str) -> None:
    assert content_type_of(head) == expected


NAMES = {
    "report.pdf": "report.pdf",
    "../../etc/passwd": "passwd",
    "C:\\Users\\Ann\\a.txt": "a.txt",
    "a\r\nSet-Cookie: x": "aSet-Cookie: x",
    "evil\u202egnp.exe": "evilgnp.exe",
    "a\x00b": "ab",
    "": "file",
    "folder/": "file",
    " \t": "file",
    "cafe\u0301.txt": "caf\u00e9.txt",
    "x" * 300: "x" * 255,
}


@pytest.mark.parametrize(("given", "kept"), NAMES.items(), ids=map(ascii, NAMES))
def test_a_name_is_kept_as_text_without_what_could_mislead(given: str, kept: str) -> None:
    assert clean_name(given) == kept


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("a b.txt", "attachment; filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
        ('a"; x="b', "attachment; filename=\"a__ x__b\"; filename*=UTF-8''a%22%3B%20x%3D%22b"),
        ("ü'.txt", "attachment; filename=\"__.txt\"; filename*=UTF-8''%C3%BC%27.txt"),
    ],
)
def test_a_name_cannot_leave_its_header(name: str, expected: str) -> None:
    assert disposition(name) == expected
