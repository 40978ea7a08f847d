"""Bytes as text, for tools whose results a model reads."""

from helium.core.errors import ToolError


def decode(content: bytes, path: str) -> str:
    """The content as text. Raises `ToolError` if it is none."""
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ToolError(f"{path} is not a text file.") from error


def encode(text: str) -> bytes:
    """The text as UTF-8. Raises `ToolError` for half a surrogate pair, which models can write in JSON."""
    try:
        return text.encode()
    except UnicodeEncodeError as error:
        raise ToolError("The text holds half of a character (a lone surrogate). Write it again.") from error


def count_of(number: int, noun: str) -> str:
    """`1 file`, `2 files`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"
