"""The names that the calculator knows: functions with the number of their arguments, and constants."""

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import NamedTuple

from helium.core.errors import ToolError
from helium.engine.tools.numbers import Number, bounded

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}


class Function(NamedTuple):
    """A function that may be used, and how many arguments it takes."""

    apply: Callable[..., Number]
    least: int = 1
    most: int = 1


def constant(name: str) -> Number:
    if name not in CONSTANTS:
        raise ToolError(f"{name!r} is not known. The constants are pi and e.")
    return CONSTANTS[name]


def apply(name: str, values: Sequence[Number]) -> Number:
    """The function's value. Raises `ToolError` if there is no such function or no such value."""
    function = FUNCTIONS.get(name)
    if function is None:
        raise ToolError(f"The function {name!r} is not known. There are: {', '.join(sorted(FUNCTIONS))}.")
    if not function.least <= len(values) <= function.most:
        raise ToolError(f"{name} does not take {len(values)} numbers.")
    return bounded(function.apply(*values))


def _sqrt(value: Number) -> Number:
    if value < 0:
        raise ToolError("The square root of a negative number is not a real number.")
    if isinstance(value, Fraction):
        above, below = math.isqrt(value.numerator), math.isqrt(value.denominator)
        if above * above == value.numerator and below * below == value.denominator:
            return Fraction(above, below)
    return math.sqrt(value)


def _logarithm(value: Number, base: Number = Fraction(10)) -> Number:
    if value <= 0 or base <= 0 or base == 1:
        raise ToolError("A logarithm needs a positive number, and a positive base that is not 1.")
    if base == 10:
        return math.log10(value)
    return math.log2(value) if base == 2 else math.log(value) / math.log(base)


def _flat(value: float) -> float:
    """The sine of pi is zero to a person; the float is off by its last bit."""
    return 0.0 if abs(value) < 1e-15 else value


def _absolute(value: Number) -> Number:
    return abs(value)


def _ln(value: Number) -> Number:
    return _logarithm(value, math.e)


def _sine(value: Number) -> Number:
    return _flat(math.sin(value))


def _cosine(value: Number) -> Number:
    return _flat(math.cos(value))


def _tangent(value: Number) -> Number:
    if _flat(math.cos(value)) == 0.0:
        raise ToolError("The tangent has no value there.")
    return _flat(math.tan(value))


def _round(value: Number, digits: Number = Fraction(0)) -> Number:
    if not isinstance(digits, Fraction) or digits.denominator != 1 or abs(digits) > 100:
        raise ToolError("round takes a whole number of digits, at most 100.")
    if digits == 0:
        return Fraction(round(value))
    return round(value, digits.numerator)


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(_absolute),
    "cos": Function(_cosine),
    "exp": Function(math.exp),
    "ln": Function(_ln),
    "log": Function(_logarithm, most=2),
    "max": Function(max, least=2, most=100),
    "min": Function(min, least=2, most=100),
    "round": Function(_round, most=2),
    "sin": Function(_sine),
    "sqrt": Function(_sqrt),
    "tan": Function(_tangent),
}
