"""How long to wait before the next try."""

import random


def backoff(attempt: int, *, base: float = 0.5, cap: float = 30.0) -> float:
    """Seconds before try `attempt + 1` (attempts count from 1): exponential, with full jitter.

    Source: "Exponential Backoff And Jitter", AWS Architecture Blog, 2015 (the "full jitter" form,
    with a floor of a tenth so that a retry never follows at once).
    """
    ceiling = min(cap, base * 2 ** (attempt - 1))
    return ceiling * random.uniform(0.1, 1.0)
