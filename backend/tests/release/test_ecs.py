"""Releases on ECS."""

from typing import Any

import pytest

from helium.release import Locked, NotReleasable
from tests.release.place import IMAGE, Amazon, Watched


async def test_a_good_image_is_promoted_stage_by_stage(ecs: Amazon) -> None:
    watched = Watched()

    release = await ecs.start(watched, stages="5,25,50,100")

    assert release.reason == ""
    assert release.state == "promoted"
    assert ecs.fake.migrated == [IMAGE]
    assert ecs.fake.splits == [float(share) for share in range(0, 101, 5)]
    ecs.ended_well(release)


async def test_a_pause_that_nobody_ends_is_rolled_back_by_ecs_itself(ecs: Amazon) -> None:
    with pytest.raises(Locked):
        async with ecs.conductor(Watched(stop_at="soaking 50")) as conductor:
            await conductor.start(IMAGE, on_stop="leave")
    ecs.fake.expire_pauses()

    async with ecs.conductor() as conductor:
        release = await conductor.resume()

    assert release.state == "rolled_back"
    assert "ECS ended the deployment" in release.reason
    ecs.ended_well(release)


async def test_a_deployment_that_ecs_gives_up_during_a_soak_rolls_back(ecs: Amazon) -> None:
    watched = Watched()
    watched.on_soak = lambda: ecs.fake.services["helium-prod-api"].deployments[-1].roll_back("an alarm")

    release = await ecs.start(watched, soak_seconds=1)

    assert release.state == "rolled_back"
    assert "an alarm" in release.reason
    assert watched.states[-3] == "soaking 25"
    ecs.ended_well(release)


async def test_a_failed_migration_deploys_nothing(ecs: Amazon) -> None:
    ecs.fake.migration_fails = True

    release = await ecs.start()

    assert release.state == "rolled_back"
    assert "The migration failed (exited)" in release.reason
    assert "UpdateService" not in ecs.fake.changes


@pytest.mark.parametrize("service", ["helium-prod-api", "helium-prod-stream", "helium-prod-worker"])
async def test_tasks_that_do_not_start_roll_back(ecs: Amazon, service: str) -> None:
    ecs.fake.broken.add(service)
    watched = Watched()
    watched.on_act = lambda: ecs.fake.broken.clear() if watched.states[-1] == "rolling_back" else None

    release = await ecs.start(watched)

    assert release.state == "rolled_back"
    assert "tasks failed to start" in release.reason
    ecs.ended_well(release)


async def test_a_migration_that_was_started_is_not_started_again(ecs: Amazon) -> None:
    with pytest.raises(Locked):
        async with ecs.conductor(Watched(stop_at="creating")) as conductor:
            await conductor.start(IMAGE, on_stop="leave")
    stored = await ecs.read()
    async with ecs.conductor() as conductor:
        await conductor.resume()

    assert list(ecs.fake.started) == [stored.id]
    assert ecs.fake.changes.count("RegisterTaskDefinition") == 3
    assert ecs.fake.changes.count("UpdateService") == 3


async def test_a_service_that_cannot_shift_is_refused(ecs: Amazon) -> None:
    ecs.fake.services["helium-prod-api"].public = False

    with pytest.raises(NotReleasable, match="no alternate target group and test rule"):
        await ecs.start()

    assert ecs.fake.changes == []


async def test_a_deployment_of_somebody_else_is_waited_for(ecs: Amazon) -> None:
    worker = ecs.fake.services["helium-prod-worker"]
    worker.deploy(worker.definition, None)
    worker.deployments[-1].hook = "held"

    with pytest.raises(NotReleasable, match="A deployment of helium-prod-worker is under way"):
        await ecs.start()

    assert ecs.fake.changes == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"state": "releases"}, "s3://bucket/folder"),
        ({"cluster": ""}, "Set HELIUM_RELEASE_CLUSTER"),
        ({"names": "worker=other"}, "There is no service other"),
    ],
)
async def test_what_cannot_be_released_is_refused_before_anything_changes(
    ecs: Amazon, given: dict[str, Any], said: str
) -> None:
    with pytest.raises(NotReleasable, match=said):
        await ecs.start(None, **given)

    assert ecs.fake.changes == []


async def test_stages_that_ecs_cannot_meet_roll_back_before_any_traffic(ecs: Amazon) -> None:
    release = await ecs.start(None, stages="1,100")

    assert release.state == "rolled_back"
    assert "ECS shifts 3 % at least" in release.reason
    assert "UpdateService" not in ecs.fake.changes
