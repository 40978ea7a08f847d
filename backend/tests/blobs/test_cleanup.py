"""What is cleaned up, what is left alone, and that a kill at any point costs nothing but time."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from uuid import UUID

import pytest

from helium.core.errors import BlobsUnavailable
from helium.features.files import cleanup
from helium.features.files.cleanup import ABANDONED_AFTER, RETRY_AFTER, FileCleanup
from helium.features.files.repository import StoredAs
from helium.kit.clock import ManualClock, SystemClock
from helium.kit.ids import new_id
from tests.blobs.desk import Desk

pytestmark = pytest.mark.postgres
HOUR = {"expires_after[anchor]": "created_at", "expires_after[seconds]": "3600"}
TWO_DAYS = timedelta(days=2)


async def one(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def test_a_file_is_gone_at_once_when_it_expires_and_removed_later(desk: Desk) -> None:
    kept, expiring = await desk.stored(), await desk.stored(fields=HOUR)
    assert await desk.cleanup().remove_expired(10) == 0
    await desk.age(seconds=3601)

    assert (await desk.content(expiring)).status_code == 404
    assert [file["id"] for file in (await desk.http.get("/v1/files")).json()["data"]] == [kept]
    assert (await desk.http.delete(f"/v1/files/{expiring}")).status_code == 404
    assert await desk.cleanup().remove_expired(10) == 1
    assert await desk.rows() == [("stored", 5)]
    assert len(await desk.keys()) == 1
    assert (await desk.content(kept)).content == b"hello"


async def test_no_more_are_removed_than_asked_for(desk: Desk) -> None:
    for _ in range(3):
        await desk.stored(fields=HOUR)
    await desk.age(hours=2)

    assert [await desk.cleanup().remove_expired(2) for _ in range(3)] == [2, 1, 0]
    assert await desk.nothing_left()


@pytest.mark.parametrize("point", ["before delete", "after delete"])
async def test_a_removal_that_is_broken_off_is_ended_by_the_clean_up(desk: Desk, point: str) -> None:
    file_id = await desk.stored()
    desk.blobs.fails_at = point
    assert (await desk.http.delete(f"/v1/files/{file_id}")).status_code == 503
    desk.blobs.fails_at = ""

    assert await desk.rows() == [("deleting", 5)]
    assert (await desk.content(file_id)).status_code == 404
    assert await desk.cleanup().remove_expired(10) == 0  # whoever deletes may still be at it
    await desk.age(seconds=RETRY_AFTER.total_seconds() + 1)
    assert await desk.cleanup().remove_expired(10) == 1
    assert await desk.nothing_left()


@pytest.mark.parametrize("point", ["before delete", "after delete"])
async def test_a_clean_up_that_is_broken_off_is_ended_by_the_next(desk: Desk, point: str) -> None:
    for _ in range(3):
        await desk.stored(fields=HOUR)
    await desk.age(hours=2)
    desk.blobs.fails_at = point
    with pytest.raises(BlobsUnavailable):
        await desk.cleanup().remove_expired(10)
    desk.blobs.fails_at = ""

    assert await desk.rows() == [("deleting", 5)] * 3
    await desk.age(seconds=RETRY_AFTER.total_seconds() + 1)
    assert await desk.cleanup().remove_expired(10) == 3
    assert await desk.nothing_left()


@pytest.mark.parametrize("bytes_are_there", [False, True])
async def test_what_a_killed_upload_left_is_removed_after_a_day(desk: Desk, bytes_are_there: bool) -> None:
    key = await begun(desk)
    if bytes_are_there:
        await desk.blobs.put(key, one(b"hello"))

    assert await desk.cleanup().remove_expired(10) == 0
    assert await desk.cleanup(later_by=TWO_DAYS).remove_orphans() == 0  # its row names it
    await desk.age(seconds=ABANDONED_AFTER.total_seconds() + 1)
    assert await desk.cleanup().remove_expired(10) == 1
    assert await desk.nothing_left()


async def begun(desk: Desk) -> str:
    """The first step of an upload; the key of its bytes."""
    workspace_id = await desk.helium.database.fetchrow("select id from workspace limit 1")
    assert workspace_id is not None
    file_id = new_id()
    key = f"files/{workspace_id['id'].hex}/{file_id.hex}"
    reserved = await desk.service.repository.begin(
        file_id, workspace_id["id"], key, name="a", wanted=5, most=100
    )
    assert reserved == 5
    return key


async def test_an_upload_that_was_given_up_is_refused_at_its_end(desk: Desk) -> None:
    async def body() -> AsyncIterator[bytes]:
        head = '--x\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n'
        yield head.format("purpose", "").encode() + b"vision\r\n"
        yield head.format("file", '; filename="a"').encode() + b"hel"
        await desk.age(seconds=ABANDONED_AFTER.total_seconds() + 1)
        assert await desk.cleanup().remove_expired(10) == 1
        yield b"lo\r\n--x--\r\n"

    headers = {"content-type": "multipart/form-data; boundary=x"}
    answer = await desk.http.post("/v1/files", content=body(), headers=headers)

    assert (answer.status_code, answer.json()["error"]["code"]) == (409, "conflict")
    assert await desk.nothing_left()


async def test_an_upload_cannot_end_while_it_is_being_removed(desk: Desk) -> None:
    key = await begun(desk)
    file_id = from_digits(key)
    await desk.service.repository.begin_delete(file_id)

    stored = StoredAs(purpose="x", content_type="x", size=1, sha256=b"x", lifetime=None)
    assert await desk.service.repository.finish(file_id, stored) is None
    assert await desk.rows() == [("deleting", 5)]


async def test_a_file_that_another_process_is_at_is_not_waited_for(desk: Desk) -> None:
    ids = [await desk.stored(fields=HOUR) for _ in range(3)]
    await desk.age(hours=2)
    async with desk.helium.database.transaction() as other:
        await other.execute("select 1 from file where id = $1 for update", from_digits(ids[0]))
        async with asyncio.timeout(10):
            assert await desk.cleanup().remove_expired(10) == 2

    assert await desk.cleanup().remove_expired(10) == 1


def from_digits(text: str) -> UUID:
    """The id at the end of a key or of an id on the wire."""
    return UUID(hex=text[-32:])


async def test_bytes_without_a_row_are_removed_when_they_are_a_day_old(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cleanup, "PAGE", 2)
    file_id = await desk.stored()
    for number in range(5):
        await desk.blobs.put(f"files/orphans/{number}", one(b"x"))
    await desk.blobs.put("threads/not-ours", one(b"x"))

    assert await desk.cleanup().remove_orphans() == 0
    assert len(await desk.keys()) == 6
    assert await desk.cleanup(later_by=TWO_DAYS).remove_orphans() == 5
    assert await desk.cleanup(later_by=TWO_DAYS).remove_orphans() == 0
    assert (await desk.content(file_id)).content == b"hello"
    assert (await desk.blobs.stat("threads/not-ours")).size == 1


@pytest.mark.parametrize("point", ["before delete", "after delete"])
async def test_a_search_for_orphans_that_is_broken_off_is_ended_by_the_next(desk: Desk, point: str) -> None:
    for number in range(3):
        await desk.blobs.put(f"files/orphans/{number}", one(b"x"))
    desk.blobs.fails_at = point
    with pytest.raises(BlobsUnavailable):
        await desk.cleanup(later_by=TWO_DAYS).remove_orphans()
    desk.blobs.fails_at = ""

    await desk.cleanup(later_by=TWO_DAYS).remove_orphans()
    assert await desk.nothing_left()


async def test_the_bytes_of_a_deleted_workspace_are_orphans(desk: Desk) -> None:
    await desk.stored()
    await desk.helium.database.execute("delete from workspace")

    assert await desk.rows() == []
    assert await desk.cleanup(later_by=TWO_DAYS).remove_orphans() == 1
    assert await desk.nothing_left()


async def test_several_clean_ups_at_once_share_the_work(desk: Desk) -> None:
    for _ in range(12):
        await desk.stored(fields=HOUR)
    await desk.age(hours=2)

    removed = await asyncio.gather(*(desk.cleanup().remove_expired(12) for _ in range(4)))

    assert sum(removed) == 12
    assert await desk.nothing_left()


async def test_a_round_removes_all_that_is_due_and_looks_for_orphans_once_a_day(desk: Desk) -> None:
    clock = ManualClock(SystemClock().time() + TWO_DAYS.total_seconds())
    before: list[float] = []

    async def remove_unfinished(moment: float) -> int:
        before.append(moment)
        return 0

    own = FileCleanup(desk.service.repository, desk.blobs, clock, remove_unfinished)
    await desk.stored(fields=HOUR)
    await desk.age(hours=2)
    await desk.blobs.put("files/orphans/1", one(b"x"))

    await own.round()
    assert (await desk.rows(), await desk.keys()) == ([], ["files/orphans/1"])
    clock.advance(86_400)
    await own.round()
    assert await desk.keys() == []
    await desk.blobs.put("files/orphans/2", one(b"x"))
    await own.round()
    assert await desk.keys() == ["files/orphans/2"]
    assert before == [clock.time() - 86_400]


async def test_a_round_outlives_a_store_that_is_away(desk: Desk) -> None:
    await desk.stored(fields=HOUR)
    await desk.age(hours=2)
    desk.blobs.fails_at = "before delete"

    await desk.cleanup().round()

    assert await desk.rows() == [("deleting", 5)]
