"""A viewer of a run over HTTP that comes back after every break, and remembers what it was shown."""

import json
from collections.abc import Callable
from typing import Any

import asyncpg
import httpx

from helium.core.events import decode_event, encode_event
from tests.support.processes import hold

FINAL = {"run.completed", "run.failed", "run.cancelled", "run.incomplete"}
Shown = tuple[int, dict[str, Any]]


class Viewer:
    """Follows `GET /v1/runs/{id}/events` to the end of the run, from the last event that it saw."""

    def __init__(self, addresses: Callable[[], str], token: str, run_id: str) -> None:
        self.shown: list[Shown] = []
        self.breaks = 0
        self.reconnects = 0
        self._addresses = addresses
        self._token = token
        self._run_id = run_id

    async def follow(self) -> list[Shown]:
        """Everything, in the order in which it was shown."""
        while not (self.shown and self.shown[-1][1]["type"] in FINAL):
            try:
                await self._connect()
            except httpx.HTTPError:
                self.breaks += 1
                await hold(0.05)
        return self.shown

    async def _connect(self) -> None:
        headers = {"Authorization": f"Bearer {self._token}"}
        if self.shown:
            headers["Last-Event-ID"] = str(self.shown[-1][0])
        url = f"{self._addresses()}/v1/runs/{self._run_id}/events"
        async with (
            httpx.AsyncClient(timeout=30) as http,
            http.stream("GET", url, headers=headers) as answer,
        ):
            if answer.status_code != 200:
                await hold(0.05)
                return
            number = 0
            async for line in answer.aiter_lines():
                if line.startswith("id: "):
                    number = int(line[4:])
                elif line == "event: reconnect":
                    self.reconnects += 1
                elif line.startswith('data: {"seq"'):
                    self.shown.append((number, json.loads(line[6:])))


async def the_log(connection: asyncpg.Connection, run_id: str) -> list[Shown]:
    """The run's stored events, in the form in which a viewer is shown them (without the time)."""
    rows = await connection.fetch(
        "select seq, payload from event where run_id = $1 order by seq", run_id.removeprefix("run_")
    )
    # Decoded and encoded again: SQL writes some events itself, with the fields that have their default.
    events = [(row["seq"], encode_event(decode_event(row["payload"]))) for row in rows]
    return [(seq, json.loads(event)) for seq, event in events]


def without_times(shown: list[Shown]) -> list[Shown]:
    """What a viewer was shown, as the log has it."""
    return [
        (seq, {key: value for key, value in event.items() if key not in ("seq", "at")})
        for seq, event in shown
    ]
