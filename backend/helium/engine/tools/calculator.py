"""The calculator."""

from typing import Annotated

from msgspec import Meta

from helium.engine.tools.arithmetic import evaluate
from helium.engine.tools.definition import Arguments, tool
from helium.ports import ToolContext


class Calculation(Arguments, frozen=True, kw_only=True):
    expression: Annotated[str, Meta(description="For example 12 * (3 + 4) or sqrt(2) ** 3.")]


async def _calculate(arguments: Calculation, context: ToolContext) -> str:
    return evaluate(arguments.expression)


calculator = tool(
    "calculator",
    "Calculate one arithmetic expression: + - * / // % **, parentheses, pi, e, and the functions "
    "sqrt, sin, cos, tan (radians), log (base 10, or log(x, base)), ln, exp, round, min, max, abs.",
    arguments=Calculation,
    run=_calculate,
    effect="read",
)
