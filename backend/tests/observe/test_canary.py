"""What people, models and tools say, and every key, is looked for in all that leaves a process."""

import json
from pathlib import Path
from typing import Any

import pytest

from tests.observe.receivers import Catcher
from tests.support.processes import Forge, free_port, until
from tests.support.scene import Scene, scene, write_script

pytestmark = [pytest.mark.postgres, pytest.mark.process]
CANARY = "canary-c0ffee"


def script(folder: Path) -> list[dict[str, Any]]:
    """A tool fails with an error that quotes its arguments; another one's result holds what it was given;
    a third one does not exist and has an invented name."""
    return [
        {
            "tool_calls": [
                {"name": "block_first", "arguments": {"seconds": 0, "marker": f"{folder}/{CANARY}/x"}}
            ]
        },
        {"tool_calls": [{"name": "write_file", "arguments": {"path": f"{CANARY}.txt", "content": CANARY}}]},
        {"tool_calls": [{"name": f"tool_{CANARY}", "arguments": {CANARY: CANARY}}]},
        {"text": f"All is well, {CANARY}."},
    ]


async def use_everything(stage: Scene) -> list[str]:
    """Say the canary wherever something can be said. The runs that were started."""
    http = stage.http
    headers = {"x-canary": CANARY, "traceparent": f"00-{CANARY}", "tracestate": f"a={CANARY}"}
    headers |= {"idempotency-key": CANARY, "cookie": f"a={CANARY}", "user-agent": CANARY}
    tools = ["block_first", "write_file"]
    agent = {"name": "talker", "model": "scripted:x", "tools": tools, "instructions": CANARY}
    assert (await http.post("/v1/agents", json=agent)).status_code == 201
    body = {"agent": "talker", "input": CANARY, "metadata": {"a": CANARY}}
    first = await http.post("/v1/runs", json=body, headers=headers)
    assert first.status_code == 202
    second = await http.post("/v1/responses", json={"model": "openai:gpt-5", "input": CANARY})
    for path in (
        f"/v1/runs/{CANARY}",
        f"/v1/{CANARY}",
        f"/{CANARY}?a={CANARY}",
        f"/v1/runs?cursor={CANARY}",
    ):
        await http.get(path)
    await http.post("/v1/runs", json={"input": CANARY, CANARY: CANARY})
    await http.post("/v1/responses", content=CANARY)
    await http.get("/v1/runs", headers={"authorization": f"Bearer {CANARY}"})
    return [first.json()["id"], second.json()["id"].replace("resp_", "run_")]


async def test_no_word_and_no_key_leaves_in_traces_logs_or_reports(
    helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    env = {
        "HELIUM_TRACES__ENDPOINT": caught.address,
        "HELIUM_ERRORS__DSN": caught.dsn,
        "HELIUM_LOG_LEVEL": "debug",
        "HELIUM_WORKER__MODEL_TRIES": "1",
        "OTEL_EXPORTER_OTLP_HEADERS": f"authorization=Bearer%20key-{CANARY}",
        "OPENAI_API_KEY": f"sk-{CANARY}",
        "OPENAI_BASE_URL": f"http://127.0.0.1:{free_port()}/{CANARY}",
        **write_script(tmp_path / "script.json", script(tmp_path)),
    }
    async with scene(helium_forge, tmp_path, database_url, role="up", **env) as stage:
        runs = await use_everything(stage)
        for run_id in runs:
            await stage.status(run_id, "completed", "failed", "incomplete")
        assert CANARY in str(await stage.run(runs[0])), "it was said"
        for run_id in runs:
            await until(lambda run_id=run_id: len(caught.trace(run_id)) > 3, "its trace")
        await until(lambda: bool(caught.events()), "the report of the tool's defect")
        token, log = stage.token, stage.api.node.log
    sent = b"\n".join(caught.bodies).decode("latin-1")
    written = log.read_text()

    assert [event["message"]["formatted"] for event in caught.events()] == ["tool.failed"]
    assert (written.count("request.ended") > 8, "tool.failed" in written) == (True, True)
    for secret in (CANARY, token, token[-20:]):
        assert [line for line in written.splitlines() if secret in line] == []
        assert secret not in sent


async def test_a_line_of_a_run_has_the_runs_ids(
    helium_forge: Forge, tmp_path: Path, database_url: str
) -> None:
    async with scene(helium_forge, tmp_path, database_url, role="up") as stage:
        run_id = await stage.start("What is 6*7?")
        run = await stage.finished(run_id)
        await until(lambda: stage.api.node.said("run.released"), "the end of the attempt")
        lines = stage.api.node.log.read_text().splitlines()

    told = [json.loads(line) for line in lines if run_id in line]
    assert [line["event"] for line in told] == ["run.released"]
    for line in told:
        assert (line["thread_id"], line["attempt"]) == (run["thread_id"], 1)
        assert line["worker_id"].startswith("wrk_")
        assert line["workspace_id"].startswith("ws_")
    assert {"status": "completed", "code": None}.items() <= told[-1].items()
