"""The three encoders: bodies in the providers' forms, valid over many turns."""

from typing import Any

import msgspec
import pytest
from anthropic.types.message_create_params import MessageCreateParamsStreaming
from hypothesis import given
from hypothesis import strategies as st
from openai.types.chat.completion_create_params import CompletionCreateParamsStreaming
from openai.types.responses.response_create_params import ResponseCreateParamsStreaming
from pydantic import ConfigDict, TypeAdapter

from helium.adapters.providers.anthropic_request import MAX_TOKENS, messages_body
from helium.adapters.providers.conversation import NO_RESULT
from helium.adapters.providers.opaque import Proof, seal
from helium.adapters.providers.openai_chat_request import OPENAI, Dialect, chat_body
from helium.adapters.providers.openai_responses_request import responses_body
from helium.adapters.providers.presets import PRESETS
from helium.core.items import (
    FunctionTool,
    Image,
    Item,
    Message,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
    assistant_message,
    user_message,
)
from helium.ports import ModelRequest

from .fakes import KEY, Asked, check_chat, check_messages, check_responses

Json = dict[str, Any]


def chat(request: ModelRequest, dialect: Dialect = OPENAI) -> Json:
    return msgspec.json.decode(chat_body(request, dialect))


def responses(request: ModelRequest, **options: Any) -> Json:
    return msgspec.json.decode(responses_body(request, **options))


def messages(request: ModelRequest) -> Json:
    return msgspec.json.decode(messages_body(request))


def proof(form: str, model: str = "m", **fields: str) -> str:
    return seal(Proof(format=form, model=model, **fields))  # type: ignore[arg-type] # only texts here


PARAMETERS = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = FunctionTool(name="weather", description="Tells it.", parameters=PARAMETERS, strict=True)
SCHEMA = {"type": "object", "properties": {}, "additionalProperties": False}

CONVERSATION: list[Item] = [
    Message(id="0", role="developer", content=(Text(text="Be kind."),)),
    Message(id="1", role="user", content=(Text(text="Look:"), Image(url="data:image/png;base64,AAAA"))),
    Reasoning(id="2", text="Hm.", opaque=proof("anthropic", signature="sig")),
    assistant_message("3", "I look."),
    ToolCall(id="4", call_id="a", name="weather", arguments='{"city":"Bonn"}'),
    ToolCall(id="5", call_id="b", name="weather"),
    ToolResult(id="6", call_id="b", output="rain", is_error=True),
    ToolResult(id="7", call_id="a", output="sun"),
    user_message("8", "And now?"),
]


def test_a_conversation_in_chat_completions() -> None:
    call = {"type": "function", "function": {"name": "weather", "arguments": '{"city":"Bonn"}'}}
    bare = {"type": "function", "function": {"name": "weather", "arguments": "{}"}}
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "auto"}}
    assert chat(ModelRequest(model="m", items=CONVERSATION, instructions="Be brief.")) == {
        "model": "m",
        "stream": True,
        "stream_options": {"include_usage": True},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "system", "content": "Be kind."},
            {"role": "user", "content": [{"type": "text", "text": "Look:"}, image]},
            {
                "role": "assistant",
                "content": "I look.",
                "tool_calls": [{"id": "a", **call}, {"id": "b", **bare}],
            },
            {"role": "tool", "tool_call_id": "a", "content": "sun"},
            {"role": "tool", "tool_call_id": "b", "content": "rain"},
            {"role": "user", "content": "And now?"},
        ],
    }


def test_a_conversation_in_responses() -> None:
    thought = Reasoning(id="2", text="Hm.", opaque=proof("responses", id="rs_1", signature="enc"))
    items = [*CONVERSATION[:2], thought, *CONVERSATION[3:]]
    call = {"type": "function_call", "name": "weather"}
    image = {"type": "input_image", "image_url": "data:image/png;base64,AAAA", "detail": "auto"}
    assert responses(ModelRequest(model="m", items=items, instructions="Be brief.")) == {
        "model": "m",
        "stream": True,
        "store": False,
        "include": ["reasoning.encrypted_content"],
        "instructions": "Be brief.",
        "input": [
            {"type": "message", "role": "developer", "content": "Be kind."},
            {
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Look:"}, image],
            },
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Hm."}],
                "encrypted_content": "enc",
            },
            {"type": "message", "role": "assistant", "content": "I look."},
            {**call, "call_id": "a", "arguments": '{"city":"Bonn"}'},
            {**call, "call_id": "b", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "a", "output": "sun"},
            {"type": "function_call_output", "call_id": "b", "output": "rain"},
            {"type": "message", "role": "user", "content": "And now?"},
        ],
    }


def test_a_conversation_in_anthropic_messages() -> None:
    source = {"type": "base64", "media_type": "image/png", "data": "AAAA"}
    assert messages(ModelRequest(model="m", items=CONVERSATION, instructions="Be brief.")) == {
        "model": "m",
        "stream": True,
        "max_tokens": MAX_TOKENS,
        "system": "Be brief.\n\nBe kind.",
        "messages": [
            {
                "role": "user",
                "content": [{"type": "text", "text": "Look:"}, {"type": "image", "source": source}],
            },
            {
                "role": "assistant",
                "content": [
                    {"type": "thinking", "thinking": "Hm.", "signature": "sig"},
                    {"type": "text", "text": "I look."},
                    {"type": "tool_use", "id": "a", "name": "weather", "input": {"city": "Bonn"}},
                    {"type": "tool_use", "id": "b", "name": "weather", "input": {}},
                ],
            },
            {
                "role": "user",
                "content": [
                    {"type": "tool_result", "tool_use_id": "a", "content": "sun"},
                    {"type": "tool_result", "tool_use_id": "b", "content": "rain", "is_error": True},
                    {"type": "text", "text": "And now?"},
                ],
            },
        ],
    }


OPTIONS = ModelRequest(
    model="gpt-5",
    items=[user_message("1", "Hi")],
    tools=[TOOL, FunctionTool(name="bare")],
    tool_choice="weather",
    parallel_tool_calls=False,
    temperature=0.5,
    top_p=0.9,
    max_output_tokens=50,
    text_format={"name": "thing", "schema": SCHEMA, "strict": True},
    reasoning_effort="low",
)
NONE = {"type": "object", "properties": {}}


def without(body: Json, *fields: str) -> Json:
    return {key: value for key, value in body.items() if key not in {*fields, "model", "stream"}}


def test_options_in_chat_completions() -> None:
    described = {"name": "weather", "description": "Tells it.", "parameters": PARAMETERS, "strict": True}
    assert without(chat(OPTIONS), "messages", "stream_options") == {
        "tools": [
            {"type": "function", "function": described},
            {"type": "function", "function": {"name": "bare", "parameters": NONE}},
        ],
        "tool_choice": {"type": "function", "function": {"name": "weather"}},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_completion_tokens": 50,
        "reasoning_effort": "low",
        "response_format": {
            "type": "json_schema",
            "json_schema": {"name": "thing", "schema": SCHEMA, "strict": True},
        },
    }


def test_options_in_responses() -> None:
    described = {"name": "weather", "description": "Tells it.", "parameters": PARAMETERS, "strict": True}
    assert without(responses(OPTIONS), "input", "store") == {
        "include": ["reasoning.encrypted_content"],
        "tools": [
            {"type": "function", **described},
            {"type": "function", "name": "bare", "parameters": NONE, "strict": False},
        ],
        "tool_choice": {"type": "function", "name": "weather"},
        "parallel_tool_calls": False,
        "temperature": 0.5,
        "top_p": 0.9,
        "max_output_tokens": 50,
        "reasoning": {"effort": "low", "summary": "auto"},
        "text": {"format": {"type": "json_schema", "name": "thing", "schema": SCHEMA, "strict": True}},
    }


def test_options_in_anthropic_messages() -> None:
    described = {"name": "weather", "description": "Tells it.", "input_schema": PARAMETERS, "strict": True}
    assert without(messages(OPTIONS), "messages") == {
        "max_tokens": 50,
        "cache_control": {"type": "ephemeral"},
        "tools": [described, {"name": "bare", "input_schema": NONE}],
        "tool_choice": {"type": "tool", "name": "weather", "disable_parallel_tool_use": True},
        "output_config": {"format": {"type": "json_schema", "schema": SCHEMA}, "effort": "low"},
    }


@pytest.mark.parametrize(
    ("choice", "in_chat", "in_anthropic"),
    [
        (None, None, None),
        ("auto", "auto", None),
        ("none", "none", {"type": "none"}),
        ("required", "required", {"type": "any"}),
    ],
)
def test_the_choice_of_tools_in_each_format(choice: str | None, in_chat: Any, in_anthropic: Any) -> None:
    request = ModelRequest(model="m", items=[], tools=[TOOL], tool_choice=choice)
    assert chat(request).get("tool_choice") == in_chat
    assert responses(request).get("tool_choice") == in_chat
    assert messages(request).get("tool_choice") == in_anthropic


def thinking(model: str, effort: str | None = "high", **fields: Any) -> Json:
    given: Json = {"items": [user_message("1", "Hi")], "temperature": 0.5, **fields}
    body = messages(ModelRequest(model=model, reasoning_effort=effort, **given))
    return without(body, "messages", "tools", "cache_control", "tool_choice")


ENABLED = {"type": "enabled", "budget_tokens": 16_384}
ADAPTIVE = {"type": "adaptive", "display": "summarized"}


def test_each_generation_of_claude_is_asked_to_think_in_its_way() -> None:
    plain = {"max_tokens": MAX_TOKENS}
    assert thinking("claude-haiku-4-5") == {**plain, "thinking": ENABLED}
    assert thinking("claude-sonnet-4-5-20250929") == {**plain, "thinking": ENABLED}
    assert thinking("claude-opus-4-20250514") == {**plain, "thinking": ENABLED}
    adaptive = {**plain, "thinking": ADAPTIVE, "output_config": {"effort": "high"}}
    assert thinking("claude-opus-4-6") == adaptive
    assert thinking("claude-opus-5") == adaptive
    assert thinking("claude-haiku-4-5", None) == {**plain, "temperature": 0.5}
    assert thinking("claude-sonnet-4-6", None) == {**plain, "temperature": 0.5}
    assert thinking("claude-opus-4-8", None) == plain


def test_room_for_the_answer_is_left_beside_a_budget_for_thinking() -> None:
    assert thinking("claude-haiku-4-5", max_output_tokens=1000) == {
        "max_tokens": 17_384,
        "thinking": ENABLED,
    }


def test_manual_thinking_does_not_begin_between_a_call_and_its_result() -> None:
    call, result = ToolCall(id="2", call_id="a", name="f"), ToolResult(id="3", call_id="a", output="x")
    thought = Reasoning(id="4", text="Hm", opaque=proof("anthropic", "claude-haiku-4-5", signature="s"))
    items: list[Item] = [user_message("1", "Hi"), call, result]
    assert "thinking" not in thinking("claude-haiku-4-5", items=items)
    assert "thinking" in thinking("claude-haiku-4-5", items=[items[0], thought, call, result])


def test_a_forced_tool_excludes_thinking() -> None:
    assert "thinking" not in thinking("claude-haiku-4-5", tools=[TOOL], tool_choice="required")
    assert "thinking" not in thinking("claude-opus-5", tools=[TOOL], tool_choice="weather")


WITH_ENCRYPTED = ["gpt-5", "o3", "gpt-5-mini"]
WITHOUT = ["gpt-4.1", "gpt-4o", "gpt-5-chat-latest", "ft:gpt-4o:x"]


@pytest.mark.parametrize("model", [*WITH_ENCRYPTED, *WITHOUT])
def test_openai_is_asked_for_encrypted_reasoning_only_where_it_has_it(model: str) -> None:
    assert ("include" in responses(ModelRequest(model=model, items=[]))) == (model in WITH_ENCRYPTED)


def test_a_summary_of_the_reasoning_can_be_left_out() -> None:
    request = ModelRequest(model="o3", items=[], reasoning_effort="low")
    assert responses(request, summary="none")["reasoning"] == {"effort": "low"}


@pytest.mark.parametrize(
    "opaque", [proof("anthropic", "other", signature="s"), proof("x"), "not json", None]
)
def test_a_proof_of_another_model_is_not_sent(opaque: str | None) -> None:
    items = [
        user_message("1", "Hi"),
        Reasoning(id="2", text="Hm", opaque=opaque),
        assistant_message("3", "Yo"),
    ]
    request = ModelRequest(model="m", items=[*items, user_message("4", "So?")])
    assert messages(request)["messages"][1]["content"] == [{"type": "text", "text": "Yo"}]
    assert [item["type"] for item in responses(request)["input"]] == ["message"] * 3


def test_a_gemini_call_gets_its_signature_back() -> None:
    opaque = seal(Proof(format="chat", model="m", call_signatures={"a": "c2ln"}))
    items = [Reasoning(id="1", opaque=opaque), ToolCall(id="2", call_id="a", name="f")]
    call = chat(ModelRequest(model="m", items=items))["messages"][0]["tool_calls"][0]
    assert call["extra_content"] == {"google": {"thought_signature": "c2ln"}}


def test_deepseek_gets_its_reasoning_back_and_the_schema_in_words() -> None:
    dialect = PRESETS["deepseek"].dialect
    items = [
        Reasoning(id="1", text="Hm"),
        ToolCall(id="2", call_id="a", name="f"),
        assistant_message("3", "Yo"),
    ]
    body = chat(ModelRequest(model="m", items=items, text_format={"name": "x", "schema": SCHEMA}), dialect)
    assert body["response_format"] == {"type": "json_object"}
    assert '"additionalProperties":false' in body["messages"][0]["content"]
    assert body["messages"][1]["reasoning_content"] == "Hm"


def test_mistral_gets_ids_of_its_own_form_and_no_stream_options() -> None:
    items: list[Item] = [
        ToolCall(id="1", call_id="call_long_id", name="f"),
        ToolResult(id="2", call_id="call_long_id", output="x"),
        ToolCall(id="3", call_id="D681PevKs", name="f"),
    ]
    body = chat(ModelRequest(model="m", items=items, max_output_tokens=5), PRESETS["mistral"].dialect)
    made = body["messages"][0]["tool_calls"][0]["id"]
    assert (len(made), body["messages"][1]["tool_call_id"]) == (9, made)
    assert body["messages"][2]["tool_calls"][0]["id"] == "D681PevKs"
    assert ("stream_options" in body, body["max_tokens"]) == (False, 5)


def test_arguments_that_are_no_object_are_sent_as_one() -> None:
    items = [ToolCall(id="1", call_id="a", name="f", arguments='{"broken')]
    request = ModelRequest(model="m", items=items)
    assert messages(request)["messages"][0]["content"][0]["input"] == {"invalid_json": '{"broken'}
    function = chat(request)["messages"][0]["tool_calls"][0]["function"]
    assert msgspec.json.decode(function["arguments"]) == {"invalid_json": '{"broken'}


def test_a_call_without_a_result_gets_one_and_a_broken_call_goes() -> None:
    items: list[Item] = [
        user_message("1", "Hi"),
        ToolCall(id="2", call_id="a", name="f"),
        ToolCall(id="3", call_id="b", name="f", arguments='{"x', status="incomplete"),
        Reasoning(id="4", text="lost", status="incomplete"),
        user_message("5", "Hello?"),
        ToolResult(id="6", call_id="unknown", output="x"),
    ]
    assert chat(ModelRequest(model="m", items=items))["messages"][1:] == [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "a", "content": NO_RESULT},
        {"role": "user", "content": "Hello?"},
    ]


def test_a_refusal_is_sent_as_what_was_said() -> None:
    said = Message(id="1", role="assistant", content=(Refusal(text="No."),))
    request = ModelRequest(model="m", items=[user_message("0", "Hi"), said, user_message("2", "Why?")])
    assert messages(request)["messages"][1]["content"] == [{"type": "text", "text": "No."}]
    assert responses(request)["input"][1]["content"] == "No."
    assert chat(request)["messages"][1]["content"] == "No."


IDS = st.sampled_from(["a", "b", "c:0", "functions.x:1", "é" * 50])
TEXTS = st.sampled_from(["hi", " ", ""])
ITEMS = st.one_of(
    TEXTS.map(lambda text: user_message("u", text)),
    TEXTS.map(lambda text: assistant_message("a", text)),
    st.just(Message(id="s", role="system", content=(Text(text="be"),))),
    st.sampled_from(["anthropic", "responses", "chat"]).map(
        lambda form: Reasoning(id="r", text="t", opaque=proof(form, id="rs", signature="s"))
    ),
    st.tuples(IDS, st.sampled_from(["", "{}", "[1]", "{", '{"a":1}'])).map(
        lambda pair: ToolCall(id="c", call_id=pair[0], name="f", arguments=pair[1])
    ),
    IDS.map(lambda call_id: ToolResult(id="t", call_id=call_id, output="o")),
)


@given(st.lists(ITEMS, max_size=12))
def test_any_record_becomes_a_conversation_that_providers_accept(items: list[Item]) -> None:
    request = ModelRequest(model="m", items=[user_message("0", "Hi"), *items, user_message("9", "Go on")])
    auth = {"authorization": f"Bearer {KEY}", "x-api-key": KEY, "anthropic-version": "2023-06-01"}
    assert check_chat(Asked("/chat/completions", auth, chat(request))) is None
    assert check_responses(Asked("/responses", auth, responses(request))) is None
    assert check_messages(Asked("/v1/messages", auth, messages(request))) is None


STRICT = ConfigDict(extra="forbid", arbitrary_types_allowed=True)


@pytest.mark.parametrize(
    ("encode", "params"),
    [
        (chat, CompletionCreateParamsStreaming),
        (responses, ResponseCreateParamsStreaming),
        (messages, MessageCreateParamsStreaming),
    ],
)
def test_bodies_have_the_types_of_the_official_packages(encode: Any, params: Any) -> None:
    adapter: TypeAdapter[Any] = TypeAdapter(params)
    thought = Reasoning(id="2", text="Hm.", opaque=proof("responses", id="rs_1", signature="enc"))
    for items in (CONVERSATION, [*CONVERSATION[:2], thought, *CONVERSATION[3:]], OPTIONS.items):
        body = encode(ModelRequest(model="m", items=items, instructions="Be brief."))
        adapter.validate_python(body)
        assert set(body) <= set(params.__annotations__) | _inherited(params)
    adapter.validate_python(encode(OPTIONS))


def _inherited(params: Any) -> set[str]:
    return {name for base in params.__orig_bases__ for name in getattr(base, "__annotations__", {})}
