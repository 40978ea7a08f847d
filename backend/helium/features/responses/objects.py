"""The Response object and its items, as the Responses API spells them."""

from collections.abc import Sequence
from typing import Any

from helium.core.budget import Usage
from helium.core.items import (
    Image,
    Item,
    Message,
    Reasoning,
    Refusal,
    Text,
    ToolCall,
    ToolResult,
)
from helium.core.spec import AgentSpec
from helium.core.states import RunStatus
from helium.kit.ids import to_wire
from helium.ports import NewRun, RunRow

# Their states are fewer than ours: a run that waits for a person is in progress.
STATUS = {
    "queued": "queued",
    "in_progress": "in_progress",
    "requires_action": "in_progress",
    "completed": "completed",
    "failed": "failed",
    "cancelled": "cancelled",
    "incomplete": "incomplete",
}
SERVER_LABEL = "helium"


def base(run: NewRun | RunRow) -> dict[str, Any]:
    """The part of a Response object that never changes: what was asked. Its time comes from the log."""
    spec = run.spec
    previous = run.previous_run_id
    return {
        "id": to_wire("resp", run.id),
        "object": "response",
        "created_at": 0,
        "status": "queued",
        "background": spec.background,
        "error": None,
        "incomplete_details": None,
        "instructions": spec.instructions or None,
        "max_output_tokens": spec.max_output_tokens,
        "max_tool_calls": spec.limits.max_tool_calls,
        "model": spec.agent,
        "output": [],
        "parallel_tool_calls": spec.parallel_tool_calls,
        "previous_response_id": to_wire("resp", previous) if previous is not None else None,
        "conversation": {"id": to_wire("conv", run.thread_id)},
        "reasoning": {"effort": spec.reasoning_effort, "summary": None},
        "store": True,
        "temperature": spec.temperature,
        "text": {"format": _format(spec)},
        "tool_choice": _tool_choice(spec),
        "tools": _tools(spec),
        "top_p": spec.top_p,
        "truncation": "disabled",
        "usage": None,
        "metadata": spec.metadata,
    }


def _format(spec: AgentSpec) -> dict[str, Any]:
    if spec.text_format is None:
        return {"type": "text"}
    return {"type": "json_schema", **spec.text_format}


def _tool_choice(spec: AgentSpec) -> str | dict[str, str]:
    choice = spec.tool_choice or "auto"
    if choice in ("auto", "none", "required"):
        return choice
    return {"type": "function", "name": choice}


def _tools(spec: AgentSpec) -> list[dict[str, Any]]:
    return [
        {
            "type": "function",
            "name": tool.name,
            "description": tool.description,
            "parameters": tool.parameters,
            "strict": tool.strict,
        }
        for tool in spec.caller_tools
    ]


def finished(
    base: dict[str, Any],
    *,
    status: RunStatus,
    output: list[dict[str, Any]],
    usage: Usage | None,
    code: str | None = None,
    message: str | None = None,
) -> dict[str, Any]:
    """The whole Response object in this state."""
    return {
        **base,
        "status": STATUS[status],
        "output": output,
        "usage": usage_object(usage) if usage is not None else None,
        "error": {"code": code, "message": message or code} if status == "failed" else None,
        "incomplete_details": {"reason": code} if status == "incomplete" else None,
    }


def usage_object(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.total_tokens,
    }


def response_of(row: RunRow, output: Sequence[Item]) -> dict[str, Any]:
    """A stored run as a Response object."""
    return finished(
        {**base(row), "created_at": int(row.created_at)},
        status=row.status,
        output=output_objects(output),
        usage=row.usage if row.finished_at is not None else None,
        code=row.error_code,
        message=row.error_message,
    )


def output_objects(items: Sequence[Item]) -> list[dict[str, Any]]:
    """Items on the wire: a tool's result is a part of its call there."""
    results = {item.call_id: item for item in items if isinstance(item, ToolResult)}
    return [
        item_object(item, results.get(item.call_id) if isinstance(item, ToolCall) else None)
        for item in items
        if not isinstance(item, ToolResult)
    ]


def item_object(item: Item, result: ToolResult | None = None) -> dict[str, Any]:
    match item:
        case Message():
            return {
                "id": item.id,
                "type": "message",
                "role": item.role,
                "status": item.status,
                "content": [part_object(part) for part in item.content],
            }
        case Reasoning():
            summary = [{"type": "summary_text", "text": item.text}] if item.text else []
            return {
                "id": item.id,
                "type": "reasoning",
                "summary": summary,
                "encrypted_content": item.opaque,
                "status": item.status,
            }
        case ToolCall() if item.caller:
            return {
                "id": item.id,
                "type": "function_call",
                "call_id": item.call_id,
                "name": item.name,
                "arguments": item.arguments,
                "status": item.status,
            }
        case ToolCall():
            return _server_call(item, result)
        case ToolResult():
            raise AssertionError("a tool's result is shown with its call")


def _server_call(call: ToolCall, result: ToolResult | None) -> dict[str, Any]:
    """A call that Helium carries out. As a `function_call` clients would look for the tool at home."""
    failed = result is not None and result.is_error
    status = "in_progress" if result is None else "failed" if failed else "completed"
    text = result.output if result is not None else None
    error = None
    if failed:
        content = [{"type": "text", "text": text}]
        error = {"type": "mcp_tool_execution_error", "content": content}
    return {
        "id": call.id,
        "type": "mcp_call",
        "server_label": SERVER_LABEL,
        "name": call.name,
        "arguments": call.arguments,
        "output": None if failed else text,
        "error": error,
        "status": status,
        "approval_request_id": None,
    }


def part_object(part: Text | Image | Refusal) -> dict[str, Any]:
    match part:
        case Text(text=text):
            return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
        case Refusal(text=text):
            return {"type": "refusal", "refusal": text}
        case Image(url=url):
            return {"type": "input_image", "image_url": url, "detail": part.detail}
