"""The ids that every line of a request or a run carries: bound once, at the edge, for all that it starts.

One variable for all of them: structlog has one for each, and binding five costs as much as a line.
"""

from collections.abc import Generator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar, Token
from typing import Any

Ids = Mapping[str, object]
_ids: ContextVar[Ids] = ContextVar("helium_log_ids", default={})  # noqa: B039 - never changed, only replaced


def bind(**ids: object) -> Token[Ids]:
    """Put these into the lines of this task, and of those that it starts from here on."""
    return _ids.set({**_ids.get(), **ids})


def unbind(token: Token[Ids]) -> None:
    """As it was before that `bind`."""
    _ids.reset(token)


@contextmanager
def bound(**ids: object) -> Generator[None]:
    """`bind` until the end of the block."""
    token = bind(**ids)
    try:
        yield
    finally:
        unbind(token)


def ids() -> Ids:
    """What is bound here."""
    return _ids.get()


def merge_ids(logger: object, method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """A processor of structlog; what the line itself says wins."""
    for name, value in _ids.get().items():
        line.setdefault(name, value)
    return line
