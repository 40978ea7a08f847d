"""The real client against fake providers on loopback: answers, and every way to fail."""

import asyncio
import base64
import socket
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from email.utils import formatdate
from typing import Any

import msgspec
import pytest

from helium.adapters.providers.catalog import ProviderCatalog
from helium.adapters.providers.http import HttpModel, Timeouts
from helium.core.errors import ModelFailed, Retryable
from helium.core.items import (
    FunctionTool,
    Image,
    Item,
    Message,
    Reasoning,
    Text,
    ToolCall,
    ToolResult,
    user_message,
)
from helium.kit.clock import SystemClock
from helium.ports import (
    ArgumentsDelta,
    Model,
    ModelEvent,
    ModelFinished,
    ModelRequest,
    ReasoningDelta,
    ReasoningDone,
    TextDelta,
    ToolCallStarted,
)

from .conftest import Stage
from .fakes import Reply
from .test_decoders import EXPECTED
from .transcripts import joined, transcript

FORMATS = ["chat", "responses", "anthropic"]
TEXT = {"chat": "chat_text", "responses": "responses_text", "anthropic": "anthropic_text"}
TOOLS = {
    "chat": "chat_parallel_tools",
    "responses": "responses_reasoning_tools",
    "anthropic": "anthropic_thinking_tools",
}
every_format = pytest.mark.parametrize("form", FORMATS)

HELLO = ModelRequest(model="m", items=[user_message("1", "Hello?")])
QUICK = Timeouts(connect=0.5, first_token=0.1, between_chunks=0.1, thinking=0.3)


def reply(name: str, **fields: Any) -> Reply:
    blocks = transcript(name).removesuffix(b"\n\n").split(b"\n\n")
    return Reply([block + b"\n\n" for block in blocks], **fields)


async def answer(model: Model, request: ModelRequest) -> list[ModelEvent]:
    return [event async for batch in model.stream(request) for event in batch]


def as_items(events: Sequence[ModelEvent]) -> list[Item]:
    """What the engine would store of an answer."""
    items: list[Item] = []
    text, thought = "", ""
    for event in joined(events):
        match event:
            case ReasoningDelta(said):
                thought = said
            case ReasoningDone(opaque):
                items.append(Reasoning(id=f"r{len(items)}", text=thought, opaque=opaque))
                thought = ""
            case TextDelta(text):
                items.append(Message(id=f"m{len(items)}", role="assistant", content=(Text(text=text),)))
            case ToolCallStarted(_, call_id, name):
                items.append(ToolCall(id=f"c{len(items)}", call_id=call_id, name=name))
            case ArgumentsDelta(_, arguments):
                last = items[-1]
                assert isinstance(last, ToolCall)
                items[-1] = msgspec.structs.replace(last, arguments=arguments)
            case _:
                pass
    return items


@every_format
async def test_an_answer_comes_whole_and_in_order(form: str, stage: Stage) -> None:
    fake, model = await stage(form, [reply(TEXT[form])])
    assert joined(await answer(model, HELLO)) == EXPECTED[TEXT[form]][1]
    assert fake.asked[0].body["model"] == "m"


@every_format
async def test_the_first_content_does_not_wait_for_the_window(form: str, stage: Stage) -> None:
    _, model = await stage(form, [reply(TEXT[form], ending="hang")], gather_seconds=30.0)
    async with aclosing(model.stream(HELLO)) as batches:  # type: ignore[type-var] # it is a generator
        async with asyncio.timeout(5):
            first = await anext(batches)
    assert isinstance(first[0], TextDelta)


async def test_what_arrives_in_a_window_comes_as_one_batch(stage: Stage) -> None:
    pieces = [
        f'data: {{"choices":[{{"index":0,"delta":{{"content":"{n} "}}}}]}}\n\n'.encode() for n in range(40)
    ]
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'
    _, model = await stage("chat", [Reply([*pieces, end], pause=0.002)], gather_seconds=0.5)
    batches = [list(batch) async for batch in model.stream(HELLO)]
    assert batches[0] == [TextDelta("0 ")]
    assert len(batches) <= 3
    assert "".join(e.text for b in batches for e in b if isinstance(e, TextDelta)).split() == [
        str(n) for n in range(40)
    ]


@every_format
async def test_the_end_of_the_body_ends_the_window(form: str, stage: Stage) -> None:
    blocks = transcript(TEXT[form])
    middle = len(blocks) - 60
    _, model = await stage(
        form, [Reply([blocks[:middle], blocks[middle:]], pause=0.05)], gather_seconds=30.0
    )
    async with asyncio.timeout(5):
        events = await answer(model, HELLO)
    assert joined(events) == EXPECTED[TEXT[form]][1]


WEATHER = FunctionTool(
    name="weather", parameters={"type": "object", "properties": {"city": {"type": "string"}}}
)
CLOCK = FunctionTool(name="clock", description="Tells the time.")


@every_format
async def test_parallel_tool_calls_make_a_round_trip_with_their_reasoning(form: str, stage: Stage) -> None:
    fake, model = await stage(form, [reply(TOOLS[form]), reply(TEXT[form])])
    request = ModelRequest(model="m", items=[*HELLO.items], tools=[WEATHER, CLOCK], reasoning_effort="low")
    made = as_items(await answer(model, request))
    calls = [item for item in made if isinstance(item, ToolCall)]
    results = [
        ToolResult(id=f"t{call.id}", call_id=call.call_id, output="fine") for call in reversed(calls)
    ]
    request = ModelRequest(
        model="m", items=[*HELLO.items, *made, *results, user_message("2", "And?")], tools=[WEATHER, CLOCK]
    )
    last = (await answer(model, request))[-1]
    assert last == EXPECTED[TEXT[form]][1][-1]
    sent = msgspec.json.encode(fake.asked[1].body).decode()
    for proof in {"chat": [], "responses": ["gAAA"], "anthropic": ["EqQB", "ZW5j"]}[form]:
        assert proof in sent


PIXEL = base64.b64encode(b"\x89PNG").decode()


@every_format
async def test_pictures_and_a_form_for_the_answer_reach_the_provider(form: str, stage: Stage) -> None:
    fake, model = await stage(form, [reply(TEXT[form])])
    content = (
        Text(text="What is this?"),
        Image(url=f"data:image/png;base64,{PIXEL}"),
        Image(url="https://x/y.png"),
    )
    schema = {"type": "object", "properties": {"a": {"type": "string"}}, "additionalProperties": False}
    request = ModelRequest(
        model="m",
        instructions="Be brief.",
        items=[Message(id="1", role="user", content=content)],
        text_format={"name": "thing", "schema": schema, "strict": True},
    )
    await answer(model, request)
    sent = msgspec.json.encode(fake.asked[0].body).decode()
    for part in (PIXEL, "https://x/y.png", "Be brief.", "additionalProperties", "json_schema"):
        assert part in sent


async def test_a_body_of_many_megabytes_is_sent(stage: Stage) -> None:
    fake, model = await stage("chat", [reply("chat_text")])
    request = ModelRequest(model="m", items=[user_message("1", "x" * 3_000_000)])
    await answer(model, request)
    assert len(fake.asked[0].body["messages"][0]["content"]) == 3_000_000


def refused(status: int, error: Any, **headers: str) -> Reply:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    body = error if isinstance(error, bytes) else msgspec.json.encode(error)
    return Reply([body], status=status, headers=named, content_type="application/json")


@every_format
@pytest.mark.parametrize("status", [408, 409, 425, 429, 500, 502, 503, 529])
async def test_what_may_pass_is_retryable(form: str, status: int, stage: Stage) -> None:
    _, model = await stage(form, [refused(status, {"error": {"message": "Not now."}})])
    with pytest.raises(Retryable, match="Not now") as caught:
        await answer(model, HELLO)
    assert caught.value.after_seconds is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"Retry_After": "7"}, 7.0),
        ({"Retry_After": "20", "retry_after_ms": "1500"}, 1.5),
        ({"Retry_After": "soon"}, None),
        ({"Retry_After": "-3"}, None),
    ],
)
async def test_the_providers_wish_to_wait_is_passed_on(
    headers: dict[str, str], seconds: float | None, stage: Stage
) -> None:
    _, model = await stage("chat", [refused(429, {"error": {"message": "Slow down."}}, **headers)])
    with pytest.raises(Retryable) as caught:
        await answer(model, HELLO)
    assert caught.value.after_seconds == seconds


async def test_a_date_to_wait_for_becomes_seconds(stage: Stage) -> None:
    date = formatdate(SystemClock().time() + 100, usegmt=True)
    _, model = await stage("chat", [refused(503, b"busy", Retry_After=date)])
    with pytest.raises(Retryable) as caught:
        await answer(model, HELLO)
    assert caught.value.after_seconds == pytest.approx(100, abs=5)


FINAL = [
    (400, {"error": {"message": "Bad schema."}}, "model_refused_request", "Bad schema."),
    (422, {"detail": [{"msg": "extra"}]}, "model_refused_request", "extra"),
    (404, {"error": {"message": "No such model."}}, "model_not_found", "'m'"),
    (402, {"error": {"message": "Insufficient credits"}}, "model_quota", "Insufficient credits"),
    (429, {"error": {"message": "Pay.", "code": "insufficient_quota"}}, "model_quota", "Pay."),
    (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, "context_too_long", "too long"),
    (400, {"error": {"message": "prompt is too long: 3 > 2"}}, "context_too_long", "too long"),
    (413, {"error": {"message": "Request too large"}}, "context_too_long", "too long"),
    (
        400,
        [{"error": {"code": 400, "message": "In a list.", "status": "X"}}],
        "model_refused_request",
        "list",
    ),
    (403, {"error": "a word"}, "model_auth", "does not allow"),
    (302, b"<html>elsewhere</html>", "model_refused_request", "refused the request"),
]


@pytest.mark.parametrize(("status", "error", "code", "words"), FINAL)
async def test_what_will_not_pass_is_a_failure_with_a_code(
    status: int, error: Any, code: str, words: str, stage: Stage
) -> None:
    _, model = await stage("chat", [refused(status, error)])
    with pytest.raises(ModelFailed) as caught:
        await answer(model, HELLO)
    assert caught.value.code == code
    assert words in caught.value.public


@pytest.mark.parametrize(
    ("form", "variable"), [("chat", "OPENAI_API_KEY"), ("anthropic", "ANTHROPIC_API_KEY")]
)
async def test_a_wrong_key_names_the_variable_and_not_the_key(
    form: str, variable: str, stage: Stage
) -> None:
    _, model = await stage(form, [reply(TEXT[form])], key="wrong-key")
    with pytest.raises(ModelFailed) as caught:
        await answer(model, HELLO)
    assert caught.value.code == "model_auth"
    assert variable in caught.value.public
    assert "wrong-key" not in caught.value.public


async def test_a_refusal_is_short_and_shows_no_key(stage: Stage) -> None:
    said = "Your key test-key-123 or sk-abcdefghijkl is " + "very " * 400 + "bad."
    _, model = await stage("chat", [refused(400, {"error": {"message": said}})])
    with pytest.raises(ModelFailed) as caught:
        await answer(model, HELLO)
    assert "Your key *** or *** is very" in caught.value.public
    assert len(caught.value.public) < 500


@pytest.mark.parametrize("kind", ["application/json", "text/html"])
async def test_an_answer_that_is_no_stream_is_retryable(kind: str, stage: Stage) -> None:
    _, model = await stage("chat", [Reply([b'{"error":{"message":"busy"}}'], content_type=kind)])
    with pytest.raises(Retryable, match="busy"):
        await answer(model, HELLO)


@every_format
async def test_silence_before_the_first_token_is_retryable(form: str, stage: Stage) -> None:
    _, model = await stage(form, [Reply(delay=5.0)], timeouts=QUICK)
    with pytest.raises(Retryable, match=r"sent no token for 0\.1 s"):
        await answer(model, HELLO)


@every_format
async def test_signs_of_life_without_content_do_not_help_for_long(form: str, stage: Stage) -> None:
    _, model = await stage(form, [Reply([b": ping\n\n"] * 50, pause=0.02)], timeouts=QUICK)
    with pytest.raises(Retryable, match=r"sent no token for 0\.1 s"):
        await answer(model, HELLO)


@every_format
async def test_silence_in_the_middle_is_retryable(form: str, stage: Stage) -> None:
    blocks = transcript(f"{form}_cut_off")
    timeouts = replace(QUICK, first_token=20.0)
    fake, model = await stage(form, [Reply([blocks], ending="hang")], timeouts=timeouts)
    with pytest.raises(Retryable, match=r"fell silent for 0\.1 s"):
        await answer(model, HELLO)
    async with asyncio.timeout(5):
        await fake.gone.wait()


async def test_a_model_that_is_known_to_think_may_be_silent_longer(stage: Stage) -> None:
    blocks = transcript("anthropic_thinking_tools").split(b"\n\n")
    thinking = b"\n\n".join(blocks[:2]) + b"\n\n"
    rest = transcript("anthropic_thinking_tools")[len(thinking) :]
    timeouts = Timeouts(first_token=0.5, between_chunks=0.5, thinking=20.0)
    _, model = await stage("anthropic", [Reply([thinking, rest], pause=0.7)], timeouts=timeouts)
    assert joined(await answer(model, HELLO)) == EXPECTED["anthropic_thinking_tools"][1]


@every_format
async def test_a_cut_connection_is_retryable(form: str, stage: Stage) -> None:
    _, model = await stage(form, [Reply([transcript(f"{form}_cut_off")], ending="cut")])
    with pytest.raises(Retryable, match="broke"):
        await answer(model, HELLO)


@every_format
async def test_a_body_that_ends_too_early_is_retryable(form: str, stage: Stage) -> None:
    _, model = await stage(form, [Reply([transcript(f"{form}_cut_off")])])
    with pytest.raises(Retryable, match="cut off"):
        await answer(model, HELLO)


async def test_nobody_listening_is_retryable() -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{held.getsockname()[1]}"
        async with ProviderCatalog({"VLLM_BASE_URL": url}, SystemClock()) as catalog:
            with pytest.raises(Retryable, match="the connection to vLLM broke: ConnectionRefusedError"):
                await answer(catalog.resolve("vllm:m")[0], HELLO)


@every_format
async def test_a_slow_answer_is_whole(form: str, stage: Stage) -> None:
    _, model = await stage(form, [reply(TEXT[form], pause=0.01)])
    assert joined(await answer(model, HELLO)) == EXPECTED[TEXT[form]][1]


@every_format
async def test_closing_the_iterator_closes_the_connection(form: str, stage: Stage) -> None:
    fake, model = await stage(form, [reply(TEXT[form], ending="hang")])
    async with aclosing(model.stream(HELLO)) as batches:  # type: ignore[type-var] # it is a generator
        await anext(batches)
    async with asyncio.timeout(5):
        await fake.gone.wait()


async def test_cancelling_the_reader_closes_the_connection(stage: Stage) -> None:
    fake, model = await stage("chat", [Reply([b": hello\n\n"], ending="hang")])
    reading = asyncio.ensure_future(answer(model, HELLO))
    async with asyncio.timeout(5):
        while not fake.asked:
            await SystemClock().sleep(0.01)
        reading.cancel()
        await asyncio.wait([reading])
        await fake.gone.wait()
    assert reading.cancelled()


@every_format
async def test_a_connection_serves_many_answers(form: str, stage: Stage) -> None:
    fake, model = await stage(form, [reply(TEXT[form])])
    for _ in range(3):
        await answer(model, HELLO)
    assert fake.connections == 1


async def test_the_last_event_of_an_answer_is_its_finish(stage: Stage) -> None:
    _, model = await stage("chat", [reply("chat_text")])
    batches = [list(batch) async for batch in model.stream(HELLO)]
    assert isinstance(batches[-1][-1], ModelFinished)
    assert all(batches)


async def test_an_answer_that_is_complete_stays_so_when_the_connection_is_cut(stage: Stage) -> None:
    _, model = await stage("chat", [Reply([transcript(TEXT["chat"])], ending="cut")])
    assert joined(await answer(model, HELLO)) == EXPECTED[TEXT["chat"]][1]


@pytest.mark.parametrize(("status", "failed"), [(200, Retryable), (401, ModelFailed)])
async def test_a_compressed_answer_is_refused_with_a_sentence(
    status: int, failed: type[Exception], stage: Stage
) -> None:
    packed = Reply([b"\x1f\x8b"], status=status, headers={"Content-Encoding": "gzip"})
    _, model = await stage("chat", [packed])
    with pytest.raises(failed, match=r"compressed its answer|does not accept the key"):
        await answer(model, HELLO)


async def test_a_refusal_in_pieces_is_read_whole_and_its_connection_kept(stage: Stage) -> None:
    said = Reply([b'{"error":{"mess', b'age":"Not now."}}'], 503, pause=0.02)
    fake, model = await stage("chat", [said])
    for _ in range(2):
        with pytest.raises(Retryable, match="Not now"):
            await answer(model, HELLO)
    assert fake.connections == 1


async def test_a_slow_reader_is_no_silence_of_the_provider(stage: Stage) -> None:
    timeouts = Timeouts(between_chunks=0.5)
    _, model = await stage("chat", [reply("chat_text", pause=0.01)], timeouts=timeouts)
    events: list[ModelEvent] = []
    async for batch in model.stream(HELLO):
        events.extend(batch)
        if len(events) < 3:
            await SystemClock().sleep(0.7)
    assert joined(events) == EXPECTED["chat_text"][1]


async def test_no_stream_is_counted_when_all_have_ended(stage: Stage) -> None:
    replies = [reply("chat_text"), refused(503, b"busy"), Reply(delay=5.0)]
    _, model = await stage("chat", replies, timeouts=Timeouts(first_token=0.5))
    assert isinstance(model, HttpModel)
    await answer(model, HELLO)
    for _ in range(2):
        with pytest.raises(Retryable):
            await answer(model, HELLO)
    assert model.upstream.open_streams == 0
