"""What a recorded step holds. A step's result is data; the loop continues from it in any process."""

import msgspec

from helium.core.items import Item


class StepResult(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The outcome of one step.

    A model call gives the items it answered with, and why it ended (`stop`, `tool_calls`, `length`,
    `content_filter`, `cancelled`). A tool call gives one tool result.
    """

    items: tuple[Item, ...] = ()
    finish: str | None = None
    model: str | None = None
