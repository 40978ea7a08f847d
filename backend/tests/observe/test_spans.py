"""Which spans there are, what they are called, and which of them are kept: without any server."""

from collections.abc import Iterator
from typing import Literal
from uuid import UUID

import pytest

from helium.adapters.opentelemetry.identity import attempt_of, root_of, trace_of, within
from helium.adapters.opentelemetry.tracer import Ended, RunTracer
from helium.adapters.opentelemetry.words import NAMES, attributes_of, name_of
from helium.bootstrap.observation import ratio_of
from helium.core.errors import ModelFailed
from helium.kit import trace
from helium.kit.ids import new_id
from helium.kit.trace import Caller, parse_traceparent
from helium.settings import Settings
from helium.settings.groups import TraceSettings
from tests.engine.fakes import until
from tests.engine.world import Recorder, Stage, World, answers

CANARY = "canary 77aa: drop table"
CALLER = Caller(0x4BF92F3577B34DA6A3CE929D0E0E4736, 0x00F067AA0BA902B7, sampled=True)


@pytest.fixture
def kept() -> Iterator[list[Ended]]:
    ended: list[Ended] = []
    with trace.installed(RunTracer(ended.append, 1.0)):
        yield ended


def test_without_a_tracer_a_span_is_nothing() -> None:
    with trace.span("step", position=1) as span:
        span.note(outcome="x")
        span.fail("y")
        span.drop()
    assert (trace.enabled(), span) == (False, trace.span("tool"))


@pytest.mark.parametrize(
    "text",
    [
        *(None, "", "00", "zz-" * 4, f"00-{CANARY}-b-01"),
        f"ff-{'a' * 32}-{'b' * 16}-01",
        f"00-{'0' * 32}-{'b' * 16}-01",
        f"00-{'a' * 32}-{'0' * 16}-01",
        f"00-{'a' * 31}-{'b' * 16}-01",
        f"00-{'g' * 32}-{'b' * 16}-01",
    ],
)
def test_what_is_no_traceparent_has_no_caller(text: str | None) -> None:
    assert parse_traceparent(text) is None


def test_a_caller_says_whether_it_keeps_its_trace() -> None:
    head = "4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7"
    assert parse_traceparent(f"00-{head}-01") == CALLER
    assert parse_traceparent(f"00-{head}-00") == CALLER._replace(sampled=False)


@pytest.mark.parametrize("ratio", [0.0, 0.1, 0.5, 0.75, 1.0])
def test_a_ratio_of_runs_is_that_ratio_although_their_ids_begin_with_the_time(ratio: float) -> None:
    share = sum(within(new_id().int, ratio) for _ in range(4000)) / 4000
    assert abs(share - ratio) < 0.04


def test_the_ids_of_a_runs_trace_are_computed_from_its_id_alone() -> None:
    run_id = UUID("019a1b2c-3d4e-7f50-8123-456789abcdef")
    assert f"{trace_of(run_id):032x}" == run_id.hex
    assert f"{root_of(run_id):016x}" == "8123456789abcdef"
    ids = {root_of(run_id), *(attempt_of(run_id, number) for number in range(1, 50))}
    assert len(ids) == 50


def test_a_fact_without_a_name_leaves_nowhere() -> None:
    facts: dict[str, trace.Fact] = {"prompt": CANARY, "arguments": CANARY, "position": 3, "step": "model"}
    assert attributes_of("step", facts, None) == {"helium.step.position": 3, "helium.step.kind": "model"}
    assert {"prompt", "arguments", "text", "output", "message"} & set(NAMES) == set()


@pytest.mark.parametrize("fact", ["tool", "call_id", "model", "agent", "finish", "outcome"])
def test_a_text_where_a_name_should_be_is_not_sent(fact: str) -> None:
    text = "Dear Sir,\n" + CANARY
    sent = attributes_of("tool", {fact: text}, f"Error: {text}")
    assert CANARY not in str(sent)
    assert CANARY not in name_of("tool", {"tool": text})


async def test_an_attempt_of_an_agent_gives_these_spans(kept: list[Ended]) -> None:
    turns = ([*[f"word{n} " for n in range(300)]], ["the end"])
    world = World(answers(*turns))
    run_id = await world.start("Hello")
    await world.finish(run_id)

    assert [ended.what for ended in kept] == ["model", "step", "attempt"], "none for a token"
    model, step, attempt = kept
    assert (model.parent_id, step.parent_id) == (step.span_id, attempt.span_id)
    assert (attempt.parent_id, attempt.trace_id) == (root_of(run_id), run_id.int)
    assert attempt.facts["outcome"] == "completed"


async def test_calls_side_by_side_have_one_span_each_under_the_attempt(kept: list[Ended]) -> None:
    from helium.adapters.scripted import Call

    world = World(answers([Call("a"), Call("b")], ["done"]), Recorder("a"), Recorder("b"))
    await world.finish(await world.start("Hello"))

    tools = [ended for ended in kept if ended.what == "tool"]
    assert sorted(str(ended.facts["tool"]) for ended in tools) == ["a", "b"]
    (attempt,) = [ended for ended in kept if ended.what == "attempt"]
    assert {ended.parent_id for ended in tools} == {attempt.span_id}


async def test_each_try_of_a_model_is_a_span_and_a_failed_one_says_so(kept: list[Ended]) -> None:
    world = World(answers([ModelFailed("refused", CANARY)]))
    await world.finish(await world.start("Hello"))

    assert [(ended.what, ended.error) for ended in kept] == [
        ("model", "ModelFailed"),
        ("step", "ModelFailed"),
        ("attempt", "refused"),
    ]
    assert CANARY not in str(kept)


async def test_who_takes_over_writes_the_attempt_that_was_lost_and_nobody_else(kept: list[Ended]) -> None:
    stage = Stage()
    run_id = await stage.world.start("Hello")
    async with stage.world.working():
        await stage.said(run_id)
        await stage.world.take_over()
        async with stage.world.working():
            await until(lambda: stage.world.stored(run_id).attempt == 2, "the takeover")
            stage.rest.set()
            await stage.world.settled(run_id)

    attempts = [ended for ended in kept if ended.what in ("attempt", "lost_attempt")]
    told = {(ended.what, ended.facts["attempt"], ended.error) for ended in attempts}
    assert told == {("lost_attempt", 1, "lease_expired"), ("attempt", 2, None)}
    assert {ended.span_id for ended in attempts} == {attempt_of(run_id, 1), attempt_of(run_id, 2)}


async def test_a_person_who_thought_is_no_lost_attempt(kept: list[Ended]) -> None:
    from helium.adapters.scripted import Call

    world = World(answers([Call("send")], ["sent"]), Recorder("send"))
    run_id = await world.start("Hello", ask_before=("send",))
    await world.finish(run_id)
    await world.decide(run_id, "approve")
    await world.finish(run_id)

    attempts = [ended for ended in kept if ended.what in ("attempt", "lost_attempt")]
    assert [(ended.what, ended.facts["outcome"]) for ended in attempts] == [
        ("attempt", "requires_action"),
        ("attempt", "completed"),
    ]


def test_a_caller_that_does_not_keep_its_trace_gets_no_span(kept: list[Ended]) -> None:
    for sampled in (True, False):
        with trace.span("request", caller=CALLER._replace(sampled=sampled), method="GET"):
            pass
    assert [(ended.trace_id, ended.parent_id) for ended in kept] == [(CALLER.trace_id, CALLER.span_id)]


@pytest.mark.parametrize("drop", [True, False])
def test_a_request_that_started_no_run_has_no_root(kept: list[Ended], drop: bool) -> None:
    with trace.span("request", method="POST", route="/v1/runs"):
        try:
            with trace.span("accept", run_id=new_id()) as span:
                span.drop() if drop else (_ for _ in ()).throw(KeyError("busy"))
        except (KeyError, TypeError):
            pass
    assert [ended.what for ended in kept] == ["request"]


def test_of_an_attempt_outside_of_the_ratio_nothing_inside_is_watched() -> None:
    ended: list[Ended] = []
    with (
        trace.installed(RunTracer(ended.append, 0.0)),
        trace.span("attempt", run_id=new_id(), attempt=1, created_at=1.0) as attempt,
    ):
        with trace.span("step", position=1) as step, trace.span("model") as model:
            assert step is model is trace.NO_SPAN
        assert ended == []
        attempt.fail("poison")
    assert [(one.what, one.error) for one in ended] == [("accept", None), ("attempt", "poison")]


@pytest.mark.parametrize("ratio", [0.0, 1.0])
def test_a_request_is_kept_as_the_run_that_it_started(ratio: float) -> None:
    ended: list[Ended] = []
    with (
        trace.installed(RunTracer(ended.append, ratio)),
        trace.span("request", method="POST"),
        trace.span("accept", run_id=new_id()),
    ):
        pass
    assert [one.what for one in ended] == (["accept", "request"] if ratio else [])
    assert len({one.trace_id for one in ended}) == int(ratio)


@pytest.mark.parametrize(
    ("environment", "given", "ratio"),
    [("development", None, 1.0), ("production", None, 0.05), ("production", 0.5, 0.5)],
)
def test_production_keeps_one_run_in_twenty_unless_told_otherwise(
    environment: Literal["development", "production"], given: float | None, ratio: float
) -> None:
    settings = Settings(environment=environment, traces=TraceSettings(ratio=given))
    assert ratio_of(settings) == ratio


def test_a_request_that_fails_is_sent_with_ids_of_its_own_whatever_the_ratio() -> None:
    ended: list[Ended] = []
    with trace.installed(RunTracer(ended.append, 0.0)):
        for _ in range(2):
            with trace.span("request", method="GET") as request:
                request.fail("503")
    first, second = ended
    assert 0 not in {first.trace_id, first.span_id, second.trace_id, second.span_id}
    assert (first.trace_id, first.span_id) != (second.trace_id, second.span_id)


async def test_spans_of_two_runs_at_once_do_not_mix(kept: list[Ended]) -> None:
    world = World(answers(["Hello"]))
    ids = [await world.start("Hi") for _ in range(2)]
    async with world.working():
        for run_id in ids:
            await world.settled(run_id)

    by_id = {ended.span_id: ended for ended in kept}
    inner = [ended for ended in kept if ended.parent_id in by_id]
    assert len(inner) == 4
    assert {ended.trace_id for ended in kept} == {run_id.int for run_id in ids}
    assert all(by_id[ended.parent_id or 0].trace_id == ended.trace_id for ended in inner)
