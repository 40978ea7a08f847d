"""Secrets that got into a log line are taken out again before it is written."""

import json
import logging
from collections.abc import Iterator
from urllib.parse import quote, unquote, urlsplit

REPLACEMENT = "[secret]"
SHORTEST = 8
"""A shorter value would be found in innocent words."""
MOST = 256
"""Forms that are looked for; the oldest are forgotten. A line costs 12 µs with all of them."""


class Redactor:
    """Replaces the values that it knows.

    `learn` a value as soon as it is known. As the last processor of structlog, after the one that makes
    the line, it sees the whole line with its traceback; `filter` does the same for `logging`.
    """

    def __init__(self) -> None:
        self._forms: dict[str, None] = {}
        self._order: tuple[str, ...] = ()

    def learn(self, value: str) -> None:
        """Keep this value out of the logs; of a URL, its password too. Values under 8 characters are
        not looked for."""
        value = value.strip()
        if value in self._forms:
            return
        new = [form for form in _forms(value) if len(form) >= SHORTEST and form not in self._forms]
        self._forms.update(dict.fromkeys(new))
        while len(self._forms) > MOST:
            del self._forms[next(iter(self._forms))]
        # Longest first: one value may be a part of another.
        self._order = tuple(sorted(self._forms, key=len, reverse=True))

    def redact(self, text: str) -> str:
        for form in self._order:
            if form in text:
                text = text.replace(form, REPLACEMENT)
        return text

    def __call__(self, logger: object, method: str, line: str) -> str:
        """A processor of structlog that gets the finished line."""
        return self.redact(line)

    def filter(self, record: logging.LogRecord) -> bool:
        """A filter for a handler of `logging`: for `handler.addFilter(redactor.filter)`."""
        if not self._order:
            return True
        if record.exc_info and not record.exc_text:
            record.exc_text = _plain.formatException(record.exc_info)
        said = record.getMessage()
        record.msg, record.args = self.redact(said), ()
        record.exc_text = self.redact(record.exc_text) if record.exc_text else record.exc_text
        record.stack_info = self.redact(record.stack_info) if record.stack_info else record.stack_info
        return True


_plain = logging.Formatter()


def _forms(value: str) -> Iterator[str]:
    """The ways in which a value stands in a line: as it is, within JSON, within Python, within a URL."""
    for plain in (value, repr(value)[1:-1]):
        yield plain
        yield json.dumps(plain)[1:-1]
        yield json.dumps(plain, ensure_ascii=False)[1:-1]
    yield quote(value, safe="")
    try:
        password = urlsplit(value).password if "://" in value else None
    except ValueError:
        return
    if password:
        yield password
        yield unquote(password)
