import asyncio
from typing import Any

import httpx
import pytest

from tests.features.events import finished_run, parse_events

pytestmark = pytest.mark.postgres


async def start(http: httpx.AsyncClient, text: str, **more: Any) -> dict[str, Any]:
    answer = await http.post("/v1/runs", json={"input": text, **more})
    assert answer.status_code == 202, answer.text
    return answer.json()


def texts(items: list[dict[str, Any]]) -> list[str]:
    return [part["text"] for item in items for part in item.get("content", ()) if "text" in part]


async def test_a_run_is_accepted_and_finishes_with_its_tool_call(client: httpx.AsyncClient) -> None:
    run = await start(client, "calculate 6 * 7")
    # The worker may be quicker than the answer, but not by a whole model call.
    assert run["status"] in ("queued", "in_progress")
    assert (run["output"], run["agent"]) == ([], "default")

    done = await finished_run(client, run["id"])

    kinds = [item["type"] for item in done["output"]]
    assert (done["status"], kinds) == ("completed", ["tool_call", "tool_result", "message"])
    assert texts(done["output"]) == ["6 * 7 = 42."]
    assert done["error"] is None
    assert done["usage"]["output_tokens"] > 0


async def test_events_are_numbered_from_one_and_resume_after_any_of_them(
    client: httpx.AsyncClient,
) -> None:
    run = await start(client, "what is 2 + 2?")
    whole = parse_events((await client.get(f"/v1/runs/{run['id']}/events")).text)
    assert [event["seq"] for event in whole] == list(range(1, len(whole) + 1))
    assert (whole[0]["type"], whole[-1]["type"]) == ("run.queued", "run.completed")

    for after in (0, 1, len(whole) // 2, len(whole) - 1, len(whole)):
        headers = {"Last-Event-ID": str(after)}
        rest = await client.get(f"/v1/runs/{run['id']}/events", headers=headers)
        assert parse_events(rest.text) == whole[after:]


async def test_a_cursor_ahead_of_the_log_is_told_to_start_anew(client: httpx.AsyncClient) -> None:
    run = await start(client, "hello")
    await finished_run(client, run["id"])
    ahead = await client.get(f"/v1/runs/{run['id']}/events", headers={"Last-Event-ID": "9999"})
    assert "event: reset" in ahead.text
    assert parse_events(ahead.text)[0]["seq"] == 1


async def test_an_idempotency_key_starts_one_run_however_often_it_is_sent(
    client: httpx.AsyncClient,
) -> None:
    headers = {"Idempotency-Key": "order-1"}
    body = {"input": "hello"}
    answers = await asyncio.gather(*(client.post("/v1/runs", json=body, headers=headers) for _ in range(5)))
    assert {answer.json()["id"] for answer in answers} == {answers[0].json()["id"]}

    other = await client.post("/v1/runs", json={"input": "bye"}, headers=headers)
    assert (other.status_code, other.json()["code"]) == (409, "idempotency_mismatch")


async def test_a_busy_thread_rejects_or_enqueues(client: httpx.AsyncClient) -> None:
    first = await start(client, "count from 1 to 30 slowly")
    body = {"input": "my name is Ann", "thread_id": first["thread_id"]}
    refused = await client.post("/v1/runs", json=body)
    assert (refused.status_code, refused.json()["code"]) == (409, "thread_busy")

    queued = await start(
        client, **{"text": "what is 1 + 1?"}, thread_id=first["thread_id"], when_busy="enqueue"
    )
    await client.post(f"/v1/runs/{first['id']}/cancel")
    done = await finished_run(client, queued["id"])
    assert texts(done["output"]) == ["1 + 1 = 2."]


async def test_interrupt_cancels_the_active_run_and_goes_on(client: httpx.AsyncClient) -> None:
    first = await start(client, "count from 1 to 100 slowly")
    second = await start(client, "what is 1 + 1?", thread_id=first["thread_id"], when_busy="interrupt")
    assert (await finished_run(client, second["id"]))["status"] == "completed"
    assert (await finished_run(client, first["id"]))["status"] == "cancelled"


async def test_cancel_keeps_the_text_so_far(client: httpx.AsyncClient) -> None:
    run = await start(client, "count from 1 to 200 slowly")
    async with asyncio.timeout(10):
        while (await client.get(f"/v1/runs/{run['id']}")).json()["last_seq"] < 6:
            pass
    answer = await client.post(f"/v1/runs/{run['id']}/cancel")
    assert answer.status_code == 202

    done = await finished_run(client, run["id"])
    (item,) = done["output"]
    assert (done["status"], item["status"]) == ("cancelled", "incomplete")
    assert item["content"][0]["text"].startswith("1")
    again = await client.post(f"/v1/runs/{run['id']}/cancel")
    assert (again.status_code, again.json()["status"]) == (202, "cancelled")


async def test_a_run_that_has_ended_cannot_be_cancelled(client: httpx.AsyncClient) -> None:
    run = await start(client, "what is 2 + 2?")
    await finished_run(client, run["id"])
    late = await client.post(f"/v1/runs/{run['id']}/cancel")
    assert (late.status_code, late.json()["code"]) == (409, "run_already_finished")


async def test_a_repeated_decision_with_its_key_gets_the_first_answer_again(
    client: httpx.AsyncClient,
) -> None:
    run = await start(client, "ask me before you save a note: tea")
    action = (await waiting(client, run["id"]))["action"]
    url = f"/v1/runs/{run['id']}/actions/{action['id']}"
    body, key = {"decision": "approve"}, {"Idempotency-Key": "yes-1"}
    answers = [await client.post(url, json=body, headers=key) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]

    others = [
        await client.post(url, json=body),
        await client.post(url, json=body, headers={"Idempotency-Key": "yes-2"}),
        await client.post(url, json={"decision": "deny"}, headers=key),
    ]
    assert [other.status_code for other in others] == [409, 409, 409]


async def waiting(http: httpx.AsyncClient, run_id: str) -> dict[str, Any]:
    async with asyncio.timeout(10):
        while True:
            run = (await http.get(f"/v1/runs/{run_id}")).json()
            if run["status"] == "requires_action":
                return run


async def test_a_question_waits_for_a_person_and_goes_on(client: httpx.AsyncClient) -> None:
    run = await start(client, "ask me before you save a note: call Ann")
    action = (await waiting(client, run["id"]))["action"]
    assert action["kind"] == "question"
    url = f"/v1/runs/{run['id']}/actions/{action['id']}"
    wrong = await client.post(url, json={"decision": "repeat"})
    assert (wrong.status_code, wrong.json()["code"]) == (422, "invalid_request")

    answers = await asyncio.gather(*(client.post(url, json={"decision": "approve"}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]
    done = await finished_run(client, run["id"])
    assert done["status"] == "completed"
    assert "save_note" in [item.get("name") for item in done["output"]]


async def test_another_workspace_finds_nothing(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    run = await start(client, "ask me before you save a note: x")
    action = (await waiting(client, run["id"]))["action"]
    base = f"/v1/runs/{run['id']}"
    wire = run["id"].replace("run_", "resp_")
    answers = [
        await stranger.get(base),
        await stranger.get(f"{base}/events"),
        await stranger.post(f"{base}/cancel"),
        await stranger.post(f"{base}/actions/{action['id']}", json={"decision": "approve"}),
        await stranger.get(f"/v1/threads/{run['thread_id']}"),
        await stranger.get(f"/v1/threads/{run['thread_id']}/runs"),
        await stranger.delete(f"/v1/threads/{run['thread_id']}"),
        await stranger.post("/v1/runs", json={"input": "x", "thread_id": run["thread_id"]}),
        await stranger.get(f"/v1/responses/{wire}"),
        await stranger.get(f"/v1/responses/{wire}?stream=true"),
        await stranger.post(f"/v1/responses/{wire}/cancel"),
        await stranger.post("/v1/responses", json={"input": "x", "previous_response_id": wire}),
        await stranger.post("/v1/responses", json={"input": "x", "conversation": run["thread_id"]}),
    ]
    assert [answer.status_code for answer in answers] == [404] * len(answers)
    assert (await stranger.get("/v1/runs")).json()["data"] == []
    assert (await stranger.get("/v1/threads")).json()["data"] == []


async def test_bad_input_is_one_sentence_that_names_the_field(client: httpx.AsyncClient) -> None:
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"input": "x", "agnet": "default"}, 422, "agnet"),
        ({}, 422, "input"),
        ({"input": "x", "agent": "nobody"}, 404, "model"),
        ({"input": "x", "agent": "openai:gpt-5"}, 422, "model"),
        ({"input": "x", "thread_id": "thr_nonsense"}, 404, "None"),
    ]
    for body, status, param in cases:
        answer = await client.post("/v1/runs", json=body)
        problem = answer.json()
        assert (answer.status_code, str(problem["param"])) == (status, param), problem
        assert answer.headers["content-type"] == "application/problem+json"
        assert problem["request_id"] == answer.headers["x-request-id"]


async def test_nul_characters_lose_nothing_else(client: httpx.AsyncClient) -> None:
    run = await start(client, "hello\x00world")
    done = await finished_run(client, run["id"])
    assert (done["status"], texts(done["input"])) == ("completed", ["hello\ufffdworld"])


@pytest.mark.parametrize("path", ["/v1/runs", "/v1/threads", "/v1/agents", "/v1/api-keys"])
async def test_without_a_token_nothing_is_answered(client: httpx.AsyncClient, path: str) -> None:
    for headers in ({"Authorization": ""}, {"Authorization": "Bearer nonsense"}):
        answer = await client.get(path, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (401, "unauthenticated")


async def test_health_and_readiness(client: httpx.AsyncClient) -> None:
    assert (await client.get("/api/health")).json() == {"status": "ok"}
    ready = (await client.get("/api/ready")).json()
    assert ready == {"status": "ready", "database": "ok", "redis": "none"}
    assert (await client.get("/api/nonsense")).status_code == 404
