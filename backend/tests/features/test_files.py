"""`/v1/files`: what OpenAI's client and a browser are given."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import httpx2
import openai
import pytest

from helium.adapters.blobs import open_blobs
from helium.bootstrap import Helium
from tests.blobs.desk import Desk, open_desk
from tests.support.object_stores import Bucket

pytestmark = pytest.mark.postgres
PNG = b"\x89PNG\r\n\x1a\n" + bytes(20)


@pytest.fixture
async def desk(helium: Helium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    store = await asyncio.to_thread(open_blobs, (tmp_path / "blobs").as_uri())
    async with open_desk(helium, store, monkeypatch) as made:
        yield made


@pytest.fixture
async def official(desk: Desk) -> AsyncIterator[openai.AsyncOpenAI]:
    """OpenAI's client as it comes, on the application in this process."""
    key = desk.http.headers["Authorization"].removeprefix("Bearer ")
    http = httpx2.AsyncClient(transport=httpx2.ASGITransport(desk.app))  # pyright: ignore[reportArgumentType]
    async with openai.AsyncOpenAI(
        base_url="http://helium/v1", api_key=key, http_client=http, max_retries=0
    ) as client:
        yield client


async def test_the_official_client_keeps_a_file(official: openai.AsyncOpenAI, tmp_path: Path) -> None:
    path = tmp_path / "report July.txt"
    path.write_bytes(b"It was hot.")

    made = await official.files.create(file=path, purpose="user_data")

    assert (made.object, made.filename, made.bytes) == ("file", "report July.txt", 11)
    assert (made.purpose, made.status, made.expires_at) == ("user_data", "processed", None)
    assert await official.files.retrieve(made.id) == made
    assert (await official.files.content(made.id)).content == b"It was hot."
    deleted = await official.files.delete(made.id)
    assert (deleted.id, deleted.object, deleted.deleted) == (made.id, "file", True)
    for call in (official.files.retrieve, official.files.content, official.files.delete):
        with pytest.raises(openai.NotFoundError):
            await call(made.id)


async def test_the_official_client_lists_page_by_page(official: openai.AsyncOpenAI) -> None:
    made = [
        await official.files.create(
            file=(f"{number}.txt", b"x"), purpose="vision" if number % 2 else "user_data"
        )
        for number in range(5)
    ]
    ids = [file.id for file in made]

    assert [file.id async for file in official.files.list(limit=2)] == ids[::-1]
    assert [file.id async for file in official.files.list(limit=2, order="asc")] == ids
    assert [file.id async for file in official.files.list(purpose="vision")] == [ids[3], ids[1]]
    page = await official.files.list(limit=10_000, after=ids[1])
    assert (page.data, page.has_more) == ([made[0]], False)


async def test_the_official_client_says_how_long_a_file_lives(official: openai.AsyncOpenAI) -> None:
    made = await official.files.create(
        file=b"x", purpose="batch", expires_after={"anchor": "created_at", "seconds": 3600}
    )

    assert made.expires_at == made.created_at + 3600


@pytest.mark.parametrize(
    ("arguments", "param"),
    [
        ({"purpose": "No spaces"}, "purpose"),
        ({"expires_after": {"anchor": "created_at", "seconds": 60}}, "expires_after"),
        ({"expires_after": {"anchor": "last_used_at", "seconds": 3600}}, "expires_after"),
        ({"extra_body": {"colour": "blue"}}, "colour"),
    ],
)
async def test_the_official_client_raises_its_own_error(
    official: openai.AsyncOpenAI, desk: Desk, arguments: dict[str, Any], param: str
) -> None:
    call: dict[str, Any] = {"file": b"x", "purpose": "user_data", **arguments}
    with pytest.raises(openai.BadRequestError) as caught:
        await official.files.create(**call)

    assert (caught.value.param, caught.value.code) == (param, "invalid_request")
    assert await desk.nothing_left()


async def test_what_a_file_is_follows_from_its_bytes_and_not_from_its_sender(desk: Desk) -> None:
    form = {"file": ("a.html", PNG, "text/html")}
    made = (await desk.http.post("/v1/files", data={"purpose": "vision"}, files=form)).json()

    answer = await desk.content(made["id"])

    assert made["content_type"] == answer.headers["content-type"] == "image/png"
    assert made["sha256"] == hashlib.sha256(PNG).hexdigest()


async def test_a_page_that_somebody_uploaded_is_never_run_by_a_browser(desk: Desk) -> None:
    page = b"<html><script>alert(1)</script>"
    name = 'ü"\r\nx: y/../../..\\😀.html'

    answer = await desk.content(await desk.stored(page, name))

    assert answer.content == page
    shown = {key: answer.headers[key] for key in ("content-type", "content-disposition", "etag")}
    assert shown == {
        "content-type": "text/plain; charset=utf-8",
        "content-disposition": "attachment; filename=\"_.html\"; filename*=UTF-8''%F0%9F%98%80.html",
        "etag": f'"{hashlib.sha256(page).hexdigest()}"',
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["content-security-policy"] == "default-src 'none'; sandbox"
    assert answer.headers["content-length"] == str(len(page))


@pytest.mark.parametrize(
    ("wanted", "status", "content", "says"),
    [
        ("bytes=2-4", 206, b"234", "bytes 2-4/10"),
        ("bytes=7-", 206, b"789", "bytes 7-9/10"),
        ("bytes=-3", 206, b"789", "bytes 7-9/10"),
        ("bytes=-30", 206, b"0123456789", "bytes 0-9/10"),
        ("bytes=8-99", 206, b"89", "bytes 8-9/10"),
        ("bytes=10-", 416, b"", "bytes */10"),
        ("bytes=-0", 416, b"", "bytes */10"),
        ("bytes=4-2", 200, b"0123456789", None),
        ("bytes=0-1,3-4", 200, b"0123456789", None),
        ("lines=1-2", 200, b"0123456789", None),
        ("bytes=-", 200, b"0123456789", None),
    ],
)
async def test_a_range_of_a_file(desk: Desk, wanted: str, status: int, content: bytes, says: str) -> None:
    answer = await desk.content(await desk.stored(b"0123456789"), range=wanted)

    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers.get("content-range") == says


async def test_a_copy_that_is_still_right_is_not_sent_again(desk: Desk) -> None:
    file_id = await desk.stored(b"0123456789")
    tag = (await desk.content(file_id)).headers["etag"]

    known = {"if-none-match": f'"other", {tag}'}
    assert (await desk.content(file_id, **known)).status_code == 304
    old = {"range": "bytes=0-1", "if-range": '"other"'}
    assert (await desk.content(file_id, **old)).status_code == 200


async def test_an_empty_file_is_a_file(desk: Desk) -> None:
    answer = await desk.content(await desk.stored(b""))

    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


async def test_a_store_without_links_says_so(desk: Desk) -> None:
    answer = await desk.http.get(f"/v1/files/{await desk.stored()}/content?link=true")

    assert answer.json() == {"url": None, "expires_at": None}


async def test_a_link_leads_to_the_bytes_themselves(
    helium: Helium, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket = await asyncio.to_thread(Bucket)
    async with open_desk(helium, bucket.s3(), monkeypatch) as desk:
        file_id = await desk.stored(b"hello")
        link = (await desk.http.get(f"/v1/files/{file_id}/content?link=true")).json()

        async with httpx.AsyncClient() as anybody:
            assert (await anybody.get(link["url"])).content == b"hello"
        assert link["expires_at"] is not None


async def test_a_file_is_its_workspaces_own(desk: Desk) -> None:
    file_id = await desk.stored()

    async with desk.somebody() as stranger:
        for method, path in (
            ("GET", ""),
            ("GET", "/content"),
            ("GET", "/content?link=true"),
            ("DELETE", ""),
        ):
            assert (await stranger.request(method, f"/v1/files/{file_id}{path}")).status_code == 404
        assert (await stranger.get("/v1/files")).json()["data"] == []
    assert (await desk.content(file_id)).content == b"hello"


async def test_a_key_without_the_scope_may_read_and_not_write(desk: Desk) -> None:
    async with desk.somebody("agents") as reader:
        form = {"file": ("a", b"x")}
        answers = (
            await reader.post("/v1/files", data={"purpose": "vision"}, files=form),
            await reader.delete("/v1/files/file_0"),
            await reader.get("/v1/files"),
        )
    assert [answer.status_code for answer in answers] == [403, 403, 200]


@pytest.mark.parametrize("query", ["limit=0", "limit=10001", "order=up", "after=nonsense"])
async def test_a_list_is_asked_for_in_its_own_words(desk: Desk, query: str) -> None:
    answer = await desk.http.get(f"/v1/files?{query}")

    assert (answer.status_code, answer.json()["error"]["param"]) == (400, query.partition("=")[0])
