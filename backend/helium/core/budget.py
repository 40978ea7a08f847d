"""What a run may spend and what it has spent."""

import msgspec


class Usage(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Tokens and money. Costs are in micro-dollars (10^-6 USD), so that sums are exact."""

    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    reasoning_tokens: int = 0
    cost_microusd: int = 0

    @property
    def total_tokens(self) -> int:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: "Usage") -> "Usage":
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            reasoning_tokens=self.reasoning_tokens + other.reasoning_tokens,
            cost_microusd=self.cost_microusd + other.cost_microusd,
        )


class Limits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """The bounds of one run. None means that this bound is not set."""

    max_steps: int = 100
    max_tokens: int | None = 1_000_000
    max_cost_microusd: int | None = None
    max_seconds: float | None = 24 * 3600.0
    max_tool_calls: int | None = None


class Spent(msgspec.Struct, frozen=True, kw_only=True):
    """What a run has used so far: recorded steps, tokens and money, and its age in seconds."""

    steps: int
    tool_calls: int
    usage: Usage
    seconds: float


def exceeded(limits: Limits, spent: Spent) -> str | None:
    """The name of the first bound that is used up, or None while the next step may start."""
    if spent.steps >= limits.max_steps:
        return "max_steps"
    if limits.max_tokens is not None and spent.usage.total_tokens >= limits.max_tokens:
        return "max_tokens"
    if limits.max_cost_microusd is not None and spent.usage.cost_microusd >= limits.max_cost_microusd:
        return "max_cost"
    if limits.max_seconds is not None and spent.seconds >= limits.max_seconds:
        return "max_seconds"
    if limits.max_tool_calls is not None and spent.tool_calls > limits.max_tool_calls:
        return "max_tool_calls"
    return None
