"""A conversation in the shape that every provider accepts: turns, each call followed by its result.

Stored items are a faithful record, also of what was cut short. Providers are strict: a call needs
exactly one result, right after the turn that made it; arguments must be a JSON object; reasoning must
be followed by what it led to. Here the record is laid out so, once for all formats.
"""

import hashlib
import re
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from helium.core.items import Image, Item, Message, Reasoning, Refusal, Text, ToolCall, ToolResult

NO_RESULT = "This call was not carried out."


AnswerItem = Reasoning | Message | ToolCall


@dataclass(slots=True)
class Said:
    """A message that is not the model's."""

    message: Message


@dataclass(slots=True)
class Answer:
    """What the model said in one turn, in its order, and the results of its calls, in the calls' order."""

    items: list[AnswerItem] = field(default_factory=list[AnswerItem])
    results: list[ToolResult] = field(default_factory=list[ToolResult])

    @property
    def calls(self) -> list[ToolCall]:
        return [item for item in self.items if isinstance(item, ToolCall)]

    @property
    def text(self) -> str:
        return "".join(message_text(item) for item in self.items if isinstance(item, Message))


Turn = Said | Answer


def turns(items: Iterable[Item]) -> list[Turn]:
    """The conversation as turns. A result closes the turn of its call; an unanswered call gets one."""
    listed = list(items)
    results = _results(listed)
    laid: list[Turn] = []
    answer: Answer | None = None
    for item in listed:
        if isinstance(item, ToolResult):
            answer = None
        elif isinstance(item, Message) and item.role != "assistant":
            answer = None
            laid.append(Said(item))
        elif (result := _kept(item, results)) is not None:
            if answer is None:
                answer = Answer()
                laid.append(answer)
            answer.items.append(item)
            if isinstance(result, ToolResult):
                answer.results.append(result)
    return [turn for turn in laid if isinstance(turn, Said) or _has_outcome(turn)]


def _results(items: Sequence[Item]) -> dict[str, deque[ToolResult]]:
    results: dict[str, deque[ToolResult]] = {}
    for item in items:
        if isinstance(item, ToolResult):
            results.setdefault(item.call_id, deque()).append(item)
    return results


def _kept(item: AnswerItem, results: dict[str, deque[ToolResult]]) -> ToolResult | bool | None:
    """None for an item that no provider takes back; a call's result; True for anything else."""
    if isinstance(item, ToolCall):
        waiting = results.get(item.call_id)
        if waiting:
            return waiting.popleft()
        if item.status == "incomplete":
            return None
        return ToolResult(id=f"{item.id}_none", call_id=item.call_id, output=NO_RESULT, is_error=True)
    if isinstance(item, Reasoning):
        return True if item.status == "completed" else None
    return True if message_text(item).strip() else None


def _has_outcome(answer: Answer) -> bool:
    while answer.items and isinstance(answer.items[-1], Reasoning):
        answer.items.pop()
    return bool(answer.items)


def message_text(message: Message) -> str:
    """What was said, refusals included."""
    return "".join(part.text for part in message.content if isinstance(part, Text | Refusal))


def parts(message: Message) -> list[Text | Image]:
    """A person's message: texts and pictures, in order; blank texts are refused by some, so they go."""
    return [
        Text(text=part.text) if isinstance(part, Refusal) else part
        for part in message.content
        if isinstance(part, Image) or part.text.strip()
    ]


def arguments(call: ToolCall) -> dict[str, Any]:
    """The call's arguments as an object; what is none comes under `invalid_json`, as the model wrote it."""
    if not call.arguments.strip():
        return {}
    try:
        value: Any = msgspec.json.decode(call.arguments)
    except (msgspec.DecodeError, UnicodeError):
        value = None
    return value if isinstance(value, dict) else {"invalid_json": call.arguments}


def arguments_text(call: ToolCall) -> str:
    """The arguments as JSON text: the model's own spelling if it is an object."""
    value = arguments(call)
    if not value:
        return "{}"
    return msgspec.json.encode(value).decode() if "invalid_json" in value else call.arguments


@dataclass(frozen=True, slots=True)
class CallIds:
    """What a format accepts as a call's id. Ids from elsewhere are replaced, always by the same one."""

    pattern: str
    length: int

    def __call__(self, call_id: str) -> str:
        if re.fullmatch(self.pattern, call_id):
            return call_id
        return hashlib.sha256(call_id.encode("utf-8", "replace")).hexdigest()[: self.length]


def bare_schema(text_format: dict[str, Any]) -> dict[str, Any]:
    """The schema in a `text_format`, whether it stands there alone or under `schema`."""
    schema: Any = text_format.get("schema")
    return schema if isinstance(schema, dict) else text_format
