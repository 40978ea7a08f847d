"""What an answer cost, by the public price list of the `genai-prices` package."""

import importlib

from helium.core.budget import Usage

MOST_UNKNOWN = 10_000
_unknown: set[tuple[str | None, str]] = set()


def load() -> None:
    """Read the price list from disk, once. It blocks for some 20 ms: not for the event loop."""
    importlib.import_module("genai_prices")


def cost_microusd(provider_id: str | None, model: str, usage: Usage) -> int:
    """Micro-dollars, or 0 where no price is known.

    Tokens written to a provider's cache are counted as plain input: `Usage` does not tell them apart.
    """
    if (provider_id, model) in _unknown:
        return 0
    import genai_prices  # not at the top: a process that counts no money does not need it

    counted = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=min(usage.cached_tokens, usage.input_tokens),
        output_tokens=usage.output_tokens,
    )
    try:
        price = genai_prices.calc_price(counted, model, provider_id=provider_id)
    except (LookupError, ValueError):
        # The list remembers what it finds and searches anew for what it does not have.
        if len(_unknown) < MOST_UNKNOWN:
            _unknown.add((provider_id, model))
        return 0
    return round(price.total_price * 1_000_000)
