"""Arithmetic from text, safe to give to anyone: exact where numbers are rational, bounded everywhere.

The text is parsed by Python's own parser and walked node by node; nothing is ever executed. Whole
numbers and decimals are fractions, so 0.1 + 0.2 is 0.3; roots and logarithms are floats. Every
intermediate number is bounded, so 9**9**9 is refused before it is computed.
"""

import ast
import re
from collections.abc import Callable, Mapping
from fractions import Fraction

from helium.core.errors import ToolError
from helium.engine.tools.functions import apply, constant
from helium.engine.tools.numbers import Number, bounded, literal, power, show

MAX_CHARACTERS = 500
MAX_DEPTH = 60

_ALLOWED = re.compile(r"[0-9A-Za-z_+\-*/%(),. ]*")
_GLUED = re.compile(r"[0-9](?![eE][+-]?[0-9])[A-Za-z]")
"""A digit with a letter right behind it, as in `2pi` or `1or`: Python's parser would warn, or worse."""
_SIGNS = str.maketrans({"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "\n": " ", "\t": " "})
_UNDERSTOOD = "Only numbers, + - * / // % **, parentheses and functions can be calculated."


def evaluate(expression: str) -> str:
    """The value of an arithmetic expression as clean text. Raises `ToolError` if it has none."""
    source = expression.translate(_SIGNS).replace("^", "**").strip()
    if not source:
        raise ToolError("The expression is empty. Write something like 6 * 7.")
    if len(source) > MAX_CHARACTERS:
        raise ToolError(f"The expression is longer than {MAX_CHARACTERS} characters. Split it.")
    if not _ALLOWED.fullmatch(source) or _GLUED.search(source):
        raise ToolError(_UNDERSTOOD)
    try:
        return show(_Walk(source).value(_parse(source), depth=0))
    except ZeroDivisionError as error:
        raise ToolError("That divides by zero.") from error
    except OverflowError as error:
        raise ToolError("A number in it is too large.") from error


def _parse(source: str) -> ast.expr:
    try:
        return ast.parse(source, mode="eval").body
    except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
        raise ToolError(f"{source!r} is not an arithmetic expression.") from error


class _Walk:
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
                return constant(name)
            case ast.UnaryOp(op=ast.USub(), operand=operand):
                return -self.value(operand, depth + 1)
            case ast.UnaryOp(op=ast.UAdd(), operand=operand):
                return self.value(operand, depth + 1)
            case ast.BinOp(left=left, op=sign, right=right):
                return _combine(sign, self.value(left, depth + 1), self.value(right, depth + 1))
            case ast.Call(func=ast.Name(id=name), args=args, keywords=[]):
                return apply(name, [self.value(arg, depth + 1) for arg in args])
            case _:
                raise ToolError(_UNDERSTOOD)

    def _literal(self, node: ast.Constant) -> Number:
        if type(node.value) is int:
            return bounded(Fraction(node.value))
        if type(node.value) is not float:
            raise ToolError(_UNDERSTOOD)
        return bounded(literal(ast.get_source_segment(self._source, node) or repr(node.value)))


def _floor(left: Number, right: Number) -> Number:
    whole = left // right
    return Fraction(whole) if isinstance(whole, int) else whole


_OPERATIONS: Mapping[type[ast.operator], Callable[[Number, Number], Number | complex]] = {
    ast.Add: lambda left, right: left + right,
    ast.Sub: lambda left, right: left - right,
    ast.Mult: lambda left, right: left * right,
    ast.Div: lambda left, right: left / right,
    ast.FloorDiv: _floor,
    ast.Mod: lambda left, right: left % right,
    ast.Pow: power,
}


def _combine(sign: ast.operator, left: Number, right: Number) -> Number:
    operation = _OPERATIONS.get(type(sign))
    if operation is None:
        raise ToolError(_UNDERSTOOD)
    return bounded(operation(left, right))
