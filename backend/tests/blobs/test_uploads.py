"""The guards of an upload: sizes, forms, failures in the middle, and memory."""

import asyncio
import dataclasses
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from helium.bootstrap import Helium
from helium.features.files.service import UploadLimits
from tests.blobs.desk import LIMITS, Desk, open_desk
from tests.support.object_stores import new_store

pytestmark = pytest.mark.postgres
BOUNDARY = "the-boundary"
TYPE = {"content-type": f"multipart/form-data; boundary={BOUNDARY}"}
MEBIBYTE = 1024 * 1024


def part(name: str, content: bytes, more: str = "") -> bytes:
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{more}\r\n\r\n'
    return head.encode() + content + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()
PURPOSE = part("purpose", b"user_data")
FILE = part("file", b"hello", '; filename="a.txt"')


async def in_pieces(body: bytes, size: int = 1000) -> AsyncIterator[bytes]:
    """A body without a length: httpx sends it in chunks."""
    for start in range(0, len(body), size):
        yield body[start : start + size]


async def post(
    desk: Desk, body: bytes | AsyncIterator[bytes], **headers: str
) -> tuple[int, dict[str, Any]]:
    answer = await desk.http.post("/v1/files", content=body, headers={**TYPE, **headers})
    return answer.status_code, answer.json()


@pytest.mark.parametrize("size", [1, 2, 7, 100, 10_000])
async def test_a_form_may_come_in_any_pieces_and_any_order(desk: Desk, size: int) -> None:
    for body in (PURPOSE + FILE + END, FILE + PURPOSE + END):
        status, made = await post(desk, in_pieces(body, size))

        assert (status, made["filename"], made["bytes"]) == (200, "a.txt", 5)
        assert (await desk.content(made["id"])).content == b"hello"


FAULTS = {
    "no file": (PURPOSE + END, "file", "There is no file in this form"),
    "a file of another name": (PURPOSE + FILE.replace(b'"file"', b'"data"') + END, "file", "no file"),
    "two files": (PURPOSE + FILE + FILE + END, "file", "a second file"),
    "no purpose": (FILE + END, "purpose", "Say what the file is for"),
    "a purpose twice": (PURPOSE + PURPOSE + FILE + END, "purpose", "one of them twice"),
    "a long field": (part("purpose", b"x" * 4097) + FILE + END, "purpose", "too long"),
    "many fields": (
        b"".join(part(str(number), b"") for number in range(9)) + FILE + END,
        "8",
        "too many fields",
    ),
    "an unknown field": (part("colour", b"blue") + PURPOSE + FILE + END, "colour", "not supported"),
    "an unknown field after the file": (PURPOSE + FILE + part("colour", b"") + END, "colour", "supported"),
    "half a form": (PURPOSE + FILE[:-4], None, "cut short"),
    "half a head": (PURPOSE + FILE[:30], None, "cut short"),
    "no form": (b"hello", None, "cannot be read"),
    "nothing": (b"", None, "cut short"),
    "a long header": (
        f"--{BOUNDARY}\r\nContent-Disposition: {'x' * 9000}\r\n\r\n".encode(),
        None,
        "cannot be read",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_form_with_a_fault_is_refused_and_nothing_is_kept(desk: Desk, fault: str) -> None:
    body, param, sentence = FAULTS[fault]

    for way in (body, in_pieces(body)):
        status, answer = await post(desk, way)

        assert (status, answer["error"]["param"]) == (400, param)
        assert sentence in answer["error"]["message"]
    assert await desk.nothing_left()


@pytest.mark.parametrize(
    "content_type", ["application/json", "multipart/form-data", f"multipart/form-data; boundary={'x' * 71}"]
)
async def test_something_else_than_a_form_is_refused(desk: Desk, content_type: str) -> None:
    status, answer = await post(desk, PURPOSE + FILE + END, **{"content-type": content_type})

    assert status == 400
    assert "Send multipart/form-data" in answer["error"]["message"]


async def test_a_file_may_have_the_most_bytes_and_not_one_more(desk: Desk) -> None:
    most = bytes(LIMITS.max_bytes)
    assert (await desk.upload(most)).status_code == 200

    large = PURPOSE + part("file", most + b"x", '; filename="a"') + END
    for way in (large, in_pieces(large, 60_000)):
        status, answer = await post(desk, way)
        assert (status, answer["error"]["param"]) == (400, "file")
        assert "too large: 1,000,000 bytes at most. Send it in parts" in answer["error"]["message"]
    assert await desk.rows() == [("stored", len(most))]
    assert len(await desk.keys()) == 1


async def test_what_is_plainly_too_large_is_refused_before_it_is_read(desk: Desk) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("it was read")
        yield b""

    status, answer = await post(desk, never(), **{"content-length": "2000000"})

    assert (status, answer["error"]["code"]) == (400, "invalid_request")


async def test_a_workspace_is_full_at_its_most_bytes(desk: Desk) -> None:
    ids = [await desk.stored(bytes(1_000_000)) for _ in range(2)]
    await desk.stored(bytes(800_000))

    body = PURPOSE + part("file", bytes(210_000), '; filename="a"') + END
    for way in (body, in_pieces(body, 10_000)):
        status, answer = await post(desk, way)
        assert status == 400
        assert "may have 3,000,000 bytes in all. Delete some" in answer["error"]["message"]
    assert len(await desk.rows()) == 3

    await desk.http.delete(f"/v1/files/{ids[0]}")
    assert (await post(desk, body))[0] == 200
    async with desk.somebody() as other:
        form = {"file": ("a", bytes(900_000))}
        answer = await other.post("/v1/files", data={"purpose": "vision"}, files=form)
        assert answer.status_code == 200


async def test_uploads_at_once_do_not_fill_a_workspace_beyond_its_most_bytes(desk: Desk) -> None:
    answers = await asyncio.gather(*(desk.upload(bytes(900_000)) for _ in range(6)))

    assert sorted(answer.status_code for answer in answers) == [200] * 3 + [400] * 3
    assert await desk.rows() == [("stored", 900_000)] * 3
    assert len(await desk.keys()) == 3


async def test_a_client_that_leaves_in_the_middle_leaves_nothing(desk: Desk) -> None:
    body = PURPOSE + part("file", bytes(100_000), '; filename="a"')
    messages: list[dict[str, Any]] = [
        {"type": "http.request", "body": body[:50_000], "more_body": True},
        {"type": "http.disconnect"},
    ]
    rows: list[tuple[str, int]] = []

    async def receive() -> dict[str, Any]:
        if len(messages) == 1:
            rows.extend(await desk.rows())
        return messages.pop(0) if len(messages) > 1 else messages[0]

    async def send(message: Any) -> None:
        return

    headers = {**TYPE, "authorization": desk.http.headers["authorization"], "content-length": "100500"}
    scope = {
        "type": "http",
        "method": "POST",
        "path": "/v1/files",
        "raw_path": b"/v1/files",
        "query_string": b"",
        "headers": [(key.encode(), value.encode()) for key, value in headers.items()],
    }
    await desk.app(scope, receive, send)

    assert rows == [("uploading", 100_500)]
    assert await desk.nothing_left()


@pytest.mark.parametrize("point", ["before put", "after put"])
async def test_a_store_that_fails_is_told_to_the_client_and_nothing_is_kept(desk: Desk, point: str) -> None:
    desk.blobs.fails_at = point

    answer = await desk.upload(b"hello")

    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "unavailable")
    assert await desk.nothing_left()


async def test_bytes_that_are_missing_are_an_error_and_no_broken_answer(desk: Desk) -> None:
    file_id = await desk.stored()
    for key in await desk.keys():
        await desk.blobs.delete(key)

    assert (await desk.content(file_id)).status_code == 404


async def test_a_file_lives_as_long_as_the_installation_says(
    helium: Helium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, _ = new_store("memory", tmp_path)
    limits = dataclasses.replace(LIMITS, lifetime=timedelta(days=7))
    async with open_desk(helium, store, monkeypatch, limits) as desk:
        own = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
        made = [(await desk.upload(b"x", fields=fields)).json() for fields in ({}, own)]

    assert [file["expires_at"] - file["created_at"] for file in made] == [7 * 86_400, 3600]


def resident_bytes() -> int:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.parametrize("kind", ["folder", "s3"])
async def test_an_upload_of_200_mb_takes_little_memory(
    helium: Helium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Literal["folder", "s3"]
) -> None:
    store, _ = await asyncio.to_thread(new_store, kind, tmp_path)
    limits = UploadLimits(max_bytes=300_000_000, workspace_bytes=300_000_000)
    piece = os.urandom(64 * 1024)
    pieces, most, digest = 3200, 0, hashlib.sha256()

    async def body() -> AsyncIterator[bytes]:
        nonlocal most
        yield PURPOSE + part("file", b"", '; filename="a"')[:-2]
        for number in range(pieces):
            yield piece
            digest.update(piece)
            if number % 16 == 0:
                most = max(most, await asyncio.to_thread(resident_bytes))
        yield b"\r\n" + END

    async with open_desk(helium, store, monkeypatch, limits) as desk:
        await desk.stored(b"the code is loaded")
        before = await asyncio.to_thread(resident_bytes)
        status, made = await post(desk, body())
        (key,) = [key for key in await desk.keys() if key.endswith(made["id"].removeprefix("file_"))]
        # The server reads the whole blob for each piece, so 10 of 100 are enough of it.
        end = None if kind == "folder" else 20 * MEBIBYTE
        received = hashlib.sha256()
        async for chunk in store.get(key, end=end):
            received.update(chunk)
            most = max(most, await asyncio.to_thread(resident_bytes))

    assert (status, made["bytes"]) == (200, pieces * len(piece))
    assert made["sha256"] == digest.hexdigest()
    assert end or received.hexdigest() == digest.hexdigest()
    assert most - before < 32 * MEBIBYTE, f"{(most - before) / MEBIBYTE:.1f} MiB"
