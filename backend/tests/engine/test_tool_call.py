"""People and effects: approvals, questions, and calls that must not happen twice."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest

from helium.adapters.scripted import Call
from helium.core.events import ActionRequired
from helium.core.fold import RunView
from helium.core.items import ToolCall
from helium.ports import Write

from .fakes import Gate
from .world import Recorder, World, answers, changed_arguments, outputs, texts


def mailer() -> tuple[World, Recorder]:
    """An agent with a tool `mail` that must not be repeated."""
    mail = Recorder("mail", effect="once")
    return World(answers([Call("mail", {"to": "ada"}, call_id="c1")], ["Done"]), mail), mail


async def in_doubt() -> tuple[World, Recorder, Any]:
    """A run whose worker died in the middle of a call that must not be repeated."""
    world, mail = mailer()
    gate = Gate()

    async def hang(arguments: dict[str, Any]) -> str:
        await gate()
        raise AssertionError

    mail.do = hang
    run_id = await world.start()
    async with world.working():
        await gate.reached.wait()
    mail.do = None
    await world.take_over()
    view = await world.finish(run_id)
    assert view.status == "requires_action"
    return world, mail, run_id


def asked(view: RunView) -> tuple[str, str | None, str | None]:
    assert view.action is not None
    return view.action.kind, view.action.tool, view.action.arguments


# --- approval ------------------------------------------------------------------------------------


async def test_a_call_that_needs_approval_waits_and_shows_exactly_what_will_run() -> None:
    world, mail = mailer()

    view = await world.finish(await world.start(ask_before=("mail",)))

    assert (view.status, asked(view)) == ("requires_action", ("approval", "mail", '{"to":"ada"}'))
    assert mail.calls == []


async def test_an_approved_call_is_carried_out_once() -> None:
    world, mail = mailer()
    run_id = await world.start(ask_before=("mail",))
    await world.finish(run_id)

    await world.decide(run_id, "approve")
    view = await world.finish(run_id)

    assert (view.status, mail.calls, texts(view)) == ("completed", [{"to": "ada"}], ["Done"])


@pytest.mark.parametrize(
    ("reason", "said"), [(None, "The person declined."), ("too early", "The person declined: too early")]
)
async def test_a_denied_call_is_an_answer_for_the_model(reason: str | None, said: str) -> None:
    world, mail = mailer()
    run_id = await world.start(ask_before=("mail",))
    await world.finish(run_id)

    await world.decide(run_id, "deny", reason)
    view = await world.finish(run_id)

    assert (view.status, mail.calls, outputs(view)) == ("completed", [], [(said, True)])


async def test_guard_an_approval_is_for_these_arguments_and_no_others() -> None:
    world, mail = mailer()
    run_id = await world.start(ask_before=("mail",))
    await world.finish(run_id)

    await world.decide(run_id, "approve")
    changed_arguments(world.stored(run_id), '{"to":"everybody"}')
    view = await world.finish(run_id)

    assert (view.status, mail.calls) == ("requires_action", [])
    assert asked(view) == ("approval", "mail", '{"to":"everybody"}')


async def test_two_calls_are_approved_one_after_the_other() -> None:
    mail = Recorder("mail")
    model = answers([Call("mail", {"to": "ada"}), Call("mail", {"to": "bob"})], ["Done"])
    world = World(model, mail)
    run_id = await world.start(ask_before=("mail",))

    for _ in range(2):
        await world.finish(run_id)
        await world.decide(run_id, "approve")
    view = await world.finish(run_id)

    assert (view.status, mail.calls) == ("completed", [{"to": "ada"}, {"to": "bob"}])
    asked_for = [e.arguments for e in world.events(run_id) if isinstance(e, ActionRequired)]
    assert asked_for == ['{"to":"ada"}', '{"to":"bob"}']


# --- questions -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("decision", "answer", "read"),
    [("answer", "Blue.", "Blue."), ("approve", None, "yes"), ("deny", None, "no")],
)
async def test_a_persons_answer_is_the_result(decision: str, answer: str | None, read: str) -> None:
    ask = Recorder("ask", asks_person=True)
    world = World(answers([Call("ask", {"question": "Which colour?"})], ["Done"]), ask)
    run_id = await world.start()
    waiting = await world.finish(run_id)

    await world.decide(run_id, decision, answer)
    view = await world.finish(run_id)

    assert waiting.action is not None
    assert (waiting.action.kind, waiting.action.prompt) == ("question", "Which colour?")
    assert (outputs(view), ask.calls) == ([(read, False)], [])


# --- effects -------------------------------------------------------------------------------------


async def test_guard_the_intent_is_durable_before_the_effect_begins() -> None:
    world, mail = mailer()
    known: list[Any] = []

    async def look_at_the_ledger(arguments: dict[str, Any]) -> str:
        effect = world.stored(run_id).effects.get("c1")
        known.append(effect and (effect.tool, effect.state))
        return "sent"

    mail.do = look_at_the_ledger
    run_id = await world.start()
    await world.finish(run_id)

    assert known == [("mail", "intent")]
    assert world.stored(run_id).effects["c1"].state == "done"


async def test_the_effect_does_not_begin_while_its_intent_is_under_way() -> None:
    world, mail = mailer()
    gate = Gate()

    async def hold_the_intent(writes: Sequence[Write]) -> None:
        if writes[0].intent is not None:
            await gate()

    world.store.before = hold_the_intent
    run_id = await world.start()
    async with world.working():
        await gate.reached.wait()
        begun_early = list(mail.calls)
        gate.open.set()
        await world.settled(run_id)

    assert (begun_early, len(mail.calls)) == ([], 1)


async def test_guard_a_call_that_was_begun_and_never_recorded_waits_for_a_person() -> None:
    world, mail, run_id = await in_doubt()

    assert asked(world.view(run_id)) == ("in_doubt", "mail", '{"to":"ada"}')
    assert len(mail.calls) == 1


@pytest.mark.parametrize(
    ("decision", "answer", "calls", "read"),
    [
        ("done", None, 1, ("A person confirmed that this was done.", False)),
        ("done", "Message 7", 1, ("Message 7", False)),
        ("repeat", None, 2, ("mail was called", False)),
        ("deny", None, 1, ("The person declined.", True)),
    ],
)
async def test_a_person_settles_an_effect_in_doubt(
    decision: str, answer: str | None, calls: int, read: tuple[str, bool]
) -> None:
    world, mail, run_id = await in_doubt()

    await world.decide(run_id, decision, answer)
    view = await world.finish(run_id)

    assert (view.status, len(mail.calls), outputs(view)) == ("completed", calls, [read])
    assert world.stored(run_id).effects["c1"].state == "done"


async def test_guard_a_decision_to_repeat_counts_for_one_repetition() -> None:
    world, mail, run_id = await in_doubt()
    gate = Gate()

    async def hang_again(arguments: dict[str, Any]) -> str:
        await gate()
        raise AssertionError

    await world.decide(run_id, "repeat")
    mail.do = hang_again
    async with world.working():
        await gate.reached.wait()
    await world.take_over()
    view = await world.finish(run_id)

    assert (view.status, len(mail.calls)) == ("requires_action", 2)
    assert asked(view)[0] == "in_doubt"


async def test_a_decision_about_an_effect_is_for_these_arguments_and_no_others() -> None:
    world, mail, run_id = await in_doubt()

    await world.decide(run_id, "repeat")
    changed_arguments(world.stored(run_id), '{"to":"everybody"}')
    view = await world.finish(run_id)

    assert (view.status, len(mail.calls)) == ("requires_action", 1)


async def test_a_call_that_may_be_repeated_is_repeated_with_the_same_key() -> None:
    look = Recorder("look", effect="idempotent")
    gate = Gate()

    async def hang(arguments: dict[str, Any]) -> str:
        await gate()
        raise AssertionError

    look.do = hang
    world = World(answers([Call("look", call_id="c1")], ["Done"]), look)
    run_id = await world.start()
    async with world.working():
        await gate.reached.wait()
    look.do = None
    await world.take_over()
    view = await world.finish(run_id)

    assert (view.status, look.keys) == ("completed", [f"{run_id.hex}-c1"] * 2)


async def test_a_once_call_that_is_approved_and_fails_is_settled_all_the_same() -> None:
    world, mail = mailer()

    async def fail(arguments: dict[str, Any]) -> str:
        raise RuntimeError("no route")

    mail.do = fail
    run_id = await world.start()
    view = await world.finish(run_id)

    assert outputs(view) == [("The tool mail failed unexpectedly.", True)]
    assert world.stored(run_id).effects["c1"].state == "done"


async def test_a_waiting_run_owns_no_lease() -> None:
    world, _ = mailer()
    run_id = await world.start(ask_before=("mail",))

    await world.finish(run_id)

    stored = world.stored(run_id)
    assert (stored.owner_token, stored.worker_id) == (None, None)


async def test_what_runs_is_what_the_model_asked_for() -> None:
    world, mail = mailer()
    run_id = await world.start()

    view = await world.finish(run_id)

    (call,) = [item for item in view.items if isinstance(item, ToolCall)]
    assert msgspec.json.decode(call.arguments) == mail.calls[0]
