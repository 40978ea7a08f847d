"""Encoder of OpenAI Responses requests. OpenAI is asked to store nothing: the log is our truth."""

import re
from typing import Any

import msgspec

from helium.adapters.providers.conversation import (
    Answer,
    AnswerItem,
    CallIds,
    Turn,
    arguments_text,
    parts,
    turns,
)
from helium.adapters.providers.opaque import unseal
from helium.adapters.providers.openai_chat_request import schema_fields
from helium.adapters.providers.openai_responses import FORMAT
from helium.core.items import Image, Message, Text, ToolCall
from helium.ports import ModelRequest

CALL_IDS = CallIds(r".{1,64}", 40)

_NOT_REASONING = re.compile(r"^(ft:)?(gpt-3|gpt-4|chatgpt)|-chat\b")
"""Models that answer 400 when they are asked for encrypted reasoning."""


def responses_body(request: ModelRequest, *, summary: str = "auto") -> bytes:
    """The request's body. `summary` is how reasoning is to be told; `none` does not ask for it."""
    body: dict[str, Any] = {
        "model": request.model,
        "input": [item for turn in turns(request.items) for item in _input(turn, request.model)],
        "stream": True,
        "store": False,
    }
    if not _NOT_REASONING.search(request.model):
        body["include"] = ["reasoning.encrypted_content"]
    if request.reasoning_effort is not None:
        body["reasoning"] = {"effort": request.reasoning_effort}
        if summary != "none":
            body["reasoning"]["summary"] = summary
    if request.tools:
        body |= _tools(request)
    optional: dict[str, Any] = {
        "instructions": request.instructions or None,
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_output_tokens": request.max_output_tokens,
    }
    body |= {key: value for key, value in optional.items() if value is not None}
    if request.text_format is not None:
        body["text"] = {"format": {"type": "json_schema", **schema_fields(request.text_format)}}
    return msgspec.json.encode(body)


def _input(turn: Turn, model: str) -> list[dict[str, Any]]:
    if not isinstance(turn, Answer):
        return [_said(turn.message)]
    encoded = [item for given in turn.items if (item := _answered(given, model)) is not None]
    encoded.extend(
        {"type": "function_call_output", "call_id": CALL_IDS(result.call_id), "output": result.output}
        for result in turn.results
    )
    return encoded


def _answered(item: AnswerItem, model: str) -> dict[str, Any] | None:
    if isinstance(item, ToolCall):
        return {
            "type": "function_call",
            "call_id": CALL_IDS(item.call_id),
            "name": item.name,
            "arguments": arguments_text(item),
        }
    if isinstance(item, Message):
        return {"type": "message", "role": "assistant", "content": _answer_text(item)}
    proof = unseal(item.opaque, format=FORMAT, model=model)
    if proof is None:
        return None
    return {
        "type": "reasoning",
        "id": proof.id,
        "summary": [{"type": "summary_text", "text": item.text}] if item.text else [],
        "encrypted_content": proof.signature,
    }


def _answer_text(message: Message) -> str:
    return "".join(part.text for part in message.content if not isinstance(part, Image))


def _said(message: Message) -> dict[str, Any]:
    given = parts(message)
    if all(isinstance(part, Text) for part in given):
        return {"type": "message", "role": message.role, "content": message.text}
    content = [
        {"type": "input_image", "image_url": part.url, "detail": part.detail}
        if isinstance(part, Image)
        else {"type": "input_text", "text": part.text}
        for part in given
    ]
    return {"type": "message", "role": message.role, "content": content}


def _tools(request: ModelRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {"tools": []}
    for tool in request.tools:
        encoded: dict[str, Any] = {
            "type": "function",
            "name": tool.name,
            "parameters": tool.parameters or {"type": "object", "properties": {}},
            "strict": tool.strict,  # left out, it would mean true here
        }
        if tool.description:
            encoded["description"] = tool.description
        fields["tools"].append(encoded)
    if request.tool_choice in ("auto", "none", "required"):
        fields["tool_choice"] = request.tool_choice
    elif request.tool_choice:
        fields["tool_choice"] = {"type": "function", "name": request.tool_choice}
    if not request.parallel_tool_calls:
        fields["parallel_tool_calls"] = False
    return fields
