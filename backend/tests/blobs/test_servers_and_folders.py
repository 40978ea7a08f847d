"""What only a server or only a folder of blobs can get wrong."""

import asyncio
import json
import os
import socket
import stat
import subprocess
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from obstore.store import MemoryStore

from helium.adapters.blobs import ObjectBlobs, open_blobs
from helium.core.errors import BlobsUnavailable
from tests.support.moto_server import REGION, moto_server
from tests.support.object_stores import S3_KEY, Bucket, Opened

MEBIBYTE = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Opened:
    return Opened(open_blobs(tmp_path.as_uri()), list)


@pytest.fixture
async def httpx_client() -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient() as client:
        yield client


def service_account() -> str:
    """The key file of an account that exists nowhere."""
    made = subprocess.run(
        ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048"],
        check=True,
        capture_output=True,
        text=True,
    )
    return json.dumps(
        {
            "type": "service_account",
            "client_email": "nobody@nowhere.invalid",
            "private_key": made.stdout,
            "private_key_id": "1",
        }
    )


async def test_a_signed_link_gives_the_blob_to_whoever_has_it_and_changes_nothing(
    httpx_client: httpx.AsyncClient,
) -> None:
    bucket = await asyncio.to_thread(Bucket)
    store = Opened(bucket.s3(), bucket.unfinished)
    await store.put("files/a", b"<script>")

    link = await store.blobs.sign("files/a", timedelta(seconds=60))

    assert link is not None
    answer = await httpx_client.get(link)
    assert (answer.status_code, answer.content) == (200, b"<script>")
    assert answer.headers["content-disposition"] == "attachment"
    assert answer.headers["content-type"] == "application/octet-stream"
    assert "X-Amz-Expires=60" in link


async def test_google_signs_with_a_service_accounts_key(httpx_client: httpx.AsyncClient) -> None:
    bucket = await asyncio.to_thread(Bucket)
    await Opened(bucket.google(), bucket.unfinished).put("files/a", b"hello")
    signing = bucket.google(service_account_key=await asyncio.to_thread(service_account))

    link = await signing.sign("files/a", timedelta(seconds=60))

    assert link is not None
    assert "X-Goog-Signature=" in link
    answer = await httpx_client.get(link)
    assert (answer.status_code, answer.content) == (200, b"hello")


async def test_a_store_without_a_server_signs_nothing(folder: Opened) -> None:
    for store in (folder, Opened(open_blobs("memory:///"), list)):
        await store.put("a")

        assert await store.blobs.sign("a", timedelta(seconds=60)) is None


async def attempts_of(blobs: ObjectBlobs) -> list[str]:
    """The names of the errors of one call of each kind."""
    store = Opened(blobs, list)
    failed: list[str] = []
    for attempt in (store.put("a"), store.get("a"), blobs.stat("a"), blobs.delete("a"), store.keys()):
        with pytest.raises(BlobsUnavailable) as caught:
            await attempt
        failed.append(type(caught.value).__name__)
    return failed


async def test_a_server_that_is_away_is_said_to_be_unavailable() -> None:
    with moto_server() as server:
        bucket = await asyncio.to_thread(Bucket, server)
        blobs = bucket.s3(timeout_seconds=1)
        server.kill()

        assert len(await attempts_of(blobs)) == 5


async def test_a_server_that_says_nothing_is_not_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"http://127.0.0.1:{silent.getsockname()[1]}"
        blobs = open_blobs(
            "s3://bucket", endpoint=address, region=REGION, credentials=S3_KEY, timeout_seconds=0.3
        )
        async with asyncio.timeout(20):
            assert len(await attempts_of(blobs)) == 5


async def test_a_server_that_goes_away_in_the_middle_of_an_upload_ends_it() -> None:
    with moto_server() as server:
        bucket = await asyncio.to_thread(Bucket, server)
        taken = 0

        async def source() -> AsyncIterator[bytes]:
            nonlocal taken
            for taken in range(100):
                if taken == 8:
                    await asyncio.to_thread(server.kill)
                yield bytes(MEBIBYTE)

        with pytest.raises(BlobsUnavailable):
            await bucket.s3(timeout_seconds=1).put("a", source())

        assert taken < 99


async def test_a_cancel_stays_a_cancel_when_the_store_goes_away() -> None:
    ended = asyncio.Event()

    class Away(ObjectBlobs):
        async def delete(self, key: str) -> None:
            ended.set()
            raise BlobsUnavailable("The store is away.")

    async def source() -> AsyncIterator[bytes]:
        yield b"x"
        ended.set()

    put = asyncio.create_task(Away(MemoryStore()).put("a", source()))
    await ended.wait()
    ended.clear()
    put.cancel()
    with pytest.raises(asyncio.CancelledError):
        await put
    assert ended.is_set()


async def test_a_bucket_that_is_not_there_is_no_missing_blob() -> None:
    bucket = await asyncio.to_thread(Bucket)
    bucket.name = "nowhere"
    store = Opened(bucket.s3(), list)

    for attempt in (store.put("a"), store.put("a", bytes(6 * MEBIBYTE)), store.keys()):
        with pytest.raises(BlobsUnavailable):
            await attempt


def test_only_the_owner_may_enter_a_folder_of_blobs(tmp_path: Path) -> None:
    root = tmp_path / "made"
    open_blobs(root.as_uri())

    assert stat.S_IMODE(root.stat().st_mode) == 0o700


async def test_a_file_and_its_folders_are_synced(
    folder: Opened, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[str] = []

    def record(file: int) -> None:
        synced.append(os.readlink(f"/proc/self/fd/{file}"))

    monkeypatch.setattr(os, "fsync", record)

    await folder.put("files/a")
    await folder.blobs.update("files/a", bytes.upper)

    ways = [str(tmp_path / "files" / "a"), str(tmp_path / "files"), str(tmp_path)]
    assert synced == ways * 2


async def test_what_a_killed_process_left_of_an_upload_is_removed_when_it_is_old(
    folder: Opened, tmp_path: Path
) -> None:
    await folder.put("files/a")
    for name, age in (("b#1", 5000.0), ("c#23", 500.0)):
        (tmp_path / "files" / name).write_bytes(b"half")
        os.utime(tmp_path / "files" / name, (10_000 - age, 10_000 - age))
    os.utime(tmp_path / "files" / "a", (1, 1))

    assert await folder.keys() == ["files/a"]
    assert await folder.blobs.remove_unfinished(10_000 - 1000) == 1

    assert sorted(path.name for path in (tmp_path / "files").iterdir()) == ["a", "c#23"]


@pytest.mark.parametrize("url", ["", "file:///", "s3://", "gs:///folder", "http://host/bucket", "/folder"])
def test_another_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="Blobs are kept at"):
        open_blobs(url)
