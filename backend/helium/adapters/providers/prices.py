"""What an answer cost, by the public price list of the `genai-prices` package."""

from helium.core.budget import Usage


def cost_microusd(provider_id: str | None, model: str, usage: Usage) -> int:
    """Micro-dollars, or 0 where no price is known.

    Tokens written to a provider's cache are counted as plain input: `Usage` does not tell them apart.
    """
    import genai_prices  # 20 ms and its data: only where money is counted

    counted = genai_prices.Usage(
        input_tokens=usage.input_tokens,
        cache_read_tokens=min(usage.cached_tokens, usage.input_tokens),
        output_tokens=usage.output_tokens,
    )
    try:
        price = genai_prices.calc_price(counted, model, provider_id=provider_id)
    except (LookupError, ValueError):
        return 0
    return round(price.total_price * 1_000_000)
