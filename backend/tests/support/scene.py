"""One database, its Helium processes, and somebody who uses them over HTTP."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import httpx

from helium.adapters.files.local import LocalFiles
from helium.core.errors import ToolError
from helium.db.checker import check_invariants
from helium.features.identity.key_format import hash_secret, make_key, parse_key
from helium.features.identity.subject import ALL_SCOPES
from helium.kit.ids import new_id
from tests.support.processes import Api, Fleet, Forge, until
from tests.support.viewers import FINAL, Shown, Viewer, the_log, without_times

SCRIPTED = "scripted:test"


class Scene:
    """What a recovery test plays with."""

    def __init__(
        self,
        fleet: Fleet,
        api: Api,
        token: str,
        url: str,
        connection: asyncpg.Connection,
        http: httpx.AsyncClient,
    ) -> None:
        self.fleet = fleet
        self.api = api
        self.token = token
        self.connection = connection
        self.http = http
        self._url = url
        self._turn = asyncio.Lock()
        self._watching: dict[str, asyncio.Task[list[Shown]]] = {}

    async def start(self, text: str, **more: Any) -> str:
        """Start a run and watch it; its id."""
        answer = await self.http.post("/v1/runs", json={"input": text, **more})
        assert answer.status_code == 202, answer.text
        run_id: str = answer.json()["id"]
        self.watch(run_id)
        return run_id

    def watch(self, run_id: str) -> Viewer:
        viewer = Viewer(lambda: self.api.address, self.token, run_id)
        self._watching[run_id] = asyncio.create_task(viewer.follow())
        return viewer

    async def run(self, run_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/v1/runs/{run_id}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def value(self, sql: str, *arguments: object) -> Any:
        """What a statement answers. Tasks of a test that ask at the same time wait for each other."""
        async with self._turn:
            return await self.connection.fetchval(sql, *arguments)

    async def log(self, run_id: str) -> list[Shown]:
        async with self._turn:
            return await the_log(self.connection, run_id)

    async def status(self, run_id: str, *wanted: str) -> None:
        """Wait until the run is in one of these states."""

        async def reached() -> bool:
            status = await self.value(
                "select status from run where id = $1", UUID(run_id.partition("_")[2])
            )
            return status in wanted

        await until(reached, f"{run_id} is {' or '.join(wanted)}")

    async def events(self, run_id: str, number: int) -> None:
        """Wait until the run's log has this many events."""

        async def grown() -> bool:
            return len(await self.log(run_id)) >= number

        await until(grown, f"{run_id} has {number} events")

    async def decide(self, run_id: str, decision: str, answer: str | None = None) -> None:
        action = (await self.run(run_id))["action"]
        decided = await self.http.post(
            f"/v1/runs/{run_id}/actions/{action['id']}", json={"decision": decision, "answer": answer}
        )
        assert decided.status_code == 200, decided.text

    async def finished(self, run_id: str, seconds: float = 30) -> dict[str, Any]:
        """The run at its end; what its viewer was shown all along must be exactly the log."""
        async with asyncio.timeout(seconds):
            shown = await self._watching[run_id]
        assert without_times(shown) == await self.log(run_id)
        return await self.run(run_id)

    async def whole(self, run_ids: Sequence[str], seconds: float = 60) -> list[dict[str, Any]]:
        return [await self.finished(run_id, seconds) for run_id in run_ids]

    async def consistent(self) -> None:
        """The stored runs obey the invariants."""
        assert list(await check_invariants(self.connection)) == []

    async def file(self, run_id: str, path: str) -> str:
        """The text of a file in the run's thread; empty if there is none."""
        row = await self.connection.fetchrow(
            "select workspace_id, thread_id from run where id = $1", UUID(run_id.partition("_")[2])
        )
        assert row is not None
        try:
            files = LocalFiles(self.fleet.home / "files")
            return (await files.get(row["workspace_id"], row["thread_id"], path)).decode()
        except ToolError:
            return ""

    async def agent(self, name: str, *tools: str) -> None:
        """An agent with the scripted model and these tools."""
        answer = await self.http.post(
            "/v1/agents", json={"name": name, "model": SCRIPTED, "tools": list(tools)}
        )
        assert answer.status_code == 201, answer.text

    async def reconnect(self) -> None:
        """After a restart of the database the test's own connection is gone too."""
        await self.connection.close(timeout=2)
        self.connection = await asyncpg.connect(self._url)

    async def close(self) -> None:
        for task in self._watching.values():
            task.cancel()
        await asyncio.gather(*self._watching.values(), return_exceptions=True)
        await self.connection.close(timeout=2)


def write_script(path: Path, turns: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The environment in which `scripted:…` plays these turns."""
    path.write_text(json.dumps(turns))
    return {"HELIUM_SCRIPT": str(path)}


async def new_token(connection: asyncpg.Connection) -> str:
    """A key to a new workspace."""
    workspace_id, key_id = new_id(), new_id()
    key = make_key(key_id)
    parsed = parse_key(key)
    assert parsed is not None
    await connection.execute("insert into workspace (id, name) values ($1, 'test')", workspace_id)
    await connection.execute(
        "insert into api_key (id, workspace_id, name, secret_hash, scopes) values ($1, $2, 'test', $3, $4)",
        key_id,
        workspace_id,
        hash_secret(parsed.secret),
        list(ALL_SCOPES),
    )
    return key


@asynccontextmanager
async def scene(
    forge: Forge, home: Path, url: str, *, role: str = "api", more: Sequence[str] = (), **env: str
) -> AsyncGenerator[Scene]:
    """A scene with one API process and no worker (`role="up"`: with one in the same process)."""
    connection = await asyncpg.connect(url)
    fleet = Fleet(forge, home, url, env)
    try:
        token = await new_token(connection)
        api = fleet.api(role, *more)
        await until(api.ready, "the API answers")
        headers = {"Authorization": f"Bearer {token}"}
        async with httpx.AsyncClient(base_url=api.address, headers=headers, timeout=30) as http:
            made = Scene(fleet, api, token, url, connection, http)
            try:
                yield made
            finally:
                await made.close()
    finally:
        fleet.close()
        if not connection.is_closed():
            await connection.close(timeout=2)


def said(run: dict[str, Any]) -> str:
    """The text of a run's answer."""
    return "".join(
        part["text"]
        for item in run["output"]
        if item["type"] == "message"
        for part in item["content"]
        if "text" in part
    )


def kinds(shown: list[Shown]) -> list[str]:
    return [event["type"] for _, event in shown]


__all__ = ["FINAL", "Scene", "kinds", "said", "scene", "write_script"]
