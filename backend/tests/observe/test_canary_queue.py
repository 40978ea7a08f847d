"""The same canary where a queue delivers and Redis goes away: in logs, traces, reports and metrics, of
Helium and of its libraries."""

import asyncio
import json
from pathlib import Path

import httpx
import pytest
from dramatiq.message import Message

from helium.adapters.dramatiq.broker import ACTOR, DramatiqOptions, sending_broker
from tests.observe.receivers import Catcher
from tests.observe.test_canary import CANARY, script, use_everything
from tests.support.processes import Forge, until
from tests.support.redis_server import redis_server
from tests.support.scene import Scene, scene, write_script

pytestmark = [pytest.mark.postgres, pytest.mark.process]
PASSWORD = f"password-{CANARY}"


async def strangers(options: DramatiqOptions) -> None:
    """Messages of somebody else: one whose body says the canary, and one that is no message at all."""
    broker = sending_broker(options)
    queue = f"{options.namespace}:{options.queue}"

    def send() -> None:
        broker.enqueue(Message[None](options.queue, ACTOR, (CANARY,), {}, {}))
        broker.client.hset(f"{queue}.msgs", "stranger", CANARY)
        broker.client.rpush(queue, "stranger")
        broker.client.close()

    await asyncio.to_thread(send)


async def metrics(stage: Scene) -> str:
    async with httpx.AsyncClient() as http:
        answer = await http.get(f"{stage.api.address}/metrics")
    assert answer.status_code == 200
    return answer.text


def events(log: Path) -> set[str]:
    lines = [line for line in log.read_text().splitlines() if line.startswith("{")]
    return {json.loads(line)["event"] for line in lines}


async def test_no_word_and_no_key_leaves_where_a_queue_delivers(
    helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    with redis_server("--requirepass", PASSWORD) as redis:
        url = redis.url_as("default", PASSWORD)
        env = {
            "HELIUM_QUEUE__KIND": "dramatiq",
            "HELIUM_REDIS_URL": url,
            "HELIUM_TRACES__ENDPOINT": caught.address,
            "HELIUM_ERRORS__DSN": caught.dsn,
            "HELIUM_LOG_LEVEL": "debug",
            "HELIUM_WORKER__MODEL_TRIES": "1",
            "OPENAI_API_KEY": f"sk-{CANARY}",
            "OPENAI_BASE_URL": f"http://127.0.0.1:9/{CANARY}",
            **write_script(tmp_path / "script.json", script(tmp_path)),
        }
        async with scene(helium_forge, tmp_path, database_url, role="up", **env) as stage:
            log = stage.api.node.log
            for run_id in await use_everything(stage):
                await stage.status(run_id, "completed", "failed", "incomplete")
            await strangers(DramatiqOptions(url=url, queue="agent-processing"))
            await until(lambda: log.read_text().count("delivery.buried") == 2, "both burials")
            redis.kill()
            await until(lambda: {"bus.away", "queue.away"} <= events(log), "the outage is told")
            redis.restart()
            await until(lambda: {"bus.back", "queue.back"} <= events(log), "its end is told")
            shown, token = await metrics(stage), stage.token

    written, sent = log.read_text(), b"\n".join(caught.bodies).decode("latin-1")
    assert {"delivery.received", "delivery.buried", "library.said"} <= events(log)
    assert "helium_bells_total" in shown
    for secret in (CANARY, PASSWORD, token, token[-20:]):
        assert [line for line in written.splitlines() if secret in line] == []
        assert secret not in shown
        assert secret not in sent
