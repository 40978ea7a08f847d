"""The numbers of the calculator: exact fractions where possible, floats elsewhere, all bounded."""

import math
from decimal import Decimal, localcontext
from fractions import Fraction

from helium.core.errors import ToolError

Number = Fraction | float

MAX_DIGITS = 1_000
_MAX_BITS = math.ceil(MAX_DIGITS * math.log2(10))
_SHOWN_DIGITS = 15

TOO_MANY_DIGITS = f"Numbers have at most {MAX_DIGITS} digits here."


def bounded(value: Number | complex) -> Number:
    """The value itself, if it is a real number of a size that is safe to go on with."""
    if isinstance(value, complex):
        raise ToolError("The result is not a real number.")
    if isinstance(value, Fraction):
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
            raise ToolError(TOO_MANY_DIGITS)
    elif not math.isfinite(value):
        raise ToolError("A number in it is too large.")
    return value


def literal(text: str) -> Fraction:
    """The exact value of a decimal as it was written, e.g. 1/10 for `0.1`."""
    exact = Decimal(text)
    if abs(exact.adjusted()) > MAX_DIGITS:
        raise ToolError(TOO_MANY_DIGITS)
    return Fraction(exact)


def power(base: Number, exponent: Number) -> Number | complex:
    """`base ** exponent`, refused before it is computed if it would be too long."""
    if not (isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1):
        return float(base) ** float(exponent)
    bits = max(base.numerator.bit_length(), base.denominator.bit_length())
    if abs(base) not in (0, 1) and (bits - 1) * abs(exponent.numerator) > _MAX_BITS:
        raise ToolError(TOO_MANY_DIGITS)
    return base**exponent.numerator


def show(value: Number) -> str:
    """A number as a person writes it: whole numbers exactly, others to 15 digits or a little more."""
    if isinstance(value, float):
        return _tidy(Decimal(f"{value:.{_SHOWN_DIGITS}g}"))
    if value.denominator == 1:
        return str(value.numerator)
    whole_digits = len(str(abs(value.numerator) // value.denominator))
    with localcontext() as context:
        context.prec = _SHOWN_DIGITS + whole_digits
        return _tidy(Decimal(value.numerator) / Decimal(value.denominator), longest=MAX_DIGITS)


def _tidy(value: Decimal, longest: int = 20) -> str:
    if value == 0:
        return "0"
    if not -7 <= value.adjusted() <= longest:
        return f"{value.normalize():e}".replace("e+", "e")
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
