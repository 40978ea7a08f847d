"""From stored runs to the conversation that a model is shown."""

from collections.abc import Iterable, Sequence

from helium.core.items import Item, ToolCall, ToolResult

NO_RESULT = "This call was not carried out."


def complete_calls(items: Iterable[Item]) -> list[Item]:
    """The items, with an answer for every tool call: providers refuse a call without its result.

    A run that was cancelled between a call and its result leaves such a call behind.
    """
    listed = list(items)
    answered = {item.call_id for item in listed if isinstance(item, ToolResult)}
    complete: list[Item] = []
    for item in listed:
        complete.append(item)
        if isinstance(item, ToolCall) and item.call_id not in answered:
            complete.append(
                ToolResult(id=f"{item.id}_none", call_id=item.call_id, output=NO_RESULT, is_error=True)
            )
    return complete


def unanswered_calls(items: Sequence[Item]) -> list[ToolCall]:
    """The tool calls that no result in `items` answers, in order."""
    answered = {item.call_id for item in items if isinstance(item, ToolResult)}
    return [i for i in items if isinstance(i, ToolCall) and i.call_id not in answered]
