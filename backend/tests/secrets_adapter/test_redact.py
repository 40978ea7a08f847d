"""Secrets do not stand in log lines, however they got there."""

import io
import json
import logging
import timeit

import pytest
import structlog

from helium.kit.redact import MOST, REPLACEMENT, Redactor

CANARY = "canary-7f3a91"
QUOTED = 'ca"nary\\with\nmany ä signs/='


def redactor(*values: str) -> Redactor:
    made = Redactor()
    for value in values:
        made.learn(value)
    return made


def structured(made: Redactor, *, form: str) -> tuple[structlog.typing.FilteringBoundLogger, io.StringIO]:
    out = io.StringIO()
    renderer = (
        structlog.processors.JSONRenderer()
        if form == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    processors = [structlog.processors.format_exc_info, renderer, made]
    log = structlog.wrap_logger(
        structlog.PrintLogger(out),
        processors=processors,  # pyright: ignore[reportArgumentType]
        wrapper_class=structlog.make_filtering_bound_logger(0),
    )
    return log, out


@pytest.mark.parametrize("form", ["json", "console"])
@pytest.mark.parametrize("value", [CANARY, QUOTED])
def test_a_log_line_and_its_traceback_are_without_the_value(form: str, value: str) -> None:
    log, out = structured(redactor(value), form=form)
    try:
        raise ValueError(f"not with {value!r}")
    except ValueError:
        log.exception("refused", key=value, nested={"url": f"https://h/?k={value}"})

    written = out.getvalue()
    assert written.count(REPLACEMENT) >= 3
    assert "canary" not in written
    assert "with\\nmany" not in written


def test_what_python_logs_is_without_the_value() -> None:
    out = io.StringIO()
    handler = logging.StreamHandler(out)
    handler.addFilter(redactor(CANARY).filter)
    log = logging.Logger("test")
    log.addHandler(handler)
    try:
        raise ValueError(CANARY)
    except ValueError:
        log.exception("key %s of %s", CANARY, "ada", stack_info=True)

    assert out.getvalue().startswith(f"key {REPLACEMENT} of ada\n")
    assert CANARY not in out.getvalue()


def test_a_url_teaches_its_password() -> None:
    made = redactor("postgresql://ada:p%40ssword-1@db/helium")

    assert made.redact("login with p@ssword-1 or p%40ssword-1 failed") == (
        f"login with {REPLACEMENT} or {REPLACEMENT} failed"
    )


def test_a_longer_value_goes_before_the_one_that_it_contains() -> None:
    assert redactor("abcdefgh", "abcdefgh-ijkl").redact("<abcdefgh-ijkl>") == f"<{REPLACEMENT}>"


def test_short_values_are_left_alone() -> None:
    assert redactor("", "admin", "1234567").redact("admin 1234567") == "admin 1234567"


def test_the_number_of_values_is_bounded_and_the_newest_are_known() -> None:
    values = [f"value-{number:08}" for number in range(MOST + 10)]
    made = redactor(*values)

    assert made.redact(values[-1]) == REPLACEMENT
    assert made.redact(values[0]) == values[0]


def test_a_line_without_secrets_costs_microseconds() -> None:
    made = redactor(*(f"sk-proj-{number:030}" for number in range(MOST)))
    line = json.dumps({"event": "run.claimed", **{f"fact_{n}": n * 1234567 for n in range(20)}})
    each = min(timeit.repeat(lambda: made.redact(line), number=200, repeat=5)) / 200

    assert made.redact(line) is line
    assert each < 200e-6
