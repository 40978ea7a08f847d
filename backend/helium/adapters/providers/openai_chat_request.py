"""Encoder of Chat Completions requests. A `Dialect` says how a provider departs from OpenAI."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from helium.adapters.providers.conversation import (
    Answer,
    CallIds,
    arguments_text,
    bare_schema,
    parts,
    turns,
)
from helium.adapters.providers.opaque import unseal
from helium.adapters.providers.openai_chat import FORMAT
from helium.core.items import Image, Message, Reasoning, Text
from helium.ports import ModelRequest

OPENAI_CALL_IDS = CallIds(r".{1,40}", 40)
MISTRAL_CALL_IDS = CallIds(r"[a-zA-Z0-9]{9}", 9)


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialect:
    """How a provider's Chat Completions differ."""

    max_tokens: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
    usage_on_request: bool = True
    """It wants `stream_options`; the others send usage unasked and may refuse the field."""
    reasoning_back: Literal["reasoning_content", "reasoning"] | None = None
    """Where it wants the reasoning of earlier turns, if it does."""
    json_schema: bool = True
    """It takes `json_schema`; otherwise the schema is put into the instructions."""
    call_ids: CallIds = OPENAI_CALL_IDS


OPENAI = Dialect(max_tokens="max_completion_tokens")


def chat_body(request: ModelRequest, dialect: Dialect = OPENAI) -> bytes:
    """The request's body."""
    body: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(request, dialect),
        "stream": True,
    }
    if dialect.usage_on_request:
        body["stream_options"] = {"include_usage": True}
    if request.tools:
        body |= _tools(request)
    optional: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        dialect.max_tokens: request.max_output_tokens,
        "reasoning_effort": request.reasoning_effort,
        "response_format": _format(request, dialect),
    }
    body |= {key: value for key, value in optional.items() if value is not None}
    return msgspec.json.encode(body)


def _messages(request: ModelRequest, dialect: Dialect) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = []
    instructions = _instructions(request, dialect)
    if instructions:
        messages.append({"role": "system", "content": instructions})
    for turn in turns(request.items):
        if isinstance(turn, Answer):
            messages.append(_assistant(turn, request.model, dialect))
            messages.extend(
                {"role": "tool", "tool_call_id": dialect.call_ids(result.call_id), "content": result.output}
                for result in turn.results
            )
        elif turn.message.role == "user":
            messages.append({"role": "user", "content": _content(turn.message)})
        else:
            messages.append({"role": "system", "content": turn.message.text})
    return messages


def _instructions(request: ModelRequest, dialect: Dialect) -> str:
    if request.text_format is None or dialect.json_schema:
        return request.instructions
    schema = msgspec.json.encode(bare_schema(request.text_format)).decode()
    wish = f"Answer with one JSON object that fits this JSON schema, and nothing else: {schema}"
    return f"{request.instructions}\n\n{wish}" if request.instructions else wish


def _assistant(answer: Answer, model: str, dialect: Dialect) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": answer.text or None}
    reasoning = [item for item in answer.items if isinstance(item, Reasoning)]
    if dialect.reasoning_back:
        message[dialect.reasoning_back] = "".join(item.text for item in reasoning)
    signatures: dict[str, str] = {}
    for item in reasoning:
        proof = unseal(item.opaque, format=FORMAT, model=model)
        signatures |= proof.call_signatures if proof else {}
    calls: list[dict[str, Any]] = []
    for call in answer.calls:
        function = {"name": call.name, "arguments": arguments_text(call)}
        encoded: dict[str, Any] = {
            "id": dialect.call_ids(call.call_id),
            "type": "function",
            "function": function,
        }
        if call.call_id in signatures:
            encoded["extra_content"] = {"google": {"thought_signature": signatures[call.call_id]}}
        calls.append(encoded)
    if calls:
        message["tool_calls"] = calls
    return message


def _content(message: Message) -> str | list[dict[str, Any]]:
    given = parts(message)
    if all(isinstance(part, Text) for part in given):
        return message.text
    return [
        {"type": "image_url", "image_url": {"url": part.url, "detail": part.detail}}
        if isinstance(part, Image)
        else {"type": "text", "text": part.text}
        for part in given
    ]


def _tools(request: ModelRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {"tools": []}
    for tool in request.tools:
        function: dict[str, Any] = {"name": tool.name, "parameters": tool.parameters or _NO_PARAMETERS}
        if tool.description:
            function["description"] = tool.description
        if tool.strict:
            function["strict"] = True
        fields["tools"].append({"type": "function", "function": function})
    if request.tool_choice in ("auto", "none", "required"):
        fields["tool_choice"] = request.tool_choice
    elif request.tool_choice:
        fields["tool_choice"] = {"type": "function", "function": {"name": request.tool_choice}}
    if not request.parallel_tool_calls:
        fields["parallel_tool_calls"] = False
    return fields


_NO_PARAMETERS: dict[str, Any] = {"type": "object", "properties": {}}


def _format(request: ModelRequest, dialect: Dialect) -> dict[str, Any] | None:
    wanted = request.text_format
    if wanted is None:
        return None
    if not dialect.json_schema:
        return {"type": "json_object"}
    return {"type": "json_schema", "json_schema": schema_fields(wanted)}


def schema_fields(wanted: dict[str, Any]) -> dict[str, Any]:
    """`name`, `schema` and what else OpenAI's formats know of a structured answer."""
    fields: dict[str, Any] = {"name": wanted.get("name") or "answer", "schema": bare_schema(wanted)}
    fields |= {key: wanted[key] for key in ("description", "strict") if wanted.get(key) is not None}
    return fields
