"""Dramatiq on a Redis server of the test's own, which can be killed and started again."""

import asyncio
import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import redis.asyncio
from dramatiq.brokers.redis import RedisBroker
from dramatiq.message import Message

from helium.adapters.dramatiq.bell import DramatiqBell, open_bell
from helium.adapters.dramatiq.broker import ACTOR, DramatiqOptions, octets, sending_broker
from helium.adapters.dramatiq.consumer import DramatiqConsumer
from helium.ports import Execute
from tests.contract.queues.side import OpenQueue
from tests.support.redis_server import RedisServer, redis_server

QUEUE = "agent-processing"
CONCURRENCY = 8


@dataclass(frozen=True, slots=True)
class OpenDramatiq:
    server: RedisServer
    options: DramatiqOptions
    bell: DramatiqBell
    broker: RedisBroker
    client: "redis.asyncio.Redis"

    def consumer(self, execute: Execute) -> AbstractAsyncContextManager[None]:
        return self.new_consumer().consume(execute)

    def new_consumer(self, *, max_failures: int = 20) -> DramatiqConsumer:
        return DramatiqConsumer(self.options, concurrency=CONCURRENCY, max_failures=max_failures)

    async def send(self, body: str) -> None:
        message = Message[None](self.options.queue, ACTOR, (body,), {}, {})
        await asyncio.to_thread(self.broker.enqueue, message)

    async def buried(self) -> Sequence[str]:
        messages = await self.client.hvals(self.key("XQ.msgs"))
        return [Message[None].decode(octets(message)).args[0] for message in messages]

    async def left(self) -> int:
        waiting = await self.client.hlen(self.key("msgs"))
        return waiting + await self.client.hlen(self.key("DQ.msgs"))

    def key(self, end: str) -> str:
        return f"{self.options.namespace}:{self.options.queue}.{end}"


class DramatiqSide:
    name = "dramatiq"
    delay_step = 0.001
    concurrency = CONCURRENCY
    hidden_seconds = 2.0
    ring_seconds = 1.0
    counts_deaths = False
    """Its count is in the message, and a dead worker cannot write there."""

    @asynccontextmanager
    async def open(self) -> AsyncGenerator[OpenQueue]:
        with redis_server() as server:
            async with opened(server, heartbeat_seconds=self.hidden_seconds) as queue:
                yield queue

    def kill_command(self, queue: Any) -> list[str]:
        place = [queue.options.url, queue.options.queue, str(queue.options.heartbeat_seconds)]
        return [sys.executable, "-m", "tests.contract.queues.dramatiq_child", *place]

    @asynccontextmanager
    async def away(self, queue: Any) -> AsyncGenerator[None]:
        queue.server.kill()
        try:
            yield
        finally:
            queue.server.restart()


@asynccontextmanager
async def opened(
    server: RedisServer, *, heartbeat_seconds: float = 2.0, prefix: str = "helium"
) -> AsyncGenerator[OpenDramatiq]:
    """A queue on this server, of this installation."""
    options = DramatiqOptions(
        url=server.url, queue=QUEUE, prefix=prefix, heartbeat_seconds=heartbeat_seconds
    )
    broker = sending_broker(options)
    async with open_bell(options) as bell, redis.asyncio.Redis(port=server.port) as client:
        yield OpenDramatiq(server, options, bell, broker, client)
    await asyncio.to_thread(broker.client.close)


SIDE = DramatiqSide()
