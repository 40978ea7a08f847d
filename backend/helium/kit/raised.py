"""An exception without its text.

What an exception says may quote what somebody wrote: a ValueError shows the value, a database's error the
row. Where it happened, of which kind it is and what it came from is ours, and is what one looks for first.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType

MOST_LINKS = 6
MOST_FRAMES = 40
_PACKAGES = f"{os.sep}site-packages{os.sep}"


@dataclass(frozen=True, slots=True)
class Frame:
    file: str
    line: int
    function: str
    module: str

    @property
    def ours(self) -> bool:
        return self.module.partition(".")[0] == "helium"


@dataclass(frozen=True, slots=True)
class Raised:
    """One exception of a chain."""

    type: str
    module: str
    code: str
    """The system's own word for an OSError; otherwise empty."""
    frames: tuple[Frame, ...]
    """The innermost last, as Python shows them."""


def chain(error: BaseException) -> list[Raised]:
    """The exception, then what it came from; the parts of a group too."""
    return [_raised(link) for link in list(_links(error, set()))[:MOST_LINKS]]


def textless(error: BaseException) -> str:
    """As Python shows it, from the outermost frame to the type, without any text of it."""
    parts: list[str] = []
    for raised in chain(error):
        lines = [f"  {frame.file}:{frame.line} in {frame.function}" for frame in raised.frames]
        name = f"{raised.module}.{raised.type}" if raised.module != "builtins" else raised.type
        parts.append("\n".join([*lines, f"{name} {raised.code}".rstrip()]))
    return "\nfrom\n".join(parts)


def _links(error: BaseException, seen: set[int]) -> Iterator[BaseException]:
    if id(error) in seen:
        return
    seen.add(id(error))
    yield error
    if isinstance(error, BaseExceptionGroup):
        for part in error.exceptions:
            yield from _links(part, seen)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    if before is not None:
        yield from _links(before, seen)


def _raised(error: BaseException) -> Raised:
    kind = type(error)
    number = error.errno if isinstance(error, OSError) else None
    code = f"[Errno {number}] {os.strerror(number)}" if isinstance(number, int) else ""
    return Raised(kind.__name__, kind.__module__, code, tuple(_frames(error.__traceback__))[-MOST_FRAMES:])


def _frames(trace: TracebackType | None) -> Iterator[Frame]:
    while trace is not None:
        code = trace.tb_frame.f_code
        module = str(trace.tb_frame.f_globals.get("__name__", ""))
        yield Frame(_short(code.co_filename, module), trace.tb_lineno, code.co_name, module)
        trace = trace.tb_next


def _short(file: str, module: str) -> str:
    """The path below the folder of packages: the rest says where this machine keeps them."""
    if _PACKAGES in file:
        return file.rpartition(_PACKAGES)[2]
    top = module.partition(".")[0]
    head, found, tail = file.rpartition(f"{os.sep}{top}{os.sep}")
    return f"{top}{os.sep}{tail}" if found and head else os.path.basename(file)
