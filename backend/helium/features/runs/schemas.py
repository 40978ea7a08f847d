"""Runs on the wire. Output schemas have no defaults, so that clients see which fields are there."""

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field

from helium.core.budget import Usage
from helium.core.items import Image, Item, Message, Part, Text, ToolResult
from helium.kit.ids import new_id, to_wire
from helium.kit.times import moment
from helium.ports import ActionRow, RunRow


class TextPart(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["text"]
    text: Annotated[str, Field(max_length=1_000_000)]


class ImagePart(BaseModel):
    model_config = ConfigDict(extra="forbid")
    type: Literal["image"]
    url: Annotated[str, Field(max_length=10_000_000, pattern=r"^(https://|data:image/)")]


class InputMessage(BaseModel):
    """A message in a run's input; system messages go into the agent's instructions."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"] = "user"
    content: str | list[Annotated[TextPart | ImagePart, Field(discriminator="type")]]


class InputToolResult(BaseModel):
    """The answer to a call of one of the caller's own tools."""

    model_config = ConfigDict(extra="forbid")
    type: Literal["tool_result"]
    call_id: Annotated[str, Field(max_length=200)]
    output: Annotated[str, Field(max_length=1_000_000)]


class RunCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    input: Annotated[str, Field(max_length=1_000_000)] | list[InputMessage | InputToolResult]
    agent: Annotated[str, Field(max_length=200)] = "default"
    thread_id: Annotated[
        str | None, Field(description="Where the run goes on; a new thread if left out.")
    ] = None
    when_busy: Annotated[
        Literal["reject", "enqueue", "interrupt"],
        Field(description="What to do while another run of the thread is not finished."),
    ] = "reject"
    metadata: Annotated[dict[str, str], Field(max_length=16)] = Field(default_factory=dict)


class ActionDecision(BaseModel):
    model_config = ConfigDict(extra="forbid")
    decision: Annotated[
        Literal["approve", "deny", "answer", "done", "repeat"],
        Field(
            description="approval: approve or deny. question: answer, approve (yes) or deny (no)."
            " in_doubt: done (it happened), repeat (it did not: do it again) or deny (leave it)."
        ),
    ]
    answer: Annotated[str | None, Field(max_length=100_000)] = None


class ActionOut(BaseModel):
    id: str
    kind: Literal["approval", "question", "in_doubt"]
    prompt: str
    tool: str | None
    arguments: str | None
    call_id: str


class ErrorOut(BaseModel):
    code: str
    message: str


class UsageOut(BaseModel):
    input_tokens: int
    cached_tokens: int
    output_tokens: int
    reasoning_tokens: int
    cost_microusd: Annotated[int, Field(description="Millionths of a US dollar.")]


class RunOut(BaseModel):
    id: str
    thread_id: str
    agent: str
    agent_version: int
    model: str
    status: Literal[
        "queued",
        "in_progress",
        "requires_action",
        "completed",
        "failed",
        "cancelled",
        "incomplete",
    ]
    attempt: int
    input: list[dict[str, Any]]
    output: list[dict[str, Any]]
    usage: UsageOut
    error: ErrorOut | None
    action: ActionOut | None
    metadata: dict[str, str]
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    last_seq: Annotated[int, Field(description="The number of the last event in the run's log.")]


class RunList(BaseModel):
    data: list[RunOut]
    next_cursor: str | None


def input_items(value: str | list[InputMessage | InputToolResult]) -> tuple[Item, ...]:
    """A request's input as items, with ids of their own."""
    if isinstance(value, str):
        return (Message(id=to_wire("msg", new_id()), role="user", content=(Text(text=value),)),)
    return tuple(_input_item(entry) for entry in value)


def _input_item(entry: InputMessage | InputToolResult) -> Item:
    if isinstance(entry, InputToolResult):
        return ToolResult(id=to_wire("tr", new_id()), call_id=entry.call_id, output=entry.output)
    parts: tuple[Part, ...]
    if isinstance(entry.content, str):
        parts = (Text(text=entry.content),)
    else:
        parts = tuple(
            Text(text=part.text) if isinstance(part, TextPart) else Image(url=part.url)
            for part in entry.content
        )
    return Message(id=to_wire("msg", new_id()), role=entry.role, content=parts)


def run_out(row: RunRow, output: list[Item], action: ActionRow | None) -> RunOut:
    error = None
    if row.error_code is not None:
        error = ErrorOut(code=row.error_code, message=row.error_message or row.error_code)
    return RunOut(
        id=to_wire("run", row.id),
        thread_id=to_wire("thr", row.thread_id),
        agent=row.spec.agent,
        agent_version=row.spec.version,
        model=row.spec.model,
        status=row.status,
        attempt=row.attempt,
        input=[as_json(item) for item in row.input],
        output=[as_json(item) for item in output],
        usage=usage_out(row.usage),
        error=error,
        action=action_out(action) if action is not None else None,
        metadata=row.spec.metadata,
        created_at=moment(row.created_at),
        started_at=moment(row.started_at) if row.started_at is not None else None,
        finished_at=moment(row.finished_at) if row.finished_at is not None else None,
        last_seq=row.last_seq,
    )


def action_out(action: ActionRow) -> ActionOut:
    return ActionOut(
        id=to_wire("act", action.id),
        kind=action.kind,
        prompt=action.prompt,
        tool=action.tool,
        arguments=action.arguments,
        call_id=action.call_id,
    )


def usage_out(usage: Usage) -> UsageOut:
    return UsageOut(
        input_tokens=usage.input_tokens,
        cached_tokens=usage.cached_tokens,
        output_tokens=usage.output_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        cost_microusd=usage.cost_microusd,
    )


def as_json(item: Item) -> dict[str, Any]:
    return msgspec.to_builtins(item)
