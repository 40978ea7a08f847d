"""`helium debug RUN` over runs in every state, in a real database."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from helium.cli.debug import debug
from helium.cli.failure import Failure
from helium.core.budget import Limits, Usage
from helium.core.events import (
    RunFailed,
    StepCompleted,
    StepRetracted,
    StepRetrying,
    StepStarted,
)
from helium.core.items import assistant_message, user_message
from helium.core.spec import AgentSpec
from helium.db.database import open_database
from helium.kit.ids import new_id, to_wire
from helium.ports import Close
from helium.settings import Settings
from tests.support.factories import (
    a_step,
    a_write,
    an_action,
    an_intent,
    delta,
    finish,
    hand_over,
    new_run,
    park,
)
from tests.support.sides import PostgresSide, claimed, lost, started

CANARY = "canary-7f3a"
SPEC = AgentSpec(
    agent="clerk",
    instructions=CANARY,
    limits=Limits(max_steps=7, max_seconds=None),
    metadata={"note": CANARY},
)
SAID = {"spec": SPEC, "input": (user_message("msg_1", CANARY),), "title": CANARY}
USAGE = Usage(input_tokens=100, output_tokens=20, cost_microusd=1500)
State = Callable[[PostgresSide], Awaitable[UUID]]


@pytest.fixture
async def side(database_url: str) -> AsyncIterator[PostgresSide]:
    async with open_database(database_url, pool_size=3, pooler=False) as database:
        yield PostgresSide(database)


@pytest.fixture
def settings(database_url: str, tmp_path: Path) -> Settings:
    return Settings(database_url=SecretStr(database_url), home=tmp_path)


async def queued(side: PostgresSide) -> UUID:
    return (await started(side, **SAID, idempotency_key="k", request_hash=b"\xab\xcd")).id


async def paused(side: PostgresSide) -> UUID:
    await started(side, **SAID)
    run = await claimed(side)
    await side.store.commit([hand_over(run, due_in_seconds=90.0)])
    return run.lease.run_id


async def held(side: PostgresSide) -> UUID:
    first = await started(side, **SAID)
    await claimed(side)
    second = new_run(first.workspace_id, thread_id=first.thread_id, when_busy="enqueue", **SAID)
    await side.store.start([second])
    return second.id


async def in_progress(side: PostgresSide) -> UUID:
    await started(side, **SAID)
    run = await claimed(side)
    retrying = StepRetrying(position=0, reason=CANARY, after_seconds=2.0, try_number=2)
    await side.store.commit([a_write(run, delta(CANARY), retrying)])
    return run.lease.run_id


async def cancelling(side: PostgresSide) -> UUID:
    run_id = await in_progress(side)
    await side.store.request_cancel(run_id)
    return run_id


async def abandoned(side: PostgresSide) -> UUID:
    await started(side, **SAID)
    run = await claimed(side, worker := new_id())
    await side.expire(worker, 30.0)
    return run.lease.run_id


async def waiting(side: PostgresSide) -> UUID:
    await started(side, **SAID)
    run = await claimed(side)
    await side.store.commit([park(run, an_action(run, prompt=CANARY, arguments=CANARY))])
    return run.lease.run_id


async def in_doubt(side: PostgresSide) -> UUID:
    await started(side, **SAID)
    run = await claimed(side, worker := new_id())
    await side.store.commit([a_write(run, intent=an_intent())])
    await lost(side, worker)
    run = await claimed(side)
    await side.store.commit([park(run, an_action(run, kind="in_doubt", prompt=CANARY))])
    return run.lease.run_id


async def poison(side: PostgresSide) -> UUID:
    await started(side, **SAID)
    await claimed(side, worker := new_id())
    await lost(side, worker)
    run = await claimed(side)
    close = Close(status="failed", error_code="poison", error_message=CANARY)
    await side.store.commit([a_write(run, RunFailed(code="poison", message=CANARY), close=close)])
    return run.lease.run_id


async def cancelled(side: PostgresSide) -> UUID:
    run_id = await queued(side)
    await side.store.request_cancel(run_id)
    return run_id


async def taken_over(side: PostgresSide) -> UUID:
    await started(side, **SAID)
    run = await claimed(side, worker := new_id())
    begun = StepStarted(position=0, kind="model", name="model")
    await side.store.commit([a_write(run, begun, delta(CANARY))])
    await lost(side, worker)
    run = await claimed(side)
    step = a_step(0, assistant_message("msg_2", CANARY), usage=USAGE)
    done = StepCompleted(position=0, kind="model", name="model", usage=USAGE, seconds=1.5)
    back = StepRetracted(position=0, items=("msg_2",))
    await side.store.commit([a_write(run, back, begun, done, step=step)])
    await side.store.commit([finish(run, first_seq=run.next_seq + 3)])
    return run.lease.run_id


# What each of them is, what comes next, and what its attempts came to.
STATES: list[tuple[State, str, str, list[str | None]]] = [
    (queued, "queued", "It has been due for", []),
    (paused, "queued", "It is due in", ["slice_over"]),
    (held, "queued", "It waits until run_", []),
    (in_progress, "in_progress", "works on it; its lease has", [None]),
    (cancelling, "in_progress", "is told to cancel it", [None]),
    (abandoned, "in_progress", "Its worker's lease ended 30 s ago: the next sweep returns it", [None]),
    (
        waiting,
        "requires_action",
        "a person to say approve or deny (send), on the page or by POST",
        ["requires_action"],
    ),
    (
        in_doubt,
        "requires_action",
        "(send: it is in doubt whether it happened)",
        ["lease_expired", "requires_action"],
    ),
    (poison, "failed", "Nothing: it has ended as failed.", ["lease_expired", "poison"]),
    (cancelled, "cancelled", "Nothing: it has ended as cancelled.", []),
    (taken_over, "completed", "Nothing: it has ended as completed.", ["lease_expired", "completed"]),
]


@pytest.fixture
def ask(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Callable[..., Awaitable[str]]:
    """What the command prints for a run."""

    async def asked(run: UUID | str, **options: bool) -> str:
        flags = {"as_json": False, "every_event": False, "content": False, **options}
        await debug(settings, to_wire("run", run) if isinstance(run, UUID) else run, **flags)
        return capsys.readouterr().out

    return asked


@pytest.fixture
def report(ask: Callable[..., Awaitable[str]]) -> Callable[..., Awaitable[dict[str, Any]]]:
    async def asked(run: UUID, **options: bool) -> dict[str, Any]:
        return json.loads(await ask(run, as_json=True, **options))

    return asked


Ask = Callable[..., Awaitable[str]]
AskReport = Callable[..., Awaitable[dict[str, Any]]]


@pytest.mark.parametrize(("state", "status", "then", "ends"), STATES)
async def test_a_run_in_any_state_is_reported_with_what_comes_next_and_nothing_that_was_said(
    side: PostgresSide,
    ask: Ask,
    report: AskReport,
    state: State,
    status: str,
    then: str,
    ends: list[str | None],
) -> None:
    run_id = await state(side)

    text, found = await ask(run_id, every_event=True), await report(run_id, every_event=True)

    assert (found["run"]["id"], found["run"]["status"]) == (to_wire("run", run_id), status)
    assert then in found["next"]
    assert then in " ".join(text.split())
    assert [attempt["ended_by"] for attempt in found["attempts"]] == ends
    assert (found["broken_rules"], found["log"]["gaps"]) == ([], [])
    assert len(found["timeline"]) == found["log"]["events"]
    assert CANARY not in text + json.dumps(found)


@pytest.mark.parametrize("state", [queued, paused, abandoned])
async def test_a_run_that_nobody_can_take_says_that_no_worker_is_alive(
    side: PostgresSide, report: AskReport, state: State
) -> None:
    run_id = await state(side)
    await side.database.execute("update worker set lease_expires_at = now() - interval '9 s'")

    assert "but no worker is alive: start `helium worker`." in (await report(run_id))["next"]


@pytest.mark.parametrize("state", [queued, paused])
async def test_a_run_that_a_newer_engine_has_begun_waits_for_a_newer_worker(
    side: PostgresSide, report: AskReport, state: State
) -> None:
    run_id = await state(side)
    await side.database.execute("update run set engine_version = 99")

    assert "waits for a worker of a newer release: one of engine 99" in (await report(run_id))["next"]


async def test_a_held_run_behind_nobody_waits_for_the_sweeper(
    side: PostgresSide, report: AskReport
) -> None:
    run_id = await held(side)
    await side.database.execute("delete from run where not held")

    assert (await report(run_id))["next"].startswith("The next sweep lets it go: no other run")


async def test_an_effect_is_in_doubt_until_a_person_has_said_what_happened(
    side: PostgresSide, ask: Ask, report: AskReport
) -> None:
    run_id = await in_doubt(side)
    found = await report(run_id)
    (effect,) = found["effects"]
    assert (effect["tool"], effect["state"], effect["in_doubt"]) == ("send", "intent", True)
    assert "call_1, arguments 68617368: in doubt" in await ask(run_id)

    (action,) = found["actions"]
    decided = UUID(action["id"].removeprefix("act_"))
    await side.store.decide(decided, decision="deny", answer=CANARY, decided_by="owner")

    found = await report(run_id)
    assert [effect["in_doubt"] for effect in found["effects"]] == [False]
    assert (found["actions"][0]["decision"], found["actions"][0]["answer_bytes"]) == ("deny", len(CANARY))
    assert CANARY not in json.dumps(found)


async def test_an_effect_that_was_repeated_and_lost_again_is_in_doubt_again(
    side: PostgresSide, report: AskReport
) -> None:
    run_id = await in_doubt(side)
    decided = UUID((await report(run_id))["actions"][0]["id"].removeprefix("act_"))
    await side.store.decide(decided, decision="repeat", answer=None, decided_by="owner")
    assert [effect["in_doubt"] for effect in (await report(run_id))["effects"]] == [False]

    run = await claimed(side, worker := new_id())
    await side.store.commit([a_write(run, intent=an_intent())])
    await lost(side, worker)

    assert [effect["in_doubt"] for effect in (await report(run_id))["effects"]] == [True]


async def test_an_effect_that_a_living_worker_has_begun_is_not_in_doubt(
    side: PostgresSide, report: AskReport
) -> None:
    await started(side, **SAID)
    run = await claimed(side, worker := new_id())
    await side.store.commit([a_write(run, intent=an_intent())])
    assert [e["in_doubt"] for e in (await report(run.lease.run_id))["effects"]] == [False]

    await side.expire(worker)
    assert [e["in_doubt"] for e in (await report(run.lease.run_id))["effects"]] == [True]


async def test_a_takeover_is_told_step_by_step(side: PostgresSide, report: AskReport) -> None:
    found = await report(await taken_over(side))

    result = f"result {found['steps'][0]['bytes']} B"
    assert [event["what"] for event in found["timeline"]] == [
        "accepted for agent clerk, model offline:demo",
        "a worker took it: attempt 1",
        "step 0 begins: model model",
        "back to the queue: lease_expired",
        "a worker took it: attempt 2",
        "step 0 is taken back, items: 1",
        "step 0 begins: model model",
        f"step 0 is done: model model, 1.5 s, 100 in, 20 out, $0.001500, {result}",
        "ended: completed",
    ]
    assert found["usage"]["lost_tokens"] == 1024
    assert {b["name"]: (b["used"], b["limit"]) for b in found["budgets"] if b["name"] != "max_seconds"} == {
        "max_steps": (1, 7),
        "max_tool_calls": (0, None),
        "max_tokens": (100 + 20 + 1024, 1_000_000),
        "max_cost_microusd": (1500, None),
    }


async def test_an_error_leads_to_its_page(side: PostgresSide, report: AskReport) -> None:
    error = (await report(await poison(side)))["error"]

    assert error == {"code": "poison", "page": "docs/reference/errors/poison.md"}
    assert (Path(__file__).resolve().parents[3] / error["page"]).exists()


async def test_the_idempotency_key_is_there_by_its_requests_hash(
    side: PostgresSide, report: AskReport
) -> None:
    without, with_key = await paused(side), await queued(side)

    assert (await report(with_key))["idempotency_key"]["request_hash"] == "abcd"
    assert (await report(without))["idempotency_key"] is None


async def test_the_runs_beside_it_in_its_thread_are_named(side: PostgresSide, report: AskReport) -> None:
    run_id = await held(side)

    (before,) = (await report(run_id))["neighbours"]

    assert before["status"] == "in_progress"
    assert before["id"] in (await report(run_id))["next"]


async def test_damage_is_told_by_the_checkers_rules_for_this_run_only(
    side: PostgresSide, ask: Ask, report: AskReport
) -> None:
    damaged, sound = await taken_over(side), await in_progress(side)
    await side.database.execute("delete from event where run_id = $1 and seq in (3, 4)", damaged)

    found = await report(damaged)

    assert found["log"]["gaps"] == [{"first_missing": 3, "last_missing": 4}]
    assert [rule.partition(":")[0] for rule in found["broken_rules"]] == [
        "events are numbered 1, 2, 3, … up to the run's next number"
    ]
    assert "events 3 to 4 are missing" in await ask(damaged)
    assert (await report(sound))["broken_rules"] == []


async def test_with_content_what_was_said_is_shown(side: PostgresSide, ask: Ask, report: AskReport) -> None:
    waits, failed = await waiting(side), await poison(side)

    text, found = await ask(waits, content=True), await report(waits, content=True)

    assert text.count(CANARY) >= 3
    assert found["input"][0]["content"] == [{"type": "text", "text": CANARY}]
    assert found["actions"][0]["prompt"] == CANARY
    assert (await report(failed, content=True))["error"]["message"] == CANARY


async def test_each_way_to_write_an_id_leads_to_the_run(side: PostgresSide, ask: Ask) -> None:
    run_id = await queued(side)

    for written in (to_wire("run", run_id), to_wire("resp", run_id), str(run_id), run_id.hex):
        assert (await ask(written)).startswith(to_wire("run", run_id))


@pytest.mark.parametrize("unknown", ["run_nonsense", "x", f"run_{'0' * 32}", str(UUID(int=7))])
async def test_an_unknown_run_is_one_sentence(side: PostgresSide, ask: Ask, unknown: str) -> None:
    with pytest.raises(Failure, match=f"There is no run '{unknown}'. `helium runs` lists the latest."):
        await ask(unknown)


async def test_an_event_of_a_later_release_is_named_and_does_no_harm(
    side: PostgresSide, report: AskReport
) -> None:
    run_id = await queued(side)
    await side.database.execute(
        """update event set payload = '{"type":"run.dreamt","of":"canary-7f3a"}' where run_id = $1""",
        run_id,
    )

    (event,) = (await report(run_id))["timeline"]

    assert (event["type"], event["what"]) == ("run.dreamt", "")
