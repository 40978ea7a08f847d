"""The ids of a run's trace, which every process computes from the run's id, and stores nowhere.

A run's id is a version 7 UUID: 16 bytes, as a trace id is. So the trace of `run_…` is the same digits.
"""

import random
from uuid import UUID

_random = random.Random()
_LOW_56 = (1 << 56) - 1
_LOW_64 = (1 << 64) - 1
_SPREAD = 0x9E3779B97F4A7C15
"""2⁶⁴ over the golden ratio: its multiples differ in all their bits (Knuth 6.4)."""


def trace_of(run_id: UUID) -> int:
    return run_id.int


def root_of(run_id: UUID) -> int:
    """The span under which all others of the run stand. Never 0: these bits hold the UUID's variant."""
    return run_id.int & _LOW_64


def attempt_of(run_id: UUID, attempt: int) -> int:
    """The span of one attempt, known to the worker that makes it and to whoever takes over from it."""
    return (root_of(run_id) ^ (attempt * _SPREAD)) & _LOW_64 or 1


def new_span_id() -> int:
    return _random.getrandbits(64) or 1


def new_trace_id() -> int:
    return _random.getrandbits(128) or 1


def by_chance(ratio: float) -> bool:
    """Whether this share of what belongs to no run is kept."""
    return _random.random() < ratio


def within(trace_id: int, ratio: float) -> bool:
    """Whether a trace belongs to this share of all, the same in every process.

    The SDK's own ratio looks at the low 64 bits, of which the first two are the UUID's variant: a ratio
    of 0.5 would keep no run and one of 0.75 every one. The low 56 bits are random in both (W3C's too).
    """
    return (trace_id & _LOW_56) < ratio * (1 << 56)
