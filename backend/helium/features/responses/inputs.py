"""From a request's words to ours: items, and the agent's definition with the caller's options."""

from collections.abc import Sequence
from typing import Any

import msgspec

from helium.core.budget import Limits
from helium.core.errors import InvalidRequest
from helium.core.items import (
    FunctionTool,
    Image,
    Item,
    Message,
    Part,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from helium.core.spec import AgentSpec
from helium.features.responses.schemas import (
    ForcedTool,
    FunctionCall,
    FunctionCallOutput,
    InputImage,
    InputItem,
    InputMessage,
    InputPart,
    InputText,
    McpCall,
    OutputRefusal,
    OutputText,
    ReasoningItem,
    ResponseCreate,
    TextFormat,
)
from helium.kit.ids import new_id, to_wire


def to_items(value: str | Sequence[InputItem]) -> tuple[Item, ...]:
    """The input as items of ours, with ids of their own."""
    if isinstance(value, str):
        return (Message(id=_id("msg"), role="user", content=(Text(text=value),)),)
    items: list[Item] = []
    for entry in value:
        items.extend(_items(entry))
    return tuple(items)


def _items(entry: InputItem) -> list[Item]:
    match entry:
        case InputMessage():
            return [Message(id=_id("msg"), role=entry.role, content=_parts(entry.content))]
        case FunctionCall():
            return [
                ToolCall(
                    id=_id("fc"),
                    call_id=entry.call_id,
                    name=entry.name,
                    arguments=entry.arguments,
                    caller=True,
                )
            ]
        case FunctionCallOutput():
            output = entry.output if isinstance(entry.output, str) else _plain(entry.output)
            return [ToolResult(id=_id("tr"), call_id=entry.call_id, output=output)]
        case McpCall():
            call = ToolCall(id=_id("fc"), call_id=entry.id, name=entry.name, arguments=entry.arguments)
            return [call, ToolResult(id=_id("tr"), call_id=entry.id, output=entry.output or "")]
        case ReasoningItem():
            text = "\n".join(part.text for part in entry.summary)
            return [Reasoning(id=_id("rs"), text=text, opaque=entry.encrypted_content)]


def _parts(content: str | list[InputPart]) -> tuple[Part, ...]:
    if isinstance(content, str):
        return (Text(text=content),)
    return tuple(_part(part) for part in content)


def _part(part: InputPart) -> Part:
    match part:
        case InputText() | OutputText():
            return Text(text=part.text)
        case InputImage():
            return Image(url=part.image_url, detail=part.detail or "auto")
        case OutputRefusal():
            return Refusal(text=part.refusal)


def _plain(parts: list[InputPart]) -> str:
    return "".join(part.text for part in parts if isinstance(part, InputText | OutputText))


def lay_over(spec: AgentSpec, body: ResponseCreate) -> AgentSpec:
    """The agent's definition with the request's options. The request may narrow, and may add tools
    that the caller runs; it cannot take away what the agent's owner decided."""
    changes: dict[str, Any] = {
        key: value
        for key, value in (
            ("temperature", body.temperature),
            ("top_p", body.top_p),
            ("max_output_tokens", body.max_output_tokens),
            ("parallel_tool_calls", body.parallel_tool_calls),
            ("metadata", body.metadata),
            ("background", body.background),
            ("reasoning_effort", body.reasoning.effort if body.reasoning else None),
        )
        if value is not None
    }
    if body.instructions:
        changes["instructions"] = "\n\n".join(filter(None, (spec.instructions, body.instructions)))
    if body.tools:
        changes["caller_tools"] = _caller_tools(spec, body)
    choice = body.tool_choice
    if choice is not None:
        changes["tool_choice"] = choice.name if isinstance(choice, ForcedTool) else choice
    if body.max_tool_calls is not None:
        limits: Limits = msgspec.structs.replace(spec.limits, max_tool_calls=body.max_tool_calls)
        changes["limits"] = limits
    if body.text is not None and body.text.format is not None:
        changes["text_format"] = _text_format(body.text.format)
    return msgspec.structs.replace(spec, **changes)


def _caller_tools(spec: AgentSpec, body: ResponseCreate) -> tuple[FunctionTool, ...]:
    tools = tuple(
        FunctionTool(
            name=tool.name,
            description=tool.description or "",
            parameters=tool.parameters or {"type": "object", "properties": {}},
            strict=bool(tool.strict),
        )
        for tool in body.tools or ()
    )
    for tool in tools:
        if tool.name in spec.tools:
            raise InvalidRequest(
                f"The agent has a tool {tool.name!r} of its own. Give yours another name.",
                param="tools",
            )
    return tools


def _text_format(form: TextFormat) -> dict[str, Any] | None:
    if form.type == "text":
        return None
    if form.type == "json_object":
        return {"name": "answer", "schema": {"type": "object"}, "strict": False}
    if form.schema_ is None or form.name is None:
        raise InvalidRequest("A json_schema format needs a name and a schema.", param="text.format")
    return {"name": form.name, "schema": form.schema_, "strict": bool(form.strict)}


def _id(prefix: str) -> str:
    return to_wire(prefix, new_id())
