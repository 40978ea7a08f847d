import httpx
import pytest

from tests.features.events import finished_run

pytestmark = pytest.mark.postgres


async def test_threads_are_listed_by_last_use_and_paged(client: httpx.AsyncClient) -> None:
    made = [(await client.post("/v1/threads", json={"title": f"t{n}"})).json()["id"] for n in range(5)]
    first = (await client.get("/v1/threads?limit=3")).json()
    rest = (await client.get(f"/v1/threads?limit=3&after={first['next_cursor']}")).json()
    assert [thread["id"] for thread in first["data"] + rest["data"]] == made[::-1]
    assert rest["next_cursor"] is None


async def test_a_run_in_a_thread_remembers_what_was_said(client: httpx.AsyncClient) -> None:
    first = (await client.post("/v1/runs", json={"input": "my name is Ann"})).json()
    await finished_run(client, first["id"])
    body = {"input": "what is my name?", "thread_id": first["thread_id"]}
    second = (await client.post("/v1/runs", json=body)).json()
    done = await finished_run(client, second["id"])
    assert "Ann" in done["output"][-1]["content"][0]["text"]

    thread = (await client.get(f"/v1/threads/{first['thread_id']}")).json()
    assert (thread["title"], thread["status"]) == ("my name is Ann", "completed")
    runs = (await client.get(f"/v1/threads/{first['thread_id']}/runs")).json()["data"]
    assert [run["id"] for run in runs] == [first["id"], second["id"]]


async def test_a_thread_is_deleted_with_its_runs_but_not_while_one_is_active(
    client: httpx.AsyncClient,
) -> None:
    run = (await client.post("/v1/runs", json={"input": "count from 1 to 100 slowly"})).json()
    busy = await client.delete(f"/v1/threads/{run['thread_id']}")
    assert (busy.status_code, busy.json()["code"]) == (409, "conflict")
    await client.post(f"/v1/runs/{run['id']}/cancel")
    await finished_run(client, run["id"])
    assert (await client.delete(f"/v1/threads/{run['thread_id']}")).status_code == 204
    assert (await client.get(f"/v1/runs/{run['id']}")).status_code == 404


async def test_an_agent_gets_a_new_version_each_time_it_is_saved(client: httpx.AsyncClient) -> None:
    body = {"name": "clerk", "model": "offline:demo", "tools": ["calculator"]}
    assert (await client.post("/v1/agents", json=body)).json()["version"] == 1
    changed = await client.post("/v1/agents", json={**body, "instructions": "Be kind."})
    assert (changed.status_code, changed.json()["version"]) == (201, 2)
    assert (await client.get("/v1/agents/clerk")).json()["instructions"] == "Be kind."
    names = [agent["name"] for agent in (await client.get("/v1/agents")).json()["data"]]
    assert names == ["default", "clerk"]

    run = (await client.post("/v1/runs", json={"input": "what is 3 * 3?", "agent": "clerk"})).json()
    done = await finished_run(client, run["id"])
    assert (done["agent"], done["agent_version"]) == ("clerk", 2)


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"name": "No Spaces"}, "name"),
        ({"model": "offline"}, "model"),
        ({"tools": ["rocket"]}, "tools"),
        ({"limits": {"max_steps": 0}}, "limits.max_steps"),
    ],
)
async def test_an_agent_that_cannot_run_is_refused(
    client: httpx.AsyncClient, change: dict[str, object], param: str
) -> None:
    body = {"name": "clerk", "model": "offline:demo", **change}
    answer = await client.post("/v1/agents", json=body)
    assert (answer.status_code, answer.json()["param"]) == (422, param)


async def test_a_persons_agent_is_not_seen_by_strangers(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await client.post("/v1/agents", json={"name": "clerk", "model": "offline:demo"})
    assert (await stranger.get("/v1/agents/clerk")).status_code == 404
    run = await stranger.post("/v1/runs", json={"input": "x", "agent": "clerk"})
    assert run.status_code == 404


async def test_a_key_is_shown_once_works_and_can_be_revoked(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    made = (await client.post("/v1/api-keys", json={"name": "ci", "scopes": ["runs"]})).json()
    with_key = {"Authorization": f"Bearer {made['key']}"}
    assert (await client.get("/v1/threads", headers=with_key)).status_code == 200
    forbidden = await client.get("/v1/api-keys", headers=with_key)
    assert (forbidden.status_code, forbidden.json()["code"]) == (403, "forbidden")
    listed = (await client.get("/v1/api-keys")).json()["data"]
    assert [("key" in key, key["name"]) for key in listed] == [(False, "test"), (False, "ci")]

    assert (await stranger.delete(f"/v1/api-keys/{made['id']}")).status_code == 404
    assert (await client.delete(f"/v1/api-keys/{made['id']}")).status_code == 204
    assert (await client.get("/v1/threads", headers=with_key)).status_code == 401


async def test_no_key_gives_away_more_than_it_has(client: httpx.AsyncClient) -> None:
    body = {"name": "k", "scopes": ["keys"]}
    narrow = (await client.post("/v1/api-keys", json=body)).json()["key"]
    answer = await client.post(
        "/v1/api-keys",
        json={"name": "w", "scopes": ["runs"]},
        headers={"Authorization": f"Bearer {narrow}"},
    )
    assert answer.status_code == 403
