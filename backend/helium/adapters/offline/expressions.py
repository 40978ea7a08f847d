"""Arithmetic in a person's words, as an expression for the calculator."""

import re

_WORDS: tuple[tuple[str, str], ...] = (
    (r"(?<=\d),(?=\d{3}(?!\d))", ""),
    (r"(\d+(?:\.\d+)?)\s*(?:%|percent)\s*of\s+", r"(\1/100) * "),
    (r"\bthe\s+square\s+root\b", "square root"),
    (r"\bsquare\s+root\s+of\s+(\d+(?:\.\d+)?|\(.*\))", r"sqrt(\1)"),
    (r"\b(?:to\s+the\s+power\s+of|raised\s+to)\b", "**"),
    (r"\bsquared\b", "** 2"),
    (r"\bcubed\b", "** 3"),
    (r"\bdivided\s+by\b|\bover\b|÷", "/"),
    (r"\bmultiplied\s+by\b|\btimes\b|[×·]", "*"),
    (r"(?<=[\d)])\s*x\s*(?=[\d(])", " * "),
    (r"\bplus\b", "+"),
    (r"\bminus\b|[−–]", "-"),
    (r"\bmod(?:ulo)?\b", "%"),
    (r"(\d+(?:\.\d+)?)\s*(?:%|percent\b)(?!\s*[\w(.])", r"(\1/100)"),
    (r"\^", "**"),
    (r"^\s*(\d+(?:\.\d+)?)\s*([-+])\s*\((\d+(?:\.\d+)?/100)\)$", r"\1 * (1 \2 \3)"),
)
_REPLACEMENTS = tuple((re.compile(pattern, re.IGNORECASE), text) for pattern, text in _WORDS)

_MAX_CHARACTERS = 500
_NAME = r"sqrt|sin|cos|tan|log|ln|exp|round|min|max|abs|pi|e"
_ARITHMETIC = re.compile(
    rf"(?:\d+(?:\.\d*)?(?:e[+-]?\d+)?|\.\d+|\b(?:{_NAME})\b|[-+*/%(),\s])++", re.IGNORECASE
)
_WORK = re.compile(rf"[\d)ei]\s*(?:[-+*/%])|(?:{_NAME})\s*\(|[-+*/]\s*[\d(]", re.IGNORECASE)


def as_expression(words: str) -> str | None:
    """The expression that the words mean, or None if they are not arithmetic."""
    if len(words) > _MAX_CHARACTERS:
        return None
    expression = words.strip().rstrip("=").strip()
    for pattern, text in _REPLACEMENTS:
        expression = pattern.sub(text, expression)
    expression = " ".join(expression.split()).lower()
    return expression if expression and _ARITHMETIC.fullmatch(expression) else None


def has_work(expression: str) -> bool:
    """Whether there is anything to calculate in it: a bare number is no request."""
    return _WORK.search(expression) is not None
