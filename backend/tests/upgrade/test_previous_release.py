"""A rollout: processes of two releases on the newer one's schema, and what happens on the older one's."""

import signal
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from helium.db.migrate import current, head
from helium.db.revisions import Migrations
from tests.support.processes import Fleet, until
from tests.support.scene import Scene, said, scene
from tests.upgrade.releases import Release

PRODUCTION = {"HELIUM_ENVIRONMENT": "production"}
OTHER = {"before": "now", "now": "before"}
Releases = dict[str, Release]


@pytest.fixture
def releases(before: Release, now: Release) -> Releases:
    return {"before": before, "now": now}


def counted(last: int) -> str:
    return " ".join(map(str, range(1, last + 1)))


@asynccontextmanager
async def two(
    releases: Releases, first: str, folder: Path, url: str
) -> AsyncGenerator[tuple[Scene, Fleet]]:
    """A scene whose API is of one release, and processes of the other one."""
    fleet = Fleet(releases[OTHER[first]], folder, url, PRODUCTION)
    try:
        async with scene(releases[first], folder, url, **PRODUCTION) as stage:
            fleet.nodes = stage.fleet.nodes  # one list, so that no two write to one log
            yield stage, fleet
    finally:
        fleet.close()


async def test_the_release_before_works_on_this_release_s_schema(
    before: Release, tmp_path: Path, database_url: str
) -> None:
    assert before.head < head()
    async with scene(before, tmp_path, database_url, **PRODUCTION) as stage:
        await stage.fleet.worker()

        run_ids = [await stage.start(f"count from 1 to {last}") for last in (3, 30, 300)]
        cancelled = await stage.start("count from 1 to 500 slowly")
        await stage.events(cancelled, 8)
        await stage.http.post(f"/v1/runs/{cancelled}/cancel")

        runs = [*await stage.whole(run_ids), await stage.finished(cancelled)]
        assert [run["status"] for run in runs] == ["completed", "completed", "completed", "cancelled"]
        assert [said(run) for run in runs[:3]] == [counted(3), counted(30), counted(300)]
        await stage.consistent()


@pytest.mark.parametrize("first", ["before", "now"])
async def test_a_run_that_one_release_began_is_ended_by_the_other(
    first: str, releases: Releases, tmp_path: Path, database_url: str
) -> None:
    async with two(releases, first, tmp_path, database_url) as (stage, others):
        worker = await stage.fleet.worker()
        # Ten seconds: on a busy machine the other worker takes several of them to start.
        run_id = await stage.start("count from 1 to 100 slowly")
        await stage.events(run_id, 12)

        await others.worker()
        await worker.kill()

        run = await stage.finished(run_id)
        assert (run["status"], run["attempt"], said(run)) == ("completed", 2, counted(100))
        await stage.consistent()


@pytest.mark.parametrize("first", ["before", "now"])
async def test_what_one_release_asked_a_person_the_other_one_goes_on_with(
    first: str, releases: Releases, tmp_path: Path, database_url: str
) -> None:
    async with two(releases, first, tmp_path, database_url) as (stage, others):
        worker = await stage.fleet.worker()
        run_id = await stage.start("ask me before you calculate 6 * 7")
        await stage.status(run_id, "requires_action")
        worker.send(signal.SIGTERM)
        await worker.gone()
        await others.worker()
        other = others.api()
        await until(other.ready, "the other release's API answers")

        await stage.decide(run_id, "approve")

        run = await stage.finished(run_id)
        assert (run["status"], said(run)) == ("completed", "6 * 7 = 42.")
        stage.http.base_url = other.address
        assert await stage.run(run_id) == run
        await stage.consistent()


async def test_after_the_migration_this_release_goes_on_with_what_the_one_before_left(
    releases: Releases, tmp_path: Path, empty_url: str
) -> None:
    migrating = Fleet(releases["before"], tmp_path, empty_url, PRODUCTION)
    assert await migrating.start("migrate").gone() == 0
    async with two(releases, "before", tmp_path, empty_url) as (stage, others):
        worker = await stage.fleet.worker()
        done, run_id = (
            await stage.start("count from 1 to 3"),
            await stage.start("count from 1 to 60 slowly"),
        )
        await stage.finished(done)
        await stage.events(run_id, 12)

        assert await others.start("migrate").gone() == 0
        await others.worker()
        await worker.kill()

        assert said(await stage.finished(run_id)) == counted(60)
        assert await current(empty_url) == Migrations().required
        await stage.consistent()


async def test_this_release_does_not_start_on_the_schema_before_and_says_what_to_do(
    releases: Releases, tmp_path: Path, empty_url: str
) -> None:
    before, now = (Fleet(releases[name], tmp_path, empty_url, PRODUCTION) for name in ("before", "now"))
    try:
        assert await before.start("migrate").gone() == 0

        refused = [now.start(role) for role in ("api", "stream", "worker", "sweeper")]

        assert [await node.gone() for node in refused] == [1] * 4
        assert {" ".join(node.log.read_text().split()) for node in refused} == {
            f"Error: The database's schema is {releases['before'].head}, this version needs {head()}:"
            " run `helium migrate` first."
        }
    finally:
        before.close()
        now.close()
