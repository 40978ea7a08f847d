"""Requests in pydantic-ai's own classes. Imported only by `library`; the library's types are `Any`."""

import base64
import importlib
from typing import Any

from helium.adapters.providers.conversation import (
    Answer,
    arguments,
    bare_schema,
    message_text,
    parts,
    turns,
)
from helium.adapters.providers.opaque import unseal
from helium.core.items import Image, Message, Text, ToolCall, ToolResult
from helium.ports import ModelRequest

FORMAT = "library"


def messages(request: ModelRequest) -> list[Any]:
    """The conversation, requests and responses in turn."""
    library: Any = importlib.import_module("pydantic_ai.messages")
    asked: list[Any] = []
    if request.instructions:
        asked.append(library.SystemPromptPart(content=request.instructions))
    laid: list[Any] = []
    for turn in turns(request.items):
        if not isinstance(turn, Answer):
            asked.append(_said(library, turn.message))
            continue
        if asked:
            laid.append(library.ModelRequest(parts=asked))
        laid.append(library.ModelResponse(parts=_answered(library, turn, request.model)))
        asked = [_returned(library, turn, result) for result in turn.results]
    if asked:
        laid.append(library.ModelRequest(parts=asked))
    return laid


def _said(library: Any, message: Message) -> Any:
    if message.role != "user":
        return library.SystemPromptPart(content=message.text)
    given = parts(message)
    if all(isinstance(part, Text) for part in given):
        return library.UserPromptPart(content=message.text)
    return library.UserPromptPart(
        content=[_image(library, part) if isinstance(part, Image) else part.text for part in given]
    )


def _image(library: Any, image: Image) -> Any:
    if not image.url.startswith("data:"):
        return library.ImageUrl(url=image.url)
    header, _, payload = image.url[5:].partition(",")
    media_type = header.removesuffix(";base64") or "image/png"
    return library.BinaryContent(data=base64.b64decode(payload), media_type=media_type)


def _answered(library: Any, answer: Answer, model: str) -> list[Any]:
    encoded: list[Any] = []
    for item in answer.items:
        if isinstance(item, ToolCall):
            encoded.append(
                library.ToolCallPart(tool_name=item.name, args=arguments(item), tool_call_id=item.call_id)
            )
        elif isinstance(item, Message):
            encoded.append(library.TextPart(content=message_text(item)))
        elif proof := unseal(item.opaque, format=FORMAT, model=model):
            encoded.append(
                library.ThinkingPart(
                    content=item.text,
                    id=proof.id or None,
                    signature=proof.signature,
                    provider_name=proof.provider or None,
                )
            )
    return encoded


def _returned(library: Any, answer: Answer, result: ToolResult) -> Any:
    names = {call.call_id: call.name for call in answer.calls}
    return library.ToolReturnPart(
        tool_name=names.get(result.call_id, ""),
        content=result.output,
        tool_call_id=result.call_id,
        outcome="failed" if result.is_error else "success",
    )


def settings(request: ModelRequest) -> dict[str, Any]:
    """What the caller chose, by the library's names."""
    choice = request.tool_choice
    chosen: dict[str, Any] = {
        "temperature": request.temperature,
        "top_p": request.top_p,
        "max_tokens": request.max_output_tokens,
        "thinking": request.reasoning_effort,
    }
    if request.tools:
        chosen["parallel_tool_calls"] = None if request.parallel_tool_calls else False
        chosen["tool_choice"] = choice if choice in (None, "auto", "none", "required") else [choice]
    return {key: value for key, value in chosen.items() if value is not None}


def parameters(request: ModelRequest) -> Any:
    """Tools and the form of the answer."""
    models: Any = importlib.import_module("pydantic_ai.models")
    tools: Any = importlib.import_module("pydantic_ai.tools")
    output: Any = importlib.import_module("pydantic_ai.output")
    chosen: dict[str, Any] = {
        "function_tools": [
            tools.ToolDefinition(
                name=tool.name,
                description=tool.description,
                parameters_json_schema=tool.parameters or {"type": "object", "properties": {}},
                strict=tool.strict or None,
            )
            for tool in request.tools
        ]
    }
    if request.text_format is not None:
        chosen["output_mode"] = "native"
        chosen["output_object"] = output.OutputObjectDefinition(
            json_schema=bare_schema(request.text_format),
            name=request.text_format.get("name"),
            strict=request.text_format.get("strict"),
        )
    return models.ModelRequestParameters(**chosen)
