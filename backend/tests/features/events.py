"""Reading server-sent events in tests."""

import json
from typing import Any

import httpx


def parse_events(text: str) -> list[dict[str, Any]]:
    """The data of every event in a finished stream."""
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith('data: {"')]


async def finished_run(http: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    """The run, once its event stream has ended."""
    stream = await http.get(f"/v1/runs/{run_id}/events")
    assert stream.status_code == 200
    return (await http.get(f"/v1/runs/{run_id}")).json()
