"""The parts of a conversation: messages, reasoning, tool calls and tool results.

The words and shapes are those of Open Responses where it has one, so that the wire encoders stay
small. Items are values: frozen, compared by content, serialised by msgspec.
"""

from typing import Any, Literal

import msgspec

ItemStatus = Literal["in_progress", "completed", "incomplete"]


class Text(msgspec.Struct, frozen=True, tag="text", kw_only=True, omit_defaults=True):
    """A piece of text that a person or a model wrote."""

    text: str


class Image(msgspec.Struct, frozen=True, tag="image", kw_only=True, omit_defaults=True):
    """A picture given to the model: an https URL or a `data:` URL."""

    url: str
    detail: Literal["auto", "low", "high"] = "auto"


class Refusal(msgspec.Struct, frozen=True, tag="refusal", kw_only=True, omit_defaults=True):
    """A model's own words for not answering."""

    text: str


Part = Text | Image | Refusal


class Message(msgspec.Struct, frozen=True, tag="message", kw_only=True, omit_defaults=True):
    """One turn of a conversation, made of typed parts."""

    id: str
    role: Literal["user", "assistant", "system", "developer"]
    content: tuple[Part, ...] = ()
    status: ItemStatus = "completed"

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.content if isinstance(part, Text))


class Reasoning(msgspec.Struct, frozen=True, tag="reasoning", kw_only=True, omit_defaults=True):
    """What a model thought before it answered; `opaque` is the provider's own proof of it."""

    id: str
    text: str = ""
    opaque: str | None = None
    status: ItemStatus = "completed"


class ToolCall(msgspec.Struct, frozen=True, tag="tool_call", kw_only=True, omit_defaults=True):
    """A model asks for a tool. `caller` means that the API's caller runs it, not Helium."""

    id: str
    call_id: str
    name: str
    arguments: str = ""
    caller: bool = False
    status: ItemStatus = "completed"


class ToolResult(msgspec.Struct, frozen=True, tag="tool_result", kw_only=True, omit_defaults=True):
    """What a tool answered, in the words that the model will read."""

    id: str
    call_id: str
    output: str
    is_error: bool = False


Item = Message | Reasoning | ToolCall | ToolResult


class FunctionTool(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A tool as a model sees it: a name, a sentence, and a JSON schema of its arguments."""

    name: str
    description: str = ""
    parameters: dict[str, Any] = msgspec.field(default_factory=dict)
    strict: bool = False


def user_message(item_id: str, text: str) -> Message:
    return Message(id=item_id, role="user", content=(Text(text=text),))


def assistant_message(item_id: str, text: str, status: ItemStatus = "completed") -> Message:
    return Message(id=item_id, role="assistant", content=(Text(text=text),), status=status)
