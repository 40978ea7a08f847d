"""SIGTERM with many viewers and many runs: everything is handed over in time, and nobody loses a word."""

import asyncio
import signal
import time
from collections import Counter
from pathlib import Path

from tests.support.processes import Forge, until
from tests.support.scene import Scene, scene
from tests.support.streams import Stream
from tests.support.viewers import the_log

RUNS, VIEWERS_EACH = 100, 5
DRAIN_SECONDS = 8.0
# Steps of a minute: none reaches its end within the drain, each is handed over in its middle.
QUESTION = "count from 1 to 600 slowly"


async def started(stage: Scene) -> list[str]:
    answers = await asyncio.gather(
        *(stage.http.post("/v1/runs", json={"input": QUESTION}) for _ in range(RUNS))
    )
    assert {answer.status_code for answer in answers} == {202}
    return [answer.json()["id"] for answer in answers]


async def test_a_process_drains_in_time_with_500_viewers_and_100_running_steps(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    env = {"HELIUM_WORKER__LEASE_TTL_SECONDS": "3"}
    async with scene(helium_forge, tmp_path, database_url, role="up", **env) as stage:
        streams = [Stream(run_id) for run_id in await started(stage) for _ in range(VIEWERS_EACH)]
        old = [asyncio.create_task(s.follow(stage.api.port, stage.token)) for s in streams]
        await until(lambda: all(stream.last > 5 for stream in streams), "everybody sees something", 60)

        began = time.monotonic()
        stage.api.node.send(signal.SIGTERM)
        await asyncio.gather(*old)
        assert await stage.api.node.gone() == 0
        took = time.monotonic() - began
        reasons = await stage.connection.fetch(
            "select distinct payload->>'reason' from event where payload->>'type' = 'run.requeued'"
        )

        assert took < DRAIN_SECONDS
        assert all(stream.reconnect and not stream.broken for stream in streams)
        pauses = Counter(stream.retries[-1] for stream in streams)
        assert len(pauses) > 300  # they come back spread out, not all at once
        assert [row[0] for row in reasons] == ["drain"]
        await _go_on(stage, streams)


async def _go_on(stage: Scene, streams: list[Stream]) -> None:
    """Another process takes over; the viewers come back to it and have seen exactly the log."""
    new = stage.fleet.api("up")
    await until(new.ready, "the next process")
    run_ids = sorted({stream.run_id for stream in streams})
    again = [asyncio.create_task(s.follow(new.port, stage.token)) for s in streams]
    for run_id in run_ids:
        await stage.connection.execute(
            "update run set cancel_requested_at = clock_timestamp() where id = $1",
            run_id.removeprefix("run_"),
        )
    async with asyncio.timeout(60):
        await asyncio.gather(*again)
    logs = {run_id: await the_log(stage.connection, run_id) for run_id in run_ids}
    for stream in streams:
        assert stream.seqs == [seq for seq, _ in logs[stream.run_id]]
    await stage.consistent()
