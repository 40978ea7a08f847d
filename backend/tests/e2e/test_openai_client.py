"""The official `openai` package, unmodified, against `helium up`."""

import json
import time
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any

import openai
import pytest
from openai.types.responses import ResponseStreamEvent

from tests.e2e.conftest import Running

WEATHER: Any = {
    "type": "function",
    "name": "get_weather",
    "description": "The weather in a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
        "additionalProperties": False,
    },
    "strict": True,
}
SLOWLY = "count from 1 to 25 slowly"
COUNTED = " ".join(map(str, range(1, 26)))


@pytest.fixture
def client(up: Running) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{up.address}/v1", api_key=up.token, max_retries=0) as made:
        yield made


def text_of(events: Iterable[ResponseStreamEvent]) -> str:
    return "".join(event.delta for event in events if event.type == "response.output_text.delta")


def numbers(events: Iterable[ResponseStreamEvent]) -> list[int]:
    return [event.sequence_number for event in events]


def test_create(client: openai.OpenAI) -> None:
    response = client.responses.create(model="default", input="calculate 6 * 7")
    assert (response.status, response.output_text) == ("completed", "6 * 7 = 42.")
    assert response.usage is not None
    assert response.usage.output_tokens > 0
    assert client.responses.retrieve(response.id).output_text == response.output_text


def test_a_tool_that_helium_runs_is_an_mcp_call(client: openai.OpenAI) -> None:
    response = client.responses.create(model="default", input="calculate 6 * 7")
    call, message = response.output
    assert call.type == "mcp_call"
    assert message.type == "message"
    assert (call.name, call.output, call.error) == ("calculator", "42", None)
    assert json.loads(call.arguments) == {"expression": "6 * 7"}


def test_a_stream_adds_up_to_the_answer(client: openai.OpenAI) -> None:
    events = list(client.responses.create(model="default", input=SLOWLY, stream=True))
    assert (events[0].type, events[-1].type) == ("response.created", "response.completed")
    assert numbers(events) == sorted(set(numbers(events)))
    assert text_of(events) == COUNTED
    last = events[-1]
    assert last.type == "response.completed"
    assert last.response.output_text == COUNTED


def test_the_stream_helper_ends_with_the_whole_response(client: openai.OpenAI) -> None:
    with client.responses.stream(model="default", input="count to 12") as stream:
        said = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
        final = stream.get_final_response()
    assert said == final.output_text == " ".join(map(str, range(1, 13)))


def test_a_background_response_is_resumed_at_any_cursor_again_and_again(client: openai.OpenAI) -> None:
    started = client.responses.create(model="default", input=SLOWLY, background=True)
    assert started.status in ("queued", "in_progress")
    live = list(client.responses.retrieve(started.id, stream=True))
    assert text_of(live) == COUNTED

    for cursor in (numbers(live)[0], *numbers(live)[3:-1:7], numbers(live)[-2]):
        expected = [event for event in live if event.sequence_number > cursor]
        for _ in range(2):
            stream = client.responses.retrieve(started.id, stream=True, starting_after=cursor)
            assert list(stream) == expected


def test_a_broken_stream_goes_on_where_it_broke(client: openai.OpenAI) -> None:
    stream = client.responses.create(model="default", input=SLOWLY, background=True, stream=True)
    seen: list[ResponseStreamEvent] = []
    for event in stream:
        seen.append(event)
        if len(seen) == 9:
            break
    stream.close()
    first = seen[0]
    assert first.type == "response.created"

    more = client.responses.retrieve(
        first.response.id, stream=True, starting_after=seen[-1].sequence_number
    )
    seen.extend(more)

    assert text_of(seen) == COUNTED
    assert all(before < after for before, after in pairwise(numbers(seen)))


def test_cancel(client: openai.OpenAI) -> None:
    started = client.responses.create(model="default", input="count from 1 to 300 slowly", background=True)
    stream = client.responses.retrieve(started.id, stream=True)
    for event in stream:
        if event.type == "response.output_text.delta":
            break
    began = time.monotonic()
    cancelled = client.responses.cancel(started.id)
    assert (cancelled.status, time.monotonic() - began < 5) == ("cancelled", True)
    assert client.responses.retrieve(started.id).status == "cancelled"
    assert client.responses.cancel(started.id).status == "cancelled"


def test_a_conversation_by_previous_response(client: openai.OpenAI) -> None:
    first = client.responses.create(model="default", input="my name is Ann")
    second = client.responses.create(
        model="default", input="what is my name", previous_response_id=first.id
    )
    assert second.output_text == "Your name is Ann."
    assert second.previous_response_id == first.id


def test_a_conversation_by_its_id(client: openai.OpenAI) -> None:
    first = client.responses.create(model="default", input="my name is Bob")
    assert first.conversation is not None
    second = client.responses.create(
        model="default", input="what is my name", conversation=first.conversation.id
    )
    assert second.output_text == "Your name is Bob."
    assert second.conversation == first.conversation


def test_an_older_response_branches_off(client: openai.OpenAI) -> None:
    first = client.responses.create(model="default", input="my name is Ann")
    main = client.responses.create(model="default", input="my name is Bob", previous_response_id=first.id)
    branch = client.responses.create(
        model="default", input="what is my name", previous_response_id=first.id
    )
    assert branch.output_text == "Your name is Ann."
    assert branch.conversation != main.conversation
    again = client.responses.create(model="default", input="what is my name", previous_response_id=main.id)
    assert (again.output_text, again.conversation) == ("Your name is Bob.", main.conversation)


def test_a_function_of_the_callers_own_makes_a_round_trip(client: openai.OpenAI) -> None:
    asked = client.responses.create(model="scripted:test", input="weather in Oslo?", tools=[WEATHER])
    (call,) = asked.output
    assert call.type == "function_call"
    assert asked.status == "completed"
    assert (call.name, json.loads(call.arguments)) == ("get_weather", {"city": "Oslo"})

    answered = client.responses.create(
        model="scripted:test",
        previous_response_id=asked.id,
        input=[{"type": "function_call_output", "call_id": call.call_id, "output": "sunny"}],
        tools=[WEATHER],
    )
    assert answered.output_text == "It is sunny in Oslo."


def test_a_client_that_keeps_its_own_history_sends_it_back(client: openai.OpenAI) -> None:
    history: list[Any] = [{"role": "user", "content": "my name is Ann"}]
    first = client.responses.create(model="default", input=history)
    history.extend(item.model_dump(exclude_none=True) for item in first.output)
    history.append({"role": "user", "content": "what is my name"})
    second = client.responses.create(model="default", input=history)
    assert second.output_text == "Your name is Ann."


def test_structured_output(client: openai.OpenAI) -> None:
    schema = {
        "type": "object",
        "properties": {"answer": {"type": "string"}, "number": {"type": "number"}},
        "required": ["answer", "number"],
        "additionalProperties": False,
    }
    form: Any = {"format": {"type": "json_schema", "name": "result", "schema": schema, "strict": True}}
    response = client.responses.create(model="default", input="calculate 6 * 7", text=form)
    assert sorted(json.loads(response.output_text)) == ["answer", "number"]


def test_an_idempotency_key_gives_the_first_answer_again(client: openai.OpenAI) -> None:
    headers = {"Idempotency-Key": f"order-{time.time_ns()}"}
    first = client.responses.create(model="default", input="calculate 6 * 7", extra_headers=headers)
    again = client.responses.create(model="default", input="calculate 6 * 7", extra_headers=headers)
    assert again.id == first.id
    assert again.output == first.output
    with pytest.raises(openai.ConflictError):
        client.responses.create(model="default", input="something else", extra_headers=headers)


def test_models_are_listed(client: openai.OpenAI) -> None:
    assert "default" in [model.id for model in client.models.list()]


def test_errors_raise_the_packages_own_exceptions(client: openai.OpenAI, up: Running) -> None:
    with pytest.raises(openai.NotFoundError):
        client.responses.retrieve("resp_00000000000000000000000000000000")
    with pytest.raises(openai.NotFoundError):
        client.responses.create(model="nobody", input="hello")
    with pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="default", input="hello", extra_body={"colour": "blue"})
    assert caught.value.param == "colour"
    with pytest.raises(openai.BadRequestError):
        client.responses.create(model="default", input="hello", temperature=9)
    stranger = openai.OpenAI(base_url=f"{up.address}/v1", api_key="hel_nonsense", max_retries=0)
    with stranger, pytest.raises(openai.AuthenticationError):
        stranger.responses.create(model="default", input="hello")


def test_a_run_that_is_cut_short_says_so(client: openai.OpenAI) -> None:
    response = client.responses.create(model="default", input="count to 30", max_output_tokens=5)
    assert response.incomplete_details is not None
    assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")


async def test_the_asynchronous_client(up: Running) -> None:
    async with openai.AsyncOpenAI(base_url=f"{up.address}/v1", api_key=up.token) as client:
        response = await client.responses.create(model="default", input="calculate 6 * 7")
        assert response.output_text == "6 * 7 = 42."
        stream = await client.responses.create(model="default", input="count to 12", stream=True)
        events = [event async for event in stream]
        assert text_of(events) == " ".join(map(str, range(1, 13)))
        cursor = events[4].sequence_number
        first = events[0]
        assert first.type == "response.created"
        rest = await client.responses.retrieve(first.response.id, stream=True, starting_after=cursor)
        assert [event async for event in rest] == [e for e in events if e.sequence_number > cursor]
