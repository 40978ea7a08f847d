"""The client's side of HTTP/1.1 and of the two stream formats: pure, and cheap while a run is on.

During a run only three things are looked for: the end of the head, the first token and the end of
the body. Whether every token came is checked afterwards, from the bytes that were kept.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

import msgspec

LAST_CHUNK = b"0\r\n\r\n"


class Answer:
    """The bytes of one HTTP answer, as they come in."""

    __slots__ = ("_length", "_marker", "body_at", "complete", "data", "head_seen", "status", "token_seen")

    def __init__(self, marker: bytes) -> None:
        self._marker = marker
        self._length: int | None = None
        self.data = bytearray()
        self.body_at = 0
        self.status = 0
        self.head_seen = False
        self.token_seen = False
        self.complete = False

    def feed(self, data: bytes) -> None:
        """Take in what the socket gave; `head_seen`, `token_seen` and `complete` may turn true."""
        looked_at = len(self.data)
        self.data += data
        if not self.head_seen and not self._read_head():
            return
        if not self.token_seen:
            start = max(self.body_at, looked_at - len(self._marker))
            self.token_seen = self.data.find(self._marker, start) >= 0
        if self._length is None:
            self.complete = self.data.endswith(LAST_CHUNK)
        else:
            self.complete = len(self.data) - self.body_at >= self._length

    def _read_head(self) -> bool:
        end = self.data.find(b"\r\n\r\n")
        if end < 0:
            return False
        status, *headers = bytes(self.data[:end]).lower().split(b"\r\n")
        self.status = int(status.split(b" ", 2)[1])
        for header in headers:
            name, _, value = header.partition(b":")
            if name == b"content-length":
                self._length = int(value)
        self.body_at = end + 4
        self.head_seen = True
        return True

    @property
    def body(self) -> bytes:
        """The body without its chunk frames. Raises `ValueError` if the frames are broken."""
        rest = bytes(self.data[self.body_at :])
        return rest if self._length is not None else b"".join(unframed(rest))


def unframed(data: bytes) -> Iterator[bytes]:
    """The chunks of a chunked body. Raises `ValueError` unless it ends with the empty chunk."""
    at = 0
    while True:
        line_end = data.index(b"\r\n", at)
        size = int(data[at:line_end].split(b";")[0], 16)
        at = line_end + 2
        if size == 0:
            break
        if data[at + size : at + size + 2] != b"\r\n":
            raise ValueError("a chunk is not as long as it says")
        yield data[at : at + size]
        at += size + 2


def sse_data(body: bytes) -> Iterator[bytes]:
    """The `data:` of each server-sent event."""
    for block in body.replace(b"\r\n", b"\n").split(b"\n\n"):
        lines = [line[5:].removeprefix(b" ") for line in block.split(b"\n") if line.startswith(b"data:")]
        if lines:
            yield b"\n".join(lines)


class _Delta(msgspec.Struct):
    content: str | None = None


class _Choice(msgspec.Struct):
    delta: _Delta


class _Chunk(msgspec.Struct):
    choices: list[_Choice] = []


class _ResponseEvent(msgspec.Struct):
    type: str = ""
    delta: msgspec.Raw = msgspec.Raw(b'""')


_chunks = msgspec.json.Decoder(_Chunk)
_response_events = msgspec.json.Decoder(_ResponseEvent)
_text = msgspec.json.Decoder(str)


@dataclass
class Told:
    """What a stream said: its text, and how it ended."""

    text: str = ""
    end: str = ""
    events: int = 0
    _parts: list[str] = field(default_factory=list[str])

    def add(self, text: str | None) -> None:
        if text:
            self._parts.append(text)

    def finish(self) -> "Told":
        self.text = "".join(self._parts)
        return self


def read_chat(body: bytes) -> Told:
    """A Chat Completions stream."""
    told = Told()
    for data in sse_data(body):
        told.events += 1
        if data == b"[DONE]":
            told.end = "[DONE]"
            continue
        for choice in _chunks.decode(data).choices:
            told.add(choice.delta.content)
    return told.finish()


def read_responses(body: bytes) -> Told:
    """A Responses stream."""
    told = Told()
    for data in sse_data(body):
        told.events += 1
        if data == b"[DONE]":
            continue
        event = _response_events.decode(data)
        told.end = event.type
        if event.type == "response.output_text.delta":
            told.add(_text.decode(event.delta))
    return told.finish()


Dialect = Literal["chat", "responses"]

READERS = {"chat": read_chat, "responses": read_responses}
MARKERS: dict[Dialect, bytes] = {"chat": b'"content":"t', "responses": b"response.output_text.delta"}
ENDS: dict[Dialect, str] = {"chat": "[DONE]", "responses": "response.completed"}


def fault(answer: Answer, dialect: Dialect, text: str) -> str | None:
    """What is wrong with a complete answer that should have said `text`, or None."""
    try:
        body = answer.body
        if answer.status != 200:
            return f"HTTP {answer.status}: {body[:160].decode(errors='replace')}"
        told = READERS[dialect](body)
    except (ValueError, msgspec.MsgspecError) as error:
        return f"unreadable: {error}"
    if told.end != ENDS[dialect]:
        return f"ended with {told.end or 'nothing'}"
    if told.text != text:
        return f"wrong text: {len(told.text)} characters instead of {len(text)}"
    return None


def request_bytes(dialect: Dialect, port: int, model: str, token: str) -> bytes:
    """The whole request of one run."""
    if dialect == "chat":
        path = "/v1/chat/completions"
        body = {"model": model, "stream": True, "messages": [{"role": "user", "content": "hello"}]}
    else:
        path = "/v1/responses"
        body = {"model": model, "input": "hello", "stream": True}
    content = msgspec.json.encode(body)
    head = (
        f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\ncontent-type: application/json\r\n"
        f"accept: text/event-stream\r\nauthorization: Bearer {token}\r\n"
        f"content-length: {len(content)}\r\n\r\n"
    )
    return head.encode() + content
