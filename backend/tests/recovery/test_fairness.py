"""A workspace with ten thousand waiting runs, and one with a few: the few do not pay for the many."""

from pathlib import Path
from statistics import quantiles
from uuid import UUID

from helium.core.items import user_message
from helium.core.spec import AgentSpec
from helium.db.database import open_database
from helium.db.run_store import PostgresRunStore
from tests.support.factories import new_run
from tests.support.processes import Forge, until
from tests.support.scene import Scene, new_token, scene

# A slot becomes free about every sixtieth of a second in both cases; half a second is one run.
WORKER = {"HELIUM_WORKER__SLOTS": "8", "HELIUM_WORKER__POLL_SECONDS": "0.05"}
SLOW = AgentSpec(model="offline:demo", agent="default")
ASKED, BATCH = 15, 500


async def crowd(url: str, workspace_id: UUID, count: int) -> None:
    """So many runs of half a second each, waiting."""
    async with open_database(url, pool_size=1, pooler=False) as database:
        store = PostgresRunStore(database)
        for done in range(0, count, BATCH):
            wanted = min(BATCH, count - done)
            question = (user_message("msg_1", "count from 1 to 5 slowly"),)
            await store.start([new_run(workspace_id, spec=SLOW, input=question) for _ in range(wanted)])


async def waits(stage: Scene) -> list[float]:
    """How long the quiet workspace's runs waited for a worker, one after the other, in seconds."""
    for _ in range(ASKED):
        answer = await stage.http.post("/v1/runs", json={"input": "count from 1 to 2"})
        await stage.status(answer.json()["id"], "completed")
    rows = await stage.connection.fetch(
        "select extract(epoch from started_at - created_at)::float8 as waited from run r"
        " where workspace_id = (select workspace_id from api_key order by id limit 1)"
        " order by created_at desc limit $1",
        ASKED,
    )
    return [row["waited"] for row in rows]


async def test_ten_thousand_waiting_runs_of_one_workspace_do_not_double_the_wait_of_another(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url) as stage:
        await new_token(stage.connection)
        loud = await stage.connection.fetchval("select id from workspace order by id desc limit 1")
        assert isinstance(loud, UUID)
        await crowd(database_url, loud, 400)
        await stage.fleet.worker(**WORKER)
        few = await waits(stage)
        await crowd(database_url, loud, 10_000)

        many = await waits(stage)

        left = await stage.connection.fetchval("select count(*) from run where status = 'queued'")
        assert isinstance(left, int)
        assert left > 9_000
        assert quantiles(many, n=20)[-1] < 2 * quantiles(few, n=20)[-1]


async def test_a_full_queue_answers_429_and_says_when_to_come_again(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(
        helium_forge, tmp_path, database_url, HELIUM_LIMITS__QUEUED_PER_WORKSPACE="3"
    ) as stage:
        answers = [await stage.http.post("/v1/runs", json={"input": "wait"}) for _ in range(5)]

        assert [answer.status_code for answer in answers] == [202] * 3 + [429] * 2
        assert answers[4].json()["code"] == "too_many_runs"
        assert int(answers[4].headers["retry-after"]) >= 1

        await stage.fleet.worker()

        async def room() -> bool:
            return (await stage.http.post("/v1/runs", json={"input": "count to 2"})).status_code == 202

        await until(room, "the queue has room again")


async def test_a_key_that_sends_too_many_requests_is_told_to_wait(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url, HELIUM_LIMITS__REQUESTS_PER_MINUTE="5") as stage:
        answers = [await stage.http.get("/v1/models") for _ in range(7)]

        assert [answer.status_code for answer in answers] == [200] * 5 + [429] * 2
        assert answers[6].json()["error"]["code"] == "too_many_requests"
        assert int(answers[6].headers["retry-after"]) >= 1
