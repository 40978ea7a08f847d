"""A model that says `t0 t1 t2 …` on time: Chat Completions with known timing, so cheap that it is
never the bottleneck. `fake-50-20-10` speaks 50 tokens, the first after 20 ms, then one every 10 ms.

One wheel of one-millisecond slots serves all answers. An answer that is late gets all the tokens that
are due in one write, as a network would deliver them; `/stats` tells how late the writes were.
"""

import argparse
import asyncio
import gc
import math
import re
import time
from array import array
from collections.abc import Mapping
from functools import cache
from itertools import accumulate
from typing import Any

import httptools
import msgspec
import uvloop

SLOTS_PER_SECOND = 1000
LATE_LIMIT_MS = 10_000
MODEL_NAME = re.compile(r"fake-(\d+)-(\d+)-(\d+)")
HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-store\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
_encode = msgspec.json.encode


class Schedule:
    """The bytes of one answer, and where each of its tokens ends."""

    def __init__(self, model: str, tokens: int, first_ms: int, step_ms: int) -> None:
        self.model = model
        self.tokens = tokens
        self.first = first_ms / 1000
        self.step = step_ms / 1000
        self.payload, self.ends = _payload(model, tokens)

    def due(self, age: float) -> int:
        """How many tokens an answer of this age, in seconds, has spoken."""
        if age + 1e-6 < self.first:
            return 0
        if not self.step:
            return self.tokens
        return min(self.tokens, int((age - self.first) / self.step + 1e-6) + 1)

    def moment(self, token: int) -> float:
        """The age in seconds at which the token with this number, from 0, is spoken."""
        return self.first + token * self.step


def _payload(model: str, tokens: int) -> tuple[bytes, list[int]]:
    pieces = [_delta(model, {"role": "assistant", "content": ""}) + _delta(model, {"content": "t0 "})]
    pieces += [_delta(model, {"content": f"t{number} "}) for number in range(1, tokens)]
    usage = {"prompt_tokens": 1, "completion_tokens": tokens, "total_tokens": tokens + 1}
    pieces[-1] += _delta(model, {}, "stop") + _event({**_chunk(model), "choices": [], "usage": usage})
    pieces[-1] += _framed(b"data: [DONE]\n\n") + b"0\r\n\r\n"
    ends = [0]
    for piece in pieces:
        ends.append(ends[-1] + len(piece))
    return b"".join(pieces), ends


def _chunk(model: str) -> dict[str, Any]:
    return {"id": "chatcmpl-bench", "object": "chat.completion.chunk", "created": 1, "model": model}


def _delta(model: str, delta: Mapping[str, str], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return _event({**_chunk(model), "choices": [choice]})


def _event(data: Mapping[str, Any]) -> bytes:
    return _framed(b"data: " + _encode(data) + b"\n\n")


def _framed(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


@cache
def schedule_of(model: str) -> Schedule | None:
    """The schedule that a model's name asks for, or None if it is no name of ours."""
    match = MODEL_NAME.fullmatch(model)
    if match is None or int(match[1]) < 1:
        return None
    return Schedule(model, *map(int, match.groups()))


class Answer:
    """One answer on its way to one connection."""

    __slots__ = ("began", "schedule", "sent", "transport")

    def __init__(self, schedule: Schedule, transport: asyncio.Transport) -> None:
        self.schedule = schedule
        self.transport = transport
        self.began = time.monotonic()
        self.sent = 0

    @property
    def next_at(self) -> float:
        return self.began + self.schedule.moment(self.sent)

    def speak(self, now: float) -> bool:
        """Write what is due. False when there is nothing more to say, or nobody to hear it."""
        if self.transport.is_closing():
            return False
        schedule, due = self.schedule, self.schedule.due(now - self.began)
        if due > self.sent:
            self.transport.write(schedule.payload[schedule.ends[self.sent] : schedule.ends[due]])
            self.sent = due
        return due < schedule.tokens


class Wheel:
    """One timer for all answers, set to the earliest slot that is taken."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._slots: dict[int, list[Answer]] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._timer_slot = 0
        self._turning = False
        self.late = array("Q", [0]) * (LATE_LIMIT_MS + 1)

    def add(self, answer: Answer) -> None:
        slot = math.ceil(answer.next_at * SLOTS_PER_SECOND)
        self._slots.setdefault(slot, []).append(answer)
        if not self._turning and (self._timer is None or slot < self._timer_slot):
            self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = None
        if self._slots:
            self._timer_slot = min(self._slots)
            wait_ms = math.ceil(self._timer_slot - time.monotonic() * SLOTS_PER_SECOND)
            self._timer = self._loop.call_later(max(wait_ms, 0) / SLOTS_PER_SECOND, self._turn)

    def _turn(self) -> None:
        self._turning = True
        now = time.monotonic()
        for slot in [slot for slot in self._slots if slot <= now * SLOTS_PER_SECOND]:
            for answer in self._slots.pop(slot):
                late = int((now - answer.next_at) * 1000)
                self.late[min(late, LATE_LIMIT_MS)] += 1
                if answer.speak(now):
                    self.add(answer)
        self._turning = False
        self._arm()

    def take_lateness(self) -> dict[str, int]:
        """Writes since the last call, and how late they were, in whole milliseconds."""
        counts, self.late = self.late, array("Q", [0]) * (LATE_LIMIT_MS + 1)
        total = sum(counts)
        seen = accumulate(counts)
        p95 = next(late for late, sofar in enumerate(seen) if sofar >= total * 0.95)
        return {"writes": total, "late_p95_ms": p95}


class Asked(msgspec.Struct):
    """What matters of a request."""

    model: str
    stream: bool = False


class Connection(asyncio.Protocol):
    """HTTP/1.1 with keep-alive, one request at a time."""

    def __init__(self, wheel: Wheel) -> None:
        self._wheel = wheel
        self._parser = httptools.HttpRequestParser(self)
        self._transport: Any = None
        self._path = b""
        self._body = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError:
            self._transport.close()

    def on_message_begin(self) -> None:
        self._path, self._body = b"", b""

    def on_url(self, url: bytes) -> None:
        self._path += url

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        if self._path == b"/v1/chat/completions":
            self._complete()
        elif self._path == b"/health":
            self._reply(200, {"status": "ok"})
        elif self._path == b"/stats":
            self._reply(200, self._wheel.take_lateness())
        else:
            self._reply(404, {"error": {"message": "no such path"}})

    def _complete(self) -> None:
        try:
            asked = msgspec.json.decode(self._body, type=Asked)
        except msgspec.MsgspecError as error:
            return self._reply(400, {"error": {"message": str(error)}})
        schedule = schedule_of(asked.model)
        if schedule is None:
            return self._reply(404, {"error": {"message": "ask for fake-TOKENS-FIRST_MS-STEP_MS"}})
        if not asked.stream:
            return self._reply(400, {"error": {"message": "this model only streams"}})
        self._transport.write(HEAD)
        return self._wheel.add(Answer(schedule, self._transport))

    def _reply(self, status: int, data: Mapping[str, Any]) -> None:
        body = _encode(data)
        head = f"HTTP/1.1 {status} -\r\ncontent-length: {len(body)}\r\n"
        self._transport.write(head.encode() + b"content-type: application/json\r\n\r\n" + body)


async def listen(port: int) -> asyncio.Server:
    """The model, listening on this machine only; port 0 takes a free one."""
    loop = asyncio.get_running_loop()
    wheel = Wheel(loop)
    return await loop.create_server(lambda: Connection(wheel), "127.0.0.1", port, backlog=4096)


async def serve(port: int) -> None:
    server = await listen(port)
    gc.freeze()
    gc.disable()
    await server.serve_forever()


if __name__ == "__main__":
    arguments = argparse.ArgumentParser()
    arguments.add_argument("--port", type=int, required=True)
    uvloop.run(serve(arguments.parse_args().port))
