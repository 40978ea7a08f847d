"""The calculator: what it can, what it refuses, and that it agrees with Python."""

import math
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helium.core.errors import ToolError
from helium.engine.tools.arithmetic import evaluate

VALUES = {
    "6 * 7": "42",
    "12 * (3 + 4)": "84",
    "0.1 + 0.2": "0.3",
    "10 / 4": "2.5",
    "1/3": "0.3333333333333333",
    "1/3*3": "1",
    "2 / 3 * 10**20": "66666666666666666666.666666666666667",
    "7 // 2": "3",
    "-7 // 2": "-4",
    "-7 % 3": "2",
    "2 ** 10": "1024",
    "2 ^ 10": "1024",
    "2 ** -3": "0.125",
    "2 ** 0.5": "1.4142135623731",
    "-+-3": "3",
    "1.50": "1.5",
    "1e3": "1000",
    "1_000 × 2 ÷ 5 − 1": "399",
    "1/10**9": "1e-9",
    "123456789 * 987654321": "121932631112635269",
    "sqrt(16)": "4",
    "sqrt(1/4)": "0.5",
    "sqrt(2)": "1.4142135623731",
    "sin(pi)": "0",
    "cos(pi)": "-1",
    "tan(0)": "0",
    "log(1000)": "3",
    "log(8, 2)": "3",
    "log(81, 3)": "4",
    "ln(e)": "1",
    "exp(0)": "1",
    "exp(100)": "2.68811714181614e43",
    "exp(1) // 1": "2",
    "round(2.567, 1)": "2.6",
    "round(1250, -2)": "1200",
    "round(2.5)": "2",
    "min(3, 1, 2) + max(1, 2) + abs(-4)": "7",
    "2\n+\n2": "4",
    "0 * exp(1)": "0",
}


@pytest.mark.parametrize(("expression", "value"), VALUES.items())
def test_a_value_is_clean_text(expression: str, value: str) -> None:
    assert evaluate(expression) == value


REFUSED = {
    "": "is empty",
    "1 / 0": "divides by zero",
    "5 % 0": "divides by zero",
    "0 ** -1": "divides by zero",
    "9**9**9": "at most 1000 digits",
    "10 ** 1000 * 10": "at most 1000 digits",
    "10 ** -1001": "at most 1000 digits",
    "999**333 * 999**333": "at most 1000 digits",
    "1e999999999": "at most 1000 digits",
    "1e-999999999": "at most 1000 digits",
    "0.5 ** 99999999999": "at most 1000 digits",
    "exp(1000)": "too large",
    "exp(700) * exp(700)": "too large",
    "exp(1) ** 10000": "too large",
    "(-8) ** (1/3)": "not a real number",
    "sqrt(-1)": "not a real number",
    "log(0)": "positive number",
    "log(5, 1)": "positive base",
    "tan(pi / 2)": "no value there",
    "round(1, 0.5)": "whole number of digits",
    "round(1, 10**50)": "at most 100",
    "min(1)": "does not take 1 numbers",
    "sqrt(1, 2)": "does not take 2 numbers",
    "fib(3)": "'fib' is not known",
    "x + 1": "'x' is not known",
    "sqrt(x=1)": "Only numbers",
    "2pi": "Only numbers",
    "1or 2": "Only numbers",
    "0x1F": "Only numbers",
    "1 << 5": "Only numbers",
    "1 if 2 else 3": "Only numbers",
    "(1).real": "Only numbers",
    "1, 2": "Only numbers",
    "True": "Only numbers",
    "1j": "Only numbers",
    "'a' * 3": "Only numbers",
    "__import__('os').system('true')": "Only numbers",
    "(1)(2)": "Only numbers",
    "2 +": "not an arithmetic expression",
    "007": "not an arithmetic expression",
    "((1)": "not an arithmetic expression",
    "-" * 100 + "1": "nested too deeply",
    "1" * 501: "longer than 500 characters",
    "(" * 250 + "1" + ")" * 249: "not an arithmetic expression",
}


@pytest.mark.parametrize(("expression", "reason"), REFUSED.items(), ids=[text[:20] for text in REFUSED])
def test_what_has_no_value_is_refused_with_the_reason(expression: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason.replace("(", r"\(")):
        evaluate(expression)


numbers = st.one_of(
    st.integers(0, 10**6).map(str), st.decimals(0, 1000, places=3, allow_nan=False).map(lambda d: f"{d:f}")
)
expressions = st.recursive(
    numbers,
    lambda inner: st.one_of(
        st.builds("({} {} {})".format, inner, st.sampled_from(["+", "-", "*", "/", "//", "%"]), inner),
        st.builds("(-{})".format, inner),
        st.builds("({}) ** {}".format, inner, st.integers(-3, 3).map(str)),
        st.builds("min({}, {})".format, inner, inner),
        st.builds("abs({})".format, inner),
    ),
    max_leaves=8,
)


@given(expressions)
def test_exact_arithmetic_agrees_with_python(expression: str) -> None:
    exact = re.sub(r"(?<![\w.*])(\d+(?:\.\d+)?)|(?<=\*\* )(-?\d+)", r"Fraction('\1\2')", expression)
    try:
        expected = Fraction(eval(exact, {"Fraction": Fraction, "min": min, "abs": abs}))
    except ZeroDivisionError:
        with pytest.raises(ToolError, match="divides by zero"):
            evaluate(expression)
        return
    value = Fraction(evaluate(expression))
    assert value == expected or math.isclose(value, expected, rel_tol=1e-14)
    assert expected.denominator > 1 or value == expected


@given(st.floats(0.01, 100), st.floats(0.01, 100))
def test_functions_agree_with_python(x: float, y: float) -> None:
    expected = math.sin(x) + math.cos(y) * math.sqrt(x) + math.log10(x) - math.log(y) + math.exp(x / 50)
    value = float(evaluate(f"sin({x}) + cos({y}) * sqrt({x}) + log({x}) - ln({y}) + exp({x} / 50)"))
    assert math.isclose(value, expected, rel_tol=1e-9, abs_tol=1e-9)


@given(st.text(alphabet="0123456789+-*/%(),.e sqrtinpaxlog_", max_size=60))
def test_any_text_has_a_value_or_a_reason(text: str) -> None:
    try:
        value = evaluate(text)
    except ToolError as error:
        value = str(error)
    assert value
