"""Requests that name a tool: "use get_weather with {"city": "Paris"}"."""

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from helium.adapters.offline.examples import Material, example
from helium.adapters.offline.phrases import bare, plain
from helium.adapters.offline.requests import UseTool
from helium.core.items import FunctionTool

_USE = re.compile(
    r"(?:call|use|run)\s+(?:the\s+)?(?:tool\s+)?[`'\"]?(?P<tool>[\w.-]+)[`'\"]?(?:\s+tool)?"
    r"(?:\s+(?:with|for|on)\s*:?\s*(?P<input>.+))?",
    re.IGNORECASE | re.DOTALL,
)


def use_named_tool(text: str, tools: Mapping[str, FunctionTool]) -> tuple[UseTool, ...] | None:
    """A call of the tool that the text names, if there is such a tool."""
    found = _USE.fullmatch(bare(plain(text)))
    tool = tools.get(found["tool"]) if found else None
    if found is None or tool is None:
        return None
    return (call_of(tool, found["input"] or ""),)


def call_of(tool: FunctionTool, text: str) -> UseTool:
    """A call of this tool with arguments from the text: its JSON, or whatever fits the schema."""
    return UseTool(
        tool=tool.name,
        arguments=_json_object(text) or _fitting(tool, text),
        doing=f"use {tool.name}",
        before=f"The tool {tool.name} answered: ",
    )


def _json_object(text: str) -> dict[str, Any] | None:
    try:
        return msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.DecodeError:
        return None


def _fitting(tool: FunctionTool, text: str) -> dict[str, Any]:
    arguments = example(tool.parameters, Material(text=text.strip() or "something"))
    return arguments if isinstance(arguments, dict) else {}
