"""A releaser is killed at every step: whoever resumes ends with all on new, or all on old."""

from pathlib import Path

import pytest

from helium.release import Release
from tests.release.place import IMAGE, Google, Installation
from tests.release.processes import ReleaseForge
from tests.support.processes import Node

pytestmark = pytest.mark.process

KILLED = -9
STATES = ("migrating", "creating", "smoking", "shifting", "soaking", "promoting")
POINTS = [
    *(f"release.{state}.{point}" for state in STATES for point in ("begun", "acted", "recorded")),
    *(f"release.{state}.acted:{stage}" for state in ("shifting", "soaking") for stage in (2, 3)),
]
BACK = ["release.rolling_back.begun", "release.rolling_back.acted"]
CHANGES = {"gcp": 23, "aws": 24}
"""Calls that change something in an undisturbed release, its record included; a test counts them."""
AFTER_CHANGES = [(cloud, number) for cloud, most in CHANGES.items() for number in range(1, most + 1)]


@pytest.mark.parametrize("point", POINTS)
async def test_a_releaser_killed_at_any_state_is_resumed_to_the_end(
    cloud_run: Google, forge: ReleaseForge, tmp_path: Path, point: str
) -> None:
    await _killed_at(cloud_run, forge, tmp_path, point)

    release = await _resumed(cloud_run)

    assert release.state == "promoted"
    cloud_run.ended_well(release)
    cloud_run.went_forward()


@pytest.mark.parametrize("point", BACK)
async def test_a_releaser_killed_while_it_rolls_back_is_resumed_to_the_old(
    place: Installation, forge: ReleaseForge, tmp_path: Path, point: str
) -> None:
    place.fake.helium.burns_at = 50
    await _killed_at(place, forge, tmp_path, point)
    place.fake.helium.burns_at = None

    release = await _resumed(place)

    assert release.state == "rolled_back"
    place.ended_well(release)


@pytest.mark.parametrize(("place", "number"), AFTER_CHANGES, indirect=["place"])
async def test_a_releaser_killed_after_any_change_can_be_resumed_or_rolled_back(
    place: Installation, forge: ReleaseForge, tmp_path: Path, number: int
) -> None:
    await _killed_at(place, forge, tmp_path, f"release.cloud.after:{number}")
    forwards = number % 2 == 0

    async with place.conductor() as conductor:
        act = conductor.resume if forwards else conductor.roll_back
        release = await act(take_over=True)

    assert release.state == ("promoted" if forwards else "rolled_back")
    place.ended_well(release)


@pytest.mark.parametrize("place", CHANGES, indirect=True)
async def test_every_change_of_a_release_is_among_those_killed_after(
    place: Installation, request: pytest.FixtureRequest
) -> None:
    await place.start()

    assert len(place.fake.changes) == CHANGES[request.node.callspec.params["place"]]


async def _killed_at(place: Installation, forge: ReleaseForge, folder: Path, point: str) -> Node:
    env = {**place.environment(), "HELIUM_FAILPOINT": point}
    node = forge.release(folder, env, "start", "--image", IMAGE, "--json")
    assert await node.gone() == KILLED, node.log.read_text()
    return node


async def _resumed(place: Installation) -> Release:
    async with place.conductor() as conductor:
        return await conductor.resume(take_over=True)
