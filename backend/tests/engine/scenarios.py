"""Runs of every kind, played by the real engine: what `contracts/transcripts` is made of."""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import UUID

import msgspec

from helium.adapters.scripted import Call, Hang
from helium.core.errors import ModelFailed, Retryable
from helium.core.events import encode_event
from helium.core.items import FunctionTool
from helium.engine import tool_call
from helium.ports import (
    ArgumentsDelta,
    ReasoningDelta,
    ReasoningDone,
    RefusalDelta,
    TextDelta,
    ToolCallStarted,
)

from .fakes import Gate, until
from .test_model_call import tries
from .world import Recorder, World, answers, ends

Played = tuple[World, UUID]


async def _to_the_end(world: World, **spec: Any) -> Played:
    run_id = await world.start(**spec)
    await world.finish(run_id)
    return world, run_id


async def plain_answer() -> Played:
    return await _to_the_end(World(answers(["Hello ", "there."])))


async def reasoning() -> Played:
    return await _to_the_end(
        World(
            answers([ReasoningDelta("Let me"), ReasoningDelta(" think."), ReasoningDone("proof"), "Yes."])
        )
    )


async def tool_call_and_result() -> Played:
    pieces = [
        [ToolCallStarted(0, "call_0", "note"), ArgumentsDelta(0, '{"text":')],
        [ArgumentsDelta(0, '"milk"}')],
    ]
    return await _to_the_end(World(answers(["I note it.", *pieces], ["Noted."]), Recorder("note")))


async def parallel_tools() -> Played:
    calls = [Call("note", {"n": 1}), Call("missing", {"n": 2}), Call("note", {"n": 3})]
    return await _to_the_end(World(answers(calls, ["Both done."]), Recorder("note")))


async def retry_with_retraction() -> Played:
    dead = [ReasoningDelta("Hm."), "Hel", Retryable("the provider is overloaded", after_seconds=2.0)]
    return await _to_the_end(World(tries(dead, ["Hello."])))


async def dead_attempt_and_takeover() -> Played:
    world = World(tries(["Hel", Hang()], ["Hello."]))
    run_id = await world.start()
    async with world.working():
        await until(lambda: "item.delta" in world.types(run_id))
    await world.take_over()
    await world.finish(run_id)
    return world, run_id


async def _asked(decision: str, answer: str | None = None) -> Played:
    note = Recorder("note")
    world = World(answers([Call("note", {"text": "milk"})], ["As you wish."]), note)
    world, run_id = await _to_the_end(world, ask_before=("note",))
    await world.decide(run_id, decision, answer)
    await world.finish(run_id)
    return world, run_id


async def approval_pending() -> Played:
    world = World(answers([Call("note", {"text": "milk"})]), Recorder("note"))
    return await _to_the_end(world, ask_before=("note",))


async def approval_approved() -> Played:
    return await _asked("approve")


async def approval_denied() -> Played:
    return await _asked("deny", "not today")


async def question() -> Played:
    ask = Recorder("ask_person", asks_person=True)
    turns = [Call("ask_person", {"question": "Which colour?"})], ["Blue it is."]
    world, run_id = await _to_the_end(World(answers(*turns), ask))
    await world.decide(run_id, "answer", "Blue")
    await world.finish(run_id)
    return world, run_id


async def in_doubt() -> Played:
    gate = Gate()

    async def hang(arguments: dict[str, Any]) -> str:
        await gate()
        raise AssertionError

    send = Recorder("send", effect="once", do=hang)
    world = World(answers([Call("send", {"to": "ada"})], ["It was sent."]), send)
    run_id = await world.start()
    async with world.working():
        await gate.reached.wait()
    await world.take_over()
    await world.finish(run_id)
    await world.decide(run_id, "done")
    await world.finish(run_id)
    return world, run_id


async def cancel_with_partial_text() -> Played:
    half = [ToolCallStarted(0, "call_0", "note"), ArgumentsDelta(0, '{"te')]
    world = World(answers(["I will ", half, Hang()]), Recorder("note"))
    run_id = await world.start()
    async with world.working() as worker:
        await until(lambda: world.types(run_id).count("item.added") == 2)
        await world.store.request_cancel(run_id)
        worker.cancel([run_id])
        await world.settled(run_id)
    return world, run_id


async def failed() -> Played:
    return await _to_the_end(World(tries(["Hel", ModelFailed("model_auth", "The key was refused.")])))


async def incomplete() -> Played:
    return await _to_the_end(World(answers([TextDelta("Once upon a"), ends("length")])))


async def refusal() -> Played:
    return await _to_the_end(World(answers([RefusalDelta("I cannot "), RefusalDelta("do that.")])))


async def caller_tools() -> Played:
    calls = [Call("note", {"n": 1}), Call("mail", {"to": "ada"})]
    mail = FunctionTool(name="mail", parameters={"type": "object"})
    return await _to_the_end(World(answers(calls), Recorder("note")), caller_tools=(mail,))


SCENARIOS: Mapping[str, Callable[[], Awaitable[Played]]] = {
    scenario.__name__: scenario
    for scenario in (
        plain_answer,
        reasoning,
        tool_call_and_result,
        parallel_tools,
        retry_with_retraction,
        dead_attempt_and_takeover,
        approval_pending,
        approval_approved,
        approval_denied,
        question,
        in_doubt,
        cancel_with_partial_text,
        failed,
        incomplete,
        refusal,
        caller_tools,
    )
}


async def transcript(name: str) -> dict[str, Any]:
    """The log of this scenario and the view that it folds to, the same at every call."""
    numbers = iter(range(0xAC0, 0xAD0))
    real, tool_call.new_id = tool_call.new_id, lambda: UUID(int=next(numbers))
    try:
        world, run_id = await SCENARIOS[name]()
    finally:
        tool_call.new_id = real
    events = [
        {"seq": logged.seq, "event": msgspec.json.decode(encode_event(logged.event))}
        for logged in world.log(run_id)
    ]
    return {"name": name, "events": events, "view": world.view(run_id).as_json()}
