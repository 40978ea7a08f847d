"""Releases on Cloud Run."""

from typing import Any

import msgspec
import pytest

from helium.release import Locked, NotReleasable
from helium.release.cloud_run_bodies import RECORD
from helium.release.record import decode, encode
from tests.release.place import IMAGE, Google, Watched

STAGES = [
    *("migrating", "creating", "smoking", "shifting 5", "soaking 5", "shifting 25", "soaking 25"),
    *("shifting 50", "soaking 50", "shifting 100", "soaking 100", "promoting", "promoted"),
]


async def test_a_good_image_is_promoted_stage_by_stage(cloud_run: Google) -> None:
    watched = Watched()

    release = await cloud_run.start(watched, stages="5,25,50,100")

    assert release.state == "promoted"
    assert watched.states == STAGES
    assert cloud_run.fake.migrated == [IMAGE]
    shares = [split.get(IMAGE, 0) for split in cloud_run.fake.splits]
    assert shares == [0, 5, 25, 50, 100]
    cloud_run.ended_well(release)


async def test_a_failed_migration_makes_no_revision(cloud_run: Google) -> None:
    cloud_run.fake.migration_fails = True

    release = await cloud_run.start()

    assert release.state == "rolled_back"
    assert "The migration e1 failed" in release.reason
    assert len(cloud_run.fake.revisions) == 3
    cloud_run.ended_well(release)


@pytest.mark.parametrize("service", ["helium-backend", "helium-stream", "helium-worker"])
async def test_a_revision_that_does_not_become_ready_rolls_back(cloud_run: Google, service: str) -> None:
    cloud_run.fake.broken.add(service)

    release = await cloud_run.start()

    assert release.state == "rolled_back"
    assert "is not ready" in release.reason
    cloud_run.ended_well(release)


async def test_changes_of_others_survive_conflicts(cloud_run: Google) -> None:
    conflicts: list[str] = []

    def meanwhile(method: str, path: str) -> None:
        service = cloud_run.fake.services["helium-backend"]
        if method == "PATCH" and path.endswith("helium-backend") and len(conflicts) < 8:
            conflicts.append(path)
            if len(conflicts) % 2:
                service["etag"] = f"other-{len(conflicts)}"
                service["annotations"]["team"] = f"platform-{len(conflicts)}"

    cloud_run.fake.meanwhile = meanwhile

    release = await cloud_run.start()

    assert release.state == "promoted"
    assert len(conflicts) == 8
    assert cloud_run.fake.services["helium-backend"]["annotations"]["team"] == "platform-7"
    cloud_run.ended_well(release)


async def test_traffic_that_somebody_else_shifted_rolls_back(cloud_run: Google) -> None:
    watched = Watched()

    def shift() -> None:
        traffic = cloud_run.fake.services["helium-backend"]["traffic"]
        if watched.states[-1] == "soaking 25":
            traffic[0]["percent"], traffic[1]["percent"] = 10, 90

    watched.on_soak = shift

    release = await cloud_run.start(watched, soak_seconds=1)

    assert release.state == "rolled_back"
    assert "Somebody else changed the traffic" in release.reason
    cloud_run.ended_well(release)


async def test_tags_of_others_are_kept(cloud_run: Google) -> None:
    preview = {"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION", "tag": "preview"}
    preview["revision"] = "helium-backend-00001"
    cloud_run.fake.services["helium-backend"]["traffic"].append(preview)

    await cloud_run.start()

    assert cloud_run.fake.tags() == ["preview"]


REFUSED = [
    ({}, "helium:latest", "by its digest, not by a tag"),
    ({"stages": "5,5,100"}, IMAGE, "Stages must rise and end with 100"),
    ({"stages": "5,50"}, IMAGE, "Stages must rise and end with 100"),
    ({"objective": 100.0}, IMAGE, "between 0 and 100"),
    ({"token": ""}, IMAGE, "Set HELIUM_RELEASE_TOKEN"),
    ({"project": ""}, IMAGE, "Set HELIUM_RELEASE_PROJECT"),
    ({"names": "stream=other"}, IMAGE, "There is no services/other"),
    ({"migration": "other"}, IMAGE, "There is no jobs/other"),
]


@pytest.mark.parametrize(("given", "image", "said"), REFUSED)
async def test_what_cannot_be_released_is_refused_before_anything_changes(
    cloud_run: Google, given: dict[str, Any], image: str, said: str
) -> None:
    with pytest.raises(NotReleasable, match=said):
        async with cloud_run.conductor(**given) as conductor:
            await conductor.start(image)

    assert cloud_run.fake.changes == []


async def test_split_traffic_is_refused_before_anything_changes(cloud_run: Google) -> None:
    service = cloud_run.fake.services["helium-backend"]
    cloud_run.fake.revisions["helium-backend-00000"] = cloud_run.fake.revisions["helium-backend-00001"]
    by_name = "TRAFFIC_TARGET_ALLOCATION_TYPE_REVISION"
    service["traffic"] = [
        {"type": by_name, "revision": f"helium-backend-0000{number}", "percent": 50} for number in (0, 1)
    ]

    with pytest.raises(NotReleasable, match="bring all of it to one revision first"):
        await cloud_run.start()

    assert cloud_run.fake.changes == []


async def test_a_revision_that_somebody_else_made_meanwhile_is_not_released(cloud_run: Google) -> None:
    def meanwhile(method: str, path: str) -> None:
        if "/revisions/" in path:
            cloud_run.fake.revisions[path.rpartition("/")[2]]["labels"] = {"helium-release": "another"}

    cloud_run.fake.meanwhile = meanwhile

    release = await cloud_run.start()

    assert release.state == "rolled_back"
    assert "Somebody else made the revision" in release.reason
    cloud_run.ended_well(release)


async def test_a_lock_is_taken_over_even_if_its_holder_renews_it_at_that_moment(cloud_run: Google) -> None:
    with pytest.raises(Locked):
        async with cloud_run.conductor(Watched(stop_at="soaking 25")) as conductor:
            await conductor.start(IMAGE, on_stop="leave")
    service = cloud_run.fake.services["helium-backend"]
    renewals: list[str] = []

    def renew(method: str, path: str) -> None:
        if method == "PATCH" and not renewals:
            renewals.append(path)
            stored = decode(service["annotations"][RECORD])
            renewed = msgspec.structs.replace(stored, version=stored.version + 1)
            service["annotations"][RECORD] = encode(renewed).decode()
            service["etag"] = "renewed"

    cloud_run.fake.meanwhile = renew

    async with cloud_run.conductor() as conductor:
        release = await conductor.roll_back(take_over=True)

    assert len(renewals) == 1
    cloud_run.ended_well(release)
