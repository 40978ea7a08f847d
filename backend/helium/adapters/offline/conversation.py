"""The parts of a conversation that the offline model looks at."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from helium.adapters.offline.phrases import known_name
from helium.core.items import Image, Item, Message, ToolCall, ToolResult


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversation:
    """The last message of the person, and what has come of it so far."""

    position: int
    """How many messages of the person there are."""
    text: str
    has_images: bool
    name: str | None
    """What the person said their name is."""
    calls: Mapping[str, ToolCall]
    results: Mapping[str, ToolResult]
    """Of the calls since the last message, by call id."""

    def tool_name(self, call_id: str) -> str:
        call = self.calls.get(call_id)
        return call.name if call else call_id

    @property
    def number(self) -> int | float | None:
        """The last result that is a number."""
        for result in reversed(list(self.results.values())):
            if not result.is_error and (number := _number(result.output)) is not None:
                return number
        return None


def read(items: Sequence[Item]) -> Conversation:
    places = [n for n, item in enumerate(items) if isinstance(item, Message) and item.role == "user"]
    messages = [item for item in items if isinstance(item, Message) and item.role == "user"]
    last = messages[-1] if messages else None
    since = items[places[-1] + 1 :] if places else items
    names = (known_name(message.text) for message in reversed(messages))
    return Conversation(
        position=len(messages),
        text=last.text.strip() if last else "",
        has_images=last is not None and any(isinstance(part, Image) for part in last.content),
        name=next((name for name in names if name), None),
        calls={item.call_id: item for item in since if isinstance(item, ToolCall)},
        results={item.call_id: item for item in since if isinstance(item, ToolResult)},
    )


def _number(text: str) -> int | float | None:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return None
