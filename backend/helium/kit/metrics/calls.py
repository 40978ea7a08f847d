"""Measuring one model call: nothing for each token, one look at the clock for each batch of them."""

import time
from typing import Literal, Protocol

from helium.kit.metrics.instruments import (
    COST,
    FIRST_TOKEN_SECONDS,
    INTER_TOKEN_SECONDS,
    MODEL_TRIES,
    TOKENS,
)

TryOutcome = Literal["answered", "retryable", "failed", "timeout"]
MICROUSD = 1e-6


class Usage(Protocol):
    """Tokens of one answer: `core.budget.Usage`, which this layer does not know."""

    @property
    def input_tokens(self) -> int: ...
    @property
    def cached_tokens(self) -> int: ...
    @property
    def output_tokens(self) -> int: ...
    @property
    def reasoning_tokens(self) -> int: ...


class ModelCall:
    """One call of the model `name`, such as `openai:gpt-5`, over its tries."""

    __slots__ = ("_began_at", "_first_at", "_last_at", "_model", "provider")

    def __init__(self, name: str) -> None:
        self._model = name
        self.provider = name.partition(":")[0]
        self.begin()

    def begin(self) -> None:
        """A try begins."""
        self._began_at = self._first_at = self._last_at = time.perf_counter()

    def said(self) -> None:
        """Part of the answer came."""
        self._last_at = time.perf_counter()
        if self._first_at == self._began_at:
            self._first_at = self._last_at
            FIRST_TOKEN_SECONDS.of(self.provider).observe(self._first_at - self._began_at)

    def ended(self, outcome: TryOutcome) -> None:
        """A try ended."""
        MODEL_TRIES.of(self.provider, outcome).add()

    def answered(self, usage: Usage) -> None:
        """The answer is whole; `usage` is the provider's count."""
        self.ended("answered")
        if usage.output_tokens > 1 and self._last_at > self._first_at:
            gap = (self._last_at - self._first_at) / (usage.output_tokens - 1)
            INTER_TOKEN_SECONDS.of(self.provider).observe(gap)
        for kind, count in (
            ("input", usage.input_tokens),
            ("cached", usage.cached_tokens),
            ("output", usage.output_tokens),
            ("reasoning", usage.reasoning_tokens),
        ):
            if count:
                TOKENS.of(self.provider, self._model, kind).add(count)

    def cost(self, microusd: int) -> None:
        """What the answer cost, in millionths of a US dollar."""
        if microusd:
            COST.of(self.provider, self._model).add(microusd * MICROUSD)
