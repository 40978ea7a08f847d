"""Encoder of Anthropic Messages requests.

What the generations of models take differs (documented under "adaptive thinking" and "effort"):
models up to 4.5 think with a budget of tokens, later ones adaptively with an effort; from 4.7 on
`temperature` and `top_p` are refused, so they are not sent.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from helium.adapters.providers.anthropic_messages import FORMAT
from helium.adapters.providers.conversation import (
    Answer,
    AnswerItem,
    CallIds,
    Turn,
    arguments,
    bare_schema,
    message_text,
    parts,
    turns,
)
from helium.adapters.providers.opaque import unseal
from helium.core.items import Image, Message, Reasoning, Text, ToolCall, ToolResult
from helium.ports import ModelRequest

CALL_IDS = CallIds(r"[a-zA-Z0-9_-]{1,64}", 40)

MAX_TOKENS = 32_000
"""The field is required; this is the least that any current model allows."""

_BUDGET = re.compile(r"claude-(2|3|instant)|claude-(opus|sonnet|haiku)-4([-@](0|1|5|20\d{6})|$)")
_SAMPLING = re.compile(_BUDGET.pattern + r"|claude-(opus|sonnet)-4-6")
_BUDGETS = {"minimal": 1_024, "low": 2_048, "medium": 8_192, "high": 16_384}
_EFFORTS = {"minimal": "low", "low": "low", "medium": "medium", "high": "high"}


def messages_body(request: ModelRequest) -> bytes:
    """The request's body."""
    laid = turns(request.items)
    body: dict[str, Any] = {
        "model": request.model,
        "messages": _messages(laid, request.model),
        "max_tokens": request.max_output_tokens or MAX_TOKENS,
        "stream": True,
    }
    system = _system(request.instructions, laid)
    if system:
        body["system"] = system
    if request.tools:
        body |= _tools(request)
    config: dict[str, Any] = {}
    if request.text_format is not None:
        config["format"] = {"type": "json_schema", "schema": bare_schema(request.text_format)}
    if request.reasoning_effort is not None:
        _think(request, laid, body, config)
    if config:
        body["output_config"] = config
    if "thinking" not in body and _SAMPLING.match(request.model):
        sampling = {"temperature": request.temperature, "top_p": request.top_p}
        body |= {key: value for key, value in sampling.items() if value is not None}
    return msgspec.json.encode(body)


def _think(
    request: ModelRequest, laid: Sequence[Turn], body: dict[str, Any], config: dict[str, Any]
) -> None:
    effort = request.reasoning_effort or "medium"
    forced = bool(request.tools) and request.tool_choice not in (None, "auto", "none")
    if not _BUDGET.match(request.model):
        config["effort"] = _EFFORTS.get(effort, effort)
        if not forced:
            body["thinking"] = {"type": "adaptive", "display": "summarized"}
    elif not forced and not _mid_turn_without_thinking(laid, request.model):
        budget = _BUDGETS.get(effort, _BUDGETS["high"])
        body["thinking"] = {"type": "enabled", "budget_tokens": budget}
        if body["max_tokens"] <= budget:
            body["max_tokens"] += budget  # thinking counts: leave room for the answer that was asked for


def _mid_turn_without_thinking(laid: Sequence[Turn], model: str) -> bool:
    """Whether the last turn called tools without thinking, e.g. by another model. Manual thinking
    must not begin between a call and its result (400: "expected `thinking`, but found `tool_use`")."""
    last = laid[-1] if laid else None
    if not isinstance(last, Answer) or not last.calls:
        return False
    first = last.items[0]
    return not (isinstance(first, Reasoning) and unseal(first.opaque, format=FORMAT, model=model))


def _system(instructions: str, laid: Sequence[Turn]) -> str:
    others = [turn.message for turn in laid if not isinstance(turn, Answer)]
    said = [message.text for message in others if message.role != "user"]
    return "\n\n".join(text for text in [instructions, *said] if text)


def _messages(laid: Sequence[Turn], model: str) -> list[dict[str, Any]]:
    """Alternating messages: results and what a person says after them are one user message."""
    messages: list[dict[str, Any]] = []
    for turn in laid:
        if isinstance(turn, Answer):
            blocks = [block for item in turn.items if (block := _block(item, model)) is not None]
            _append(messages, "assistant", blocks)
            _append(messages, "user", [_result(result) for result in turn.results])
        elif turn.message.role == "user":
            _append(messages, "user", [_part(part) for part in parts(turn.message)])
    return messages


def _append(messages: list[dict[str, Any]], role: str, blocks: list[dict[str, Any]]) -> None:
    if not blocks:
        return
    if messages and messages[-1]["role"] == role:
        messages[-1]["content"].extend(blocks)
    else:
        messages.append({"role": role, "content": blocks})


def _block(item: AnswerItem, model: str) -> dict[str, Any] | None:
    if isinstance(item, ToolCall):
        return {
            "type": "tool_use",
            "id": CALL_IDS(item.call_id),
            "name": item.name,
            "input": arguments(item),
        }
    if isinstance(item, Message):
        return {"type": "text", "text": message_text(item)}
    proof = unseal(item.opaque, format=FORMAT, model=model)
    if proof is None:
        return None
    if proof.redacted:
        return {"type": "redacted_thinking", "data": proof.redacted}
    return {"type": "thinking", "thinking": item.text, "signature": proof.signature}


def _result(result: ToolResult) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "tool_result", "tool_use_id": CALL_IDS(result.call_id)}
    if result.output:
        block["content"] = result.output
    if result.is_error:
        block["is_error"] = True
    return block


def _part(part: Text | Image) -> dict[str, Any]:
    if isinstance(part, Text):
        return {"type": "text", "text": part.text}
    if not part.url.startswith("data:"):
        return {"type": "image", "source": {"type": "url", "url": part.url}}
    header, _, payload = part.url[5:].partition(",")
    media_type = header.removesuffix(";base64") or "image/png"
    return {"type": "image", "source": {"type": "base64", "media_type": media_type, "data": payload}}


def _tools(request: ModelRequest) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "tools": [],
        # An agent with tools calls again with a longer conversation: the part before it is cached.
        "cache_control": {"type": "ephemeral"},
    }
    for tool in request.tools:
        encoded: dict[str, Any] = {
            "name": tool.name,
            "input_schema": tool.parameters or {"type": "object", "properties": {}},
        }
        if tool.description:
            encoded["description"] = tool.description
        if tool.strict:
            encoded["strict"] = True
        fields["tools"].append(encoded)
    choice = _choice(request)
    if choice:
        fields["tool_choice"] = choice
    return fields


def _choice(request: ModelRequest) -> dict[str, Any] | None:
    match request.tool_choice:
        case None | "auto":
            choice: dict[str, Any] = {"type": "auto"}
        case "none":
            return {"type": "none"}
        case "required":
            choice = {"type": "any"}
        case name:
            choice = {"type": "tool", "name": name}
    if not request.parallel_tool_calls:
        choice["disable_parallel_tool_use"] = True
    return choice if choice != {"type": "auto"} else None
