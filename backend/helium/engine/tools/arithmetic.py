"""Arithmetic from text, safe to give to anyone: exact where numbers are rational, bounded everywhere.

The text is parsed by Python's own parser and walked node by node; nothing is ever executed. Whole
numbers and decimals are fractions, so 0.1 + 0.2 is 0.3; roots and logarithms are floats. Every
intermediate number is bounded, so 9**9**9 is refused before it is computed.
"""

import ast
import math
import operator
import re
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal, localcontext
from fractions import Fraction
from typing import NamedTuple

from helium.core.errors import ToolError

Number = Fraction | float

MAX_CHARACTERS = 500
MAX_DEPTH = 60
MAX_DIGITS = 1_000
_MAX_BITS = math.ceil(MAX_DIGITS * math.log2(10))
_SHOWN_DIGITS = 15

_ALLOWED = re.compile(r"[0-9A-Za-z_+\-*/%(),. ]*")
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "\n": " ", "\t": " "})  # noqa: RUF001


def evaluate(expression: str) -> str:
    """The value of an arithmetic expression as clean text. Raises `ToolError` if it has none."""
    source = expression.translate(_SIGNS).replace("^", "**").strip()
    if not source:
        raise ToolError("The expression is empty. Write something like 6 * 7.")
    if len(source) > MAX_CHARACTERS:
        raise ToolError(f"The expression is longer than {MAX_CHARACTERS} characters. Split it.")
    if not _ALLOWED.fullmatch(source):
        raise ToolError("Only numbers, + - * / // % **, parentheses and functions can be calculated.")
    try:
        return show(_Evaluation(source).value(_parse(source), depth=0))
    except ZeroDivisionError as error:
        raise ToolError("That divides by zero.") from error
    except OverflowError as error:
        raise ToolError("A number in it is too large.") from error


def _parse(source: str) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ToolError(f"{source!r} is not an arithmetic expression.") from error


class _Evaluation:
    """One walk over one expression; the source is kept for the exact text of decimals."""

    def __init__(self, source: str) -> None:
        self._source = source

    def value(self, node: ast.expr, depth: int) -> Number:
        if depth > MAX_DEPTH:
            raise ToolError("The expression is nested too deeply. Split it.")
        match node:
            case ast.Constant():
                return self._literal(node)
            case ast.Name(id=name):
                return _constant(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand, depth + 1)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand, depth + 1)
            case ast.BinOp(left=left, op=sign, right=right):
                return _combine(sign, self.value(left, depth + 1), self.value(right, depth + 1))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return _apply(name, [self.value(arg, depth + 1) for arg in args])
            case _:
                raise ToolError("Only numbers, + - * / // % **, parentheses and functions are understood.")

    def _literal(self, node: ast.Constant) -> Number:
        if type(node.value) is int:
            return _bounded(Fraction(node.value))
        if type(node.value) is not float:
            raise ToolError(f"{node.value!r} is not a number.")
        text = ast.get_source_segment(self._source, node) or repr(node.value)
        exact = Decimal(text)
        if abs(exact.adjusted()) > MAX_DIGITS:
            raise ToolError(f"Numbers have at most {MAX_DIGITS} digits here.")
        return _bounded(Fraction(exact))


def _bounded(value: Number | complex) -> Number:
    """The value itself, if it is a real number of a size that is safe to go on with."""
    if isinstance(value, complex):
        raise ToolError("The result is not a real number.")
    if isinstance(value, Fraction):
        if max(value.numerator.bit_length(), value.denominator.bit_length()) > _MAX_BITS:
            raise ToolError(f"Numbers have at most {MAX_DIGITS} digits here.")
    elif not math.isfinite(value):
        raise ToolError("A number in it is too large.")
    return value


def _power(base: Number, exponent: Number) -> Number | complex:
    if isinstance(base, Fraction) and isinstance(exponent, Fraction) and exponent.denominator == 1:
        bits = max(base.numerator.bit_length(), base.denominator.bit_length())
        if abs(base) not in (0, 1) and (bits - 1) * abs(exponent.numerator) > _MAX_BITS:
            raise ToolError(f"Numbers have at most {MAX_DIGITS} digits here.")
        return base**exponent.numerator
    return float(base) ** float(exponent)


_SIGN_FUNCTIONS: Mapping[type[ast.operator], Callable[[Number, Number], Number | complex]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: lambda left, right: _whole(left // right),
    ast.Mod: operator.mod,
    ast.Pow: _power,
}


def _combine(sign: ast.operator, left: Number, right: Number) -> Number:
    function = _SIGN_FUNCTIONS.get(type(sign))
    if function is None:
        raise ToolError("Only + - * / // % ** are understood.")
    return _bounded(function(left, right))


def _whole(value: float) -> Number:
    return Fraction(value) if isinstance(value, int) else value


# --- names -------------------------------------------------------------------------------------

_CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e}


def _constant(name: str) -> Number:
    if name not in _CONSTANTS:
        raise ToolError(f"{name!r} is not known. The constants are pi and e.")
    return _CONSTANTS[name]


class _Function(NamedTuple):
    """A function that may be used, and how many arguments it takes."""

    apply: Callable[..., Number]
    least: int
    most: int


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
    if base in (2, 10):
        return math.log2(value) if base == 2 else math.log10(value)
    return math.log(value) / math.log(base)


def _ln(value: Number) -> Number:
    return _logarithm(value, math.e)


def _flat(value: float) -> float:
    """Sines of multiples of pi are zero to a person; the float is off by its last bit."""
    return 0.0 if abs(value) < 1e-15 else value


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


_FUNCTIONS: Mapping[str, _Function] = {
    "sqrt": _Function(_sqrt, 1, 1),
    "sin": _Function(lambda value: _flat(math.sin(value)), 1, 1),
    "cos": _Function(lambda value: _flat(math.cos(value)), 1, 1),
    "tan": _Function(_tangent, 1, 1),
    "log": _Function(_logarithm, 1, 2),
    "ln": _Function(_ln, 1, 1),
    "exp": _Function(math.exp, 1, 1),
    "round": _Function(_round, 1, 2),
    "min": _Function(min, 2, 100),
    "max": _Function(max, 2, 100),
    "abs": _Function(abs, 1, 1),
}

NAMES = frozenset(_FUNCTIONS) | frozenset(_CONSTANTS)


def _apply(name: str, values: Sequence[Number]) -> Number:
    function = _FUNCTIONS.get(name)
    if function is None:
        raise ToolError(f"The function {name!r} is not known. There are: {', '.join(sorted(_FUNCTIONS))}.")
    if not function.least <= len(values) <= function.most:
        raise ToolError(f"{name} was given {len(values)} numbers; that is not how many it takes.")
    return _bounded(function.apply(*values))


# --- showing -----------------------------------------------------------------------------------


def show(value: Number) -> str:
    """A number as a person writes it: exact if it is short, else to 15 digits or more."""
    if isinstance(value, float):
        return _tidy(Decimal(f"{value:.{_SHOWN_DIGITS}g}"))
    if value.denominator == 1:
        return str(value.numerator)
    whole_digits = len(str(abs(value.numerator) // value.denominator))
    with localcontext() as context:
        context.prec = _SHOWN_DIGITS + whole_digits
        return _tidy(Decimal(value.numerator) / Decimal(value.denominator))


def _tidy(value: Decimal) -> str:
    if value == 0:
        return "0"
    if -7 <= value.adjusted() <= 20 or value.adjusted() > 20 and value == value.to_integral_value():
        text = f"{value:f}"
        return text.rstrip("0").rstrip(".") if "." in text else text
    return f"{value.normalize():e}".replace("e+", "e")
