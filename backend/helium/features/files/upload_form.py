"""A form with one file in it (multipart/form-data, RFC 7578), read while it arrives.

Memory holds one message of the connection and the small fields, never the file.
"""

import unicodedata
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from python_multipart.exceptions import FormParserError
from python_multipart.multipart import MultipartParser, parse_options_header

from helium.core.errors import InvalidRequest
from helium.kit.asgi import ClientLeft, Receive

MAX_FIELDS = 8
MAX_FIELD_BYTES = 4096
MAX_NAME_CHARACTERS = 255

_HOW = "Send multipart/form-data with the fields `purpose` and `file`."


@dataclass(frozen=True, slots=True)
class _Part:
    """The head of a part: `file_name` is None for a plain field."""

    name: str
    file_name: str | None


_Event = _Part | bytes | Literal["part_end", "end"]


class UploadForm:
    """Read it in this order: `open`, `file`, `rest`. Each raises `InvalidRequest` for what is wrong with
    the form, and `ClientLeft` if the client has gone."""

    def __init__(self, content_type: str | None, receive: Receive) -> None:
        self._receive = receive
        self._events: deque[_Event] = deque()
        self._head: dict[bytes, bytes] = {}
        self._header = (bytearray(), bytearray())
        self._parser = MultipartParser(_boundary(content_type), self._callbacks())
        self.fields: dict[str, str] = {}
        """The fields that have been read, by name."""

    async def open(self) -> str:
        """Read up to the file; its name, which is text for people and nothing else."""
        part = await self._fields_until_file()
        if part is None or part.name != "file":
            raise InvalidRequest(f"There is no file in this form. {_HOW}", param="file")
        return clean_name(part.file_name or "")

    async def file(self) -> AsyncIterator[bytes]:
        """The file's bytes."""
        while (event := await self._next()) != "part_end":
            if isinstance(event, bytes):
                yield event

    async def rest(self) -> dict[str, str]:
        """Read what follows the file; all fields, those before it included."""
        if await self._fields_until_file() is not None:
            raise InvalidRequest("There is a second file in this form. Send one at a time.", param="file")
        return self.fields

    async def _fields_until_file(self) -> _Part | None:
        """Read fields up to a file's head; None at the end of the form."""
        while (event := await self._next()) != "end":
            if isinstance(event, _Part):
                if event.file_name is not None:
                    return event
                await self._read_field(event.name)
        return None

    async def _read_field(self, name: str) -> None:
        value = b""
        while (event := await self._next()) != "part_end":
            value += event if isinstance(event, bytes) else b""
            if len(value) > MAX_FIELD_BYTES:
                raise InvalidRequest(f"{name[:80]} is too long.", param=name[:80])
        if len(self.fields) >= MAX_FIELDS or name in self.fields:
            raise InvalidRequest("This form has too many fields, or one of them twice.", param=name[:80])
        self.fields[name] = value.decode(errors="replace")

    async def _next(self) -> _Event:
        while not self._events:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise ClientLeft
            try:
                self._parser.write(message.get("body", b""))
            except FormParserError as error:
                raise InvalidRequest(f"This form cannot be read. {_HOW}") from error
            if not message.get("more_body", False) and not self._ended():
                raise InvalidRequest("This form is cut short: its last boundary is missing.")
        return self._events.popleft()

    def _ended(self) -> bool:
        return bool(self._events) and self._events[-1] == "end"

    def _callbacks(self) -> Any:
        """The parser calls these while it is written to; what they leave in the queue is read later."""
        return {
            "on_part_begin": self._begin,
            "on_header_field": partial(_extend, self._header[0]),
            "on_header_value": partial(_extend, self._header[1]),
            "on_header_end": self._end_header,
            "on_headers_finished": self._end_head,
            "on_part_data": self._data,
            "on_part_end": lambda: self._events.append("part_end"),
            "on_end": lambda: self._events.append("end"),
        }

    def _begin(self) -> None:
        self._head = {}

    def _end_header(self) -> None:
        name, value = self._header
        self._head[bytes(name).lower()] = bytes(value)
        name.clear()
        value.clear()

    def _data(self, data: bytes, start: int, end: int) -> None:
        self._events.append(data[start:end])

    def _end_head(self) -> None:
        _, options = parse_options_header(self._head.get(b"content-disposition", b""))
        file_name = options.get(b"filename")
        self._events.append(
            _Part(
                options.get(b"name", b"").decode(errors="replace"),
                None if file_name is None else file_name.decode(errors="replace"),
            )
        )


def _extend(buffer: bytearray, data: bytes, start: int, end: int) -> None:
    buffer += data[start:end]


def _boundary(content_type: str | None) -> bytes:
    kind, options = parse_options_header(content_type or "")
    boundary = options.get(b"boundary", b"")
    if kind != b"multipart/form-data" or not 0 < len(boundary) <= 70:
        raise InvalidRequest(_HOW)
    return boundary


def clean_name(name: str) -> str:
    """A file's name without folders and control characters, never empty."""
    last = unicodedata.normalize("NFC", name).replace("\\", "/").rpartition("/")[2]
    shown = "".join(letter for letter in last if unicodedata.category(letter)[0] != "C")
    return shown.strip()[:MAX_NAME_CHARACTERS] or "file"
