"""Providers on loopback: each checks a request as strictly as the real one and streams an answer.

What an answer is, and how it goes wrong, is said by the test; what a request must be, is said here.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from helium.kit.clock import SystemClock

KEY = "test-key-123"
TERMINATOR = b"0\r\n\r\n"


@dataclass(slots=True)
class Reply:
    """One answer: its pieces, `pause` seconds apart, and how it ends."""

    pieces: Sequence[bytes] = ()
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict[str, str])
    pause: float = 0.0
    ending: Literal["end", "cut", "hang"] = "end"
    delay: float = 0.0
    content_type: str = "text/event-stream"


@dataclass(slots=True)
class Asked:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: dict[str, Any]


Check = Callable[[Asked], str | None]
"""What is wrong with a request, or None."""


class FakeProvider:
    """A provider on a free port. It gives its replies in turn, the last one for ever."""

    def __init__(self, check: Check, replies: Sequence[Reply]) -> None:
        self.asked: list[Asked] = []
        self.connections = 0
        self.gone = asyncio.Event()
        """Set when a client left before its answer was complete."""
        self.url = ""
        self._check = check
        self._replies = list(replies)
        self._clock = SystemClock()
        self._open: set[asyncio.StreamWriter] = set()

    @asynccontextmanager
    async def running(self) -> AsyncGenerator["FakeProvider"]:
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        try:
            yield self
        finally:
            server.close()
            for writer in self._open:
                writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            while True:
                asked = await _request(reader)
                self.asked.append(asked)
                if not await self._answer(asked, reader, writer):
                    break
        except (asyncio.IncompleteReadError, ConnectionError):
            self.gone.set()
        except asyncio.CancelledError:
            pass
        finally:
            self._open.discard(writer)
            writer.close()

    async def _answer(
        self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        wrong = self._check(asked)
        if wrong is not None:
            status = 401 if wrong == "key" else 400
            error = msgspec.json.encode({"error": {"message": wrong, "type": "invalid_request_error"}})
            reply = Reply([error], status=status, content_type="application/json")
        else:
            reply = self._replies.pop(0) if len(self._replies) > 1 else self._replies[0]
        if reply.delay:
            await self._pause(reply.delay, reader)
        head = [f"HTTP/1.1 {reply.status} X", f"Content-Type: {reply.content_type}"]
        head += [f"{name}: {value}" for name, value in reply.headers.items()]
        head += ["Transfer-Encoding: chunked", "", ""]
        writer.write("\r\n".join(head).encode())
        for piece in reply.pieces:
            writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
            await writer.drain()
            if reply.pause:
                await self._pause(reply.pause, reader)
        if reply.ending == "hang":
            await reader.readexactly(1)
        if reply.ending == "cut":
            await writer.drain()
            return False
        writer.write(TERMINATOR)
        await writer.drain()
        return True

    async def _pause(self, seconds: float, reader: asyncio.StreamReader) -> None:
        await self._clock.sleep(seconds)
        if reader.at_eof():
            raise ConnectionError


async def _request(reader: asyncio.StreamReader) -> Asked:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
    body = await reader.readexactly(int(headers["content-length"]))
    return Asked(first.split(" ")[1], headers, msgspec.json.decode(body))


def _fields(body: dict[str, Any], required: set[str], known: set[str]) -> str | None:
    if missing := required - body.keys():
        return f"missing: {sorted(missing)}"
    if unknown := body.keys() - required - known:
        return f"unknown: {sorted(unknown)}"
    return None if body["stream"] is True else "this fake only streams"


def check_chat(asked: Asked) -> str | None:
    """The rules of Chat Completions."""
    if asked.headers.get("authorization") != f"Bearer {KEY}":
        return "key"
    if not asked.path.endswith("/chat/completions"):
        return f"no such path: {asked.path}"
    known = {"stream_options", "temperature", "top_p", "max_tokens", "max_completion_tokens"}
    known |= {"tools", "tool_choice", "parallel_tool_calls", "response_format", "reasoning_effort"}
    if wrong := _fields(asked.body, {"model", "messages", "stream"}, known):
        return wrong
    waiting: list[str] = []
    for message in asked.body["messages"]:
        if message["role"] == "tool":
            if message["tool_call_id"] not in waiting:
                return "a tool message must follow the call that it answers"
            waiting.remove(message["tool_call_id"])
        elif waiting:
            break
        elif wrong := _check_said(message):
            return wrong
        else:
            waiting = [call["id"] for call in message.get("tool_calls", [])]
    return f"tool_call_ids did not have response messages: {waiting}" if waiting else None


def _check_said(message: dict[str, Any]) -> str | None:
    if message["role"] not in ("system", "user", "assistant"):
        return f"no such role: {message['role']}"
    calls: list[Any] = message.get("tool_calls", [])
    if message.get("content") is None and not calls:
        return "a message needs content"
    if any(not isinstance(msgspec.json.decode(call["function"]["arguments"]), dict) for call in calls):
        return "arguments must be an object"
    return None


def check_responses(asked: Asked) -> str | None:
    """The rules of the Responses API."""
    if asked.headers.get("authorization") != f"Bearer {KEY}":
        return "key"
    if not asked.path.endswith("/responses"):
        return f"no such path: {asked.path}"
    known = {"store", "include", "instructions", "temperature", "top_p", "max_output_tokens", "tools"}
    known |= {"tool_choice", "parallel_tool_calls", "text", "reasoning"}
    if wrong := _fields(asked.body, {"model", "input", "stream"}, known):
        return wrong
    calls: list[str] = []
    previous: dict[str, Any] = {}
    for item in asked.body["input"]:
        answers = item["type"] in ("reasoning", "function_call") or item.get("role") == "assistant"
        if previous.get("type") == "reasoning" and not answers:
            return f"Item {previous['id']!r} of type 'reasoning' lacks its required following item."
        if item["type"] == "function_call":
            calls.append(item["call_id"])
        elif item["type"] == "function_call_output":
            if item["call_id"] not in calls:
                return f"No tool call found for function call output with call_id {item['call_id']}."
            calls.remove(item["call_id"])
        elif item["type"] == "reasoning" and not item.get("encrypted_content"):
            return f"Item with id {item['id']!r} not found: it was not stored."
        previous = item
    return f"No tool output found for function call {calls[0]}." if calls else None


def check_messages(asked: Asked) -> str | None:
    """The rules of Anthropic Messages."""
    if asked.headers.get("x-api-key") != KEY:
        return "key"
    if asked.path != "/v1/messages" or asked.headers.get("anthropic-version") != "2023-06-01":
        return "no such path or version"
    known = {"system", "temperature", "top_p", "tools", "tool_choice", "thinking", "output_config"}
    if wrong := _fields(
        asked.body, {"model", "messages", "max_tokens", "stream"}, known | {"cache_control"}
    ):
        return wrong
    expected, waiting = "user", list[str]()
    for message in asked.body["messages"]:
        if message["role"] != expected:
            return f"messages: roles must alternate, expected {expected}"
        expected = "assistant" if expected == "user" else "user"
        if wrong := _check_blocks(message, waiting):
            return wrong
        waiting = [block["id"] for block in message["content"] if block["type"] == "tool_use"]
    return None if expected == "assistant" else "messages: the last message must be the user's"


def _check_blocks(message: dict[str, Any], waiting: list[str]) -> str | None:
    blocks: list[dict[str, Any]] = message["content"]
    results = [block["tool_use_id"] for block in blocks if block["type"] == "tool_result"]
    if sorted(results) != sorted(waiting):
        return f"`tool_use` ids were found without `tool_result` blocks immediately after: {waiting}"
    if any(block["type"] == "tool_result" for block in blocks[len(results) :]):
        return "tool_result blocks come first"
    kinds = {"user": {"text", "image", "tool_result"}}
    kinds["assistant"] = {"text", "thinking", "redacted_thinking", "tool_use"}
    for block in blocks:
        if block["type"] not in kinds[message["role"]]:
            return f"{block['type']} cannot be in a message of the {message['role']}"
        if block["type"] == "text" and not block["text"].strip():
            return "text content blocks must be non-empty"
        if block["type"] == "tool_use" and not re.fullmatch(r"[a-zA-Z0-9_-]+", block["id"]):
            return "tool_use.id: String should match pattern"
    return None
