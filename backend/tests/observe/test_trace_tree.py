"""One trace for each run, through processes that are killed and replaced."""

from pathlib import Path

import pytest

from tests.observe.receivers import Catcher, Caught, is_one_tree
from tests.support.processes import Forge, until
from tests.support.scene import Scene, scene, write_script

pytestmark = [pytest.mark.postgres, pytest.mark.process]
CALL = {"name": "calculator", "arguments": {"expression": "6*7"}}
TURNS = [{"tool_calls": [CALL]}, {"text": "It is 42."}]


async def complete(caught: Catcher, run_id: str, *names: str) -> list[Caught]:
    """The run's trace, once spans of these names have come and all of it is one tree."""

    def there() -> bool:
        spans = caught.trace(run_id)
        return set(names) <= {span.name for span in spans} and is_one_tree(spans)

    try:
        await until(there, f"a tree with {names}", 15)
    except AssertionError:
        raise AssertionError([(s.name, s.span_id, s.parent_id) for s in caught.trace(run_id)]) from None
    return caught.trace(run_id)


def one(spans: list[Caught], name: str) -> Caught:
    (found,) = [span for span in spans if span.name == name]
    return found


async def test_a_run_is_one_tree_from_the_request_to_each_call(
    helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    env = {"HELIUM_TRACES__ENDPOINT": caught.address, **write_script(tmp_path / "script.json", TURNS)}
    async with scene(helium_forge, tmp_path, database_url, **env) as stage:
        await stage.fleet.worker()
        await stage.agent("adder", "calculator")

        run_id = await stage.start("What is 6*7?", agent="adder")
        await stage.finished(run_id)
        spans = await complete(caught, run_id, "invoke_agent adder", "POST /v1/runs")

    names = [span.name for span in spans]
    assert sorted(names) == sorted(
        [
            *("accept run", "POST /v1/runs", "invoke_agent adder", "execute_tool calculator"),
            *("step model", "chat test", "step tool", "step model", "chat test"),
        ]
    )
    root, attempt = one(spans, "accept run"), one(spans, "invoke_agent adder")
    parents = {span.span_id: span.name for span in spans}
    assert root.span_id == run_id[-16:]
    assert parents[attempt.parent_id] == parents[one(spans, "POST /v1/runs").parent_id] == "accept run"
    assert parents[one(spans, "execute_tool calculator").parent_id] == "step tool"
    assert {root.resource["helium.role"], attempt.resource["helium.role"]} == {"api", "worker"}
    assert [s.started_ns <= s.ended_ns for s in spans] == [True] * len(spans)
    chat = next(span for span in spans if span.name == "chat test")
    told = {key: value for key, value in chat.attributes.items() if key.startswith("gen_ai.")}
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "scripted",
        "gen_ai.request.model": "test",
        "gen_ai.response.finish_reasons": ["tool_calls"],
        "gen_ai.usage.input_tokens": 10,
        "gen_ai.usage.output_tokens": 5,
        "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.reasoning.output_tokens": 0,
    }


async def killed_after_its_tool(stage: Scene, caught: Catcher, *, sent: bool = True) -> str:
    """A run whose worker was killed when it had sent the spans of two steps, in the middle of the third."""
    first = await stage.fleet.worker()
    await stage.agent("adder", "calculator")
    run_id = await stage.start("What is 6*7?", agent="adder")
    if sent:
        await until(lambda: "step tool" in {span.name for span in caught.trace(run_id)}, "the tool's span")
    await stage.events(run_id, 12)
    await first.kill()
    await stage.fleet.worker()
    return run_id


async def test_a_takeover_goes_on_in_the_same_tree(
    helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    slow = [{"tool_calls": [CALL]}, {"tokens": 40, "pace_seconds": 0.1}]
    env = {"HELIUM_TRACES__ENDPOINT": caught.address, **write_script(tmp_path / "script.json", slow)}
    async with scene(helium_forge, tmp_path, database_url, **env) as stage:
        run_id = await killed_after_its_tool(stage, caught)
        run = await stage.finished(run_id)
        assert (run["status"], run["attempt"]) == ("completed", 2)
        await until(lambda: len(_attempts(caught, run_id)) == 2, "both attempts")
        spans = await complete(caught, run_id, "accept run")

    lost, taken = _attempts(caught, run_id)
    assert (lost.failed, lost.attributes["error.type"]) == (True, "lease_expired")
    assert (taken.failed, taken.attributes["helium.outcome"]) == (False, "completed")
    below = {span.name for span in spans if span.parent_id == lost.span_id}
    assert {"step model", "step tool"} <= below, "what the dead worker had done stands in the tree"
    assert lost.started_ns < lost.ended_ns <= taken.started_ns + 1_000_000_000
    assert [span.name for span in spans if span.parent_id == taken.span_id] == ["step model"]


async def test_a_takeover_is_kept_whatever_the_ratio(
    helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    slow = [{"tool_calls": [CALL]}, {"tokens": 40, "pace_seconds": 0.1}]
    env = {"HELIUM_TRACES__ENDPOINT": caught.address, "HELIUM_TRACES__RATIO": "0"}
    env |= write_script(tmp_path / "script.json", slow)
    async with scene(helium_forge, tmp_path, database_url, **env) as stage:
        run_id = await killed_after_its_tool(stage, caught, sent=False)
        quiet = await stage.finished(await stage.start("What is 6*7?", agent="adder"))
        await stage.finished(run_id)
        spans = await complete(caught, run_id, "accept run", "step model")

    names = [span.name for span in spans]
    assert sorted(names) == ["accept run", "chat test", *["invoke_agent adder"] * 2, "step model"]
    assert caught.trace(quiet["id"]) == [], "a run without trouble is not kept"


async def test_an_attempt_that_fails_is_kept_whatever_the_ratio(
    helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    turns = [{"tool_calls": [CALL]}, {"fail": "model_failed"}]
    env = {"HELIUM_TRACES__ENDPOINT": caught.address, "HELIUM_TRACES__RATIO": "0"}
    env |= write_script(tmp_path / "script.json", turns)
    async with scene(helium_forge, tmp_path, database_url, role="up", **env) as stage:
        await stage.agent("adder", "calculator")
        run = await stage.finished(await stage.start("What is 6*7?", agent="adder"))
        assert run["status"] == "failed"
        spans = await complete(caught, run["id"], "accept run", "invoke_agent adder")

    attempt = one(spans, "invoke_agent adder")
    assert (attempt.failed, attempt.attributes["error.type"]) == (True, "scripted_failure")
    assert sorted(span.name for span in spans) == ["accept run", "invoke_agent adder"]
    assert attempt.parent_id == one(spans, "accept run").span_id


async def test_a_request_stays_in_its_callers_trace_and_is_linked_with_the_run(
    helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    trace_id, span_id = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    env = {"HELIUM_TRACES__ENDPOINT": caught.address}
    async with scene(helium_forge, tmp_path, database_url, role="up", **env) as stage:
        answer = await stage.http.post(
            "/v1/responses",
            json={"model": "default", "input": "Hello"},
            headers={"traceparent": f"00-{trace_id}-{span_id}-01"},
        )
        run_id = answer.json()["id"].replace("resp_", "run_")
        spans = await complete(caught, run_id, "accept run", "invoke_agent default")
        await until(lambda: any(s.trace_id == trace_id for s in caught.spans()), "the caller's trace")

    (request,) = [span for span in caught.spans() if span.trace_id == trace_id]
    root = one(spans, "accept run")
    assert (request.name, request.parent_id) == ("POST /v1/responses", span_id)
    assert request.links == ((root.trace_id, root.span_id),)
    assert root.links == ((trace_id, request.span_id),)
    assert request.attributes["http.response.status_code"] == 200


async def test_a_viewer_is_one_span_however_much_it_is_shown(
    helium_forge: Forge, tmp_path: Path, database_url: str, caught: Catcher
) -> None:
    env = {"HELIUM_TRACES__ENDPOINT": caught.address}
    async with scene(helium_forge, tmp_path, database_url, role="up", **env) as stage:
        await stage.finished(await stage.start("count from 1 to 30 slowly"))
        name = "GET /v1/runs/{run_id}/events"
        await until(lambda: name in {span.name for span in caught.spans()}, "the viewer's span")

    (viewer,) = [span for span in caught.spans() if span.name == name]
    assert viewer.attributes["http.response.body.size"] > 500
    assert viewer.ended_ns - viewer.started_ns > 500_000_000, "it ends with the stream"


def _attempts(caught: Catcher, run_id: str) -> list[Caught]:
    found = [span for span in caught.trace(run_id) if span.name.startswith("invoke_agent")]
    return sorted(found, key=lambda span: span.attributes["helium.run.attempt"])
