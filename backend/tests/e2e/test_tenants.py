"""Tenants are walls: to a stranger with a valid key, what belongs to another workspace is not there."""

import asyncio
from collections.abc import Iterator
from typing import Any

import asyncpg
import httpx
import pytest

from helium.api.app import build_resources
from tests.e2e.conftest import Running
from tests.support.scene import new_token

Ids = dict[str, str]
DECIDE = {"decision": "approve"}

WITH_IDS: dict[tuple[str, str], dict[str, Any] | None] = {
    ("GET", "/v1/runs/{run_id}"): None,
    ("GET", "/v1/runs/{run_id}/events"): None,
    ("POST", "/v1/runs/{run_id}/cancel"): {},
    ("POST", "/v1/runs/{run_id}/actions/{action_id}"): DECIDE,
    ("GET", "/v1/responses/{response_id}"): None,
    ("POST", "/v1/responses/{response_id}/cancel"): {},
    ("GET", "/v1/threads/{thread_id}"): None,
    ("GET", "/v1/threads/{thread_id}/runs"): None,
    ("DELETE", "/v1/threads/{thread_id}"): None,
    ("GET", "/v1/agents/{name}"): None,
    ("DELETE", "/v1/api-keys/{key_id}"): None,
    ("GET", "/v1/files/{file_id}"): None,
    ("GET", "/v1/files/{file_id}/content"): None,
    ("DELETE", "/v1/files/{file_id}"): None,
}
"""Every route with an id in its path, and the body to send. Each must answer 404 to a stranger."""

LISTS = ("/v1/runs", "/v1/threads", "/v1/agents", "/v1/api-keys", "/v1/files")
WITHOUT_IDS = {
    *(("GET", path) for path in LISTS),
    ("GET", "/v1/models"),
    ("POST", "/v1/runs"),
    ("POST", "/v1/threads"),
    ("POST", "/v1/agents"),
    ("POST", "/v1/api-keys"),
    ("POST", "/v1/files"),
    ("POST", "/v1/responses"),
}
BODIES_WITH_IDS = {
    "a run in a thread": ("/v1/runs", "thread_id", "thread_id"),
    "a run of an agent": ("/v1/runs", "agent", "name"),
    "a response after another": ("/v1/responses", "previous_response_id", "response_id"),
    "a response in a conversation": ("/v1/responses", "conversation", "conversation_id"),
    "a response of an agent": ("/v1/responses", "model", "name"),
}


def client(up: Running, token: str) -> httpx.Client:
    return httpx.Client(base_url=up.address, headers={"Authorization": f"Bearer {token}"}, timeout=20)


@pytest.fixture(scope="module")
def owner(up: Running) -> Iterator[httpx.Client]:
    with client(up, up.token) as made:
        yield made


@pytest.fixture(scope="module")
def stranger(up: Running) -> Iterator[httpx.Client]:
    async def make() -> str:
        connection = await asyncpg.connect(up.database_url)
        try:
            return await new_token(connection)
        finally:
            await connection.close()

    with client(up, asyncio.run(make())) as made:
        yield made


@pytest.fixture(scope="module")
def ids(owner: httpx.Client) -> Ids:
    """One of each: a run that waits for its person, its thread, an agent, a key, a file."""
    owner.post("/v1/agents", json={"name": "secret", "model": "offline:demo"}).raise_for_status()
    key = owner.post("/v1/api-keys", json={"name": "spare"}).json()
    form = {"file": ("secret.txt", b"secret")}
    file = owner.post("/v1/files", data={"purpose": "user_data"}, files=form).json()
    started = owner.post("/v1/runs", json={"input": "ask me before you calculate 6 * 7"}).json()
    with owner.stream("GET", f"/v1/runs/{started['id']}/events") as answer:
        for line in answer.iter_lines():
            if line == "event: run.requires_action":
                break
    run = owner.get(f"/v1/runs/{started['id']}").json()
    digits = run["id"].partition("_")[2]
    return {
        "run_id": run["id"],
        "response_id": f"resp_{digits}",
        "action_id": run["action"]["id"],
        "thread_id": run["thread_id"],
        "conversation_id": run["thread_id"].replace("thr_", "conv_"),
        "name": "secret",
        "key_id": key["id"],
        "file_id": file["id"],
    }


def test_every_route_is_in_a_table() -> None:
    routes = {
        (method.upper(), path)
        for path, methods in build_resources().openapi()["paths"].items()
        for method in methods
    }
    assert routes == set(WITH_IDS) | WITHOUT_IDS


@pytest.mark.parametrize(("method", "path"), WITH_IDS)
def test_a_stranger_finds_nothing(method: str, path: str, ids: Ids, stranger: httpx.Client) -> None:
    answer = stranger.request(method, path.format(**ids), json=WITH_IDS[method, path])
    assert answer.status_code == 404, answer.text


def test_what_the_stranger_did_not_find_is_there_and_unharmed(ids: Ids, owner: httpx.Client) -> None:
    run = owner.get(f"/v1/runs/{ids['run_id']}").json()
    assert (run["status"], run["action"]["id"]) == ("requires_action", ids["action_id"])
    for path in ("/v1/responses/{response_id}", "/v1/threads/{thread_id}", "/v1/agents/{name}"):
        assert owner.get(path.format(**ids)).status_code == 200
    assert owner.get(f"/v1/files/{ids['file_id']}/content").content == b"secret"
    keys = {key["id"]: key["revoked"] for key in owner.get("/v1/api-keys").json()["data"]}
    assert keys[ids["key_id"]] is False


@pytest.mark.parametrize("path", LISTS)
def test_a_strangers_lists_hold_nothing_of_others(path: str, ids: Ids, stranger: httpx.Client) -> None:
    text = stranger.get(path).text
    assert not any(value in text for value in ids.values()), text


@pytest.mark.parametrize("name", BODIES_WITH_IDS)
def test_a_stranger_cannot_build_on_what_is_not_theirs(name: str, ids: Ids, stranger: httpx.Client) -> None:
    path, field, key = BODIES_WITH_IDS[name]
    answer = stranger.post(path, json={"input": "hello", field: ids[key]})
    assert answer.status_code == 404, answer.text


def test_an_idempotency_key_is_its_workspaces_own(owner: httpx.Client, stranger: httpx.Client) -> None:
    headers, body = {"Idempotency-Key": "the same"}, {"input": "hello"}
    mine = owner.post("/v1/runs", json=body, headers=headers)
    theirs = stranger.post("/v1/runs", json=body, headers=headers)
    assert (mine.status_code, theirs.status_code) == (202, 202)
    assert mine.json()["id"] != theirs.json()["id"]


@pytest.mark.parametrize(("method", "path"), [*WITH_IDS, *sorted(WITHOUT_IDS)])
def test_nobody_gets_in_without_a_key(method: str, path: str, ids: Ids, up: Running) -> None:
    with httpx.Client(base_url=up.address) as nobody:
        answer = nobody.request(method, path.format(**ids), json=WITH_IDS.get((method, path), {}))
    assert answer.status_code == 401, answer.text
