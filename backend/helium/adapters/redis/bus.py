"""The bus on Redis's publish and subscribe: fast while Redis is there, silent while it is not."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, get_args
from uuid import UUID, uuid4

import structlog
from redis.asyncio.client import PubSub
from redis.exceptions import TimeoutError as RedisTimeoutError

from helium.adapters.redis.circuit import REDIS_ERRORS, closed_transport_is_an_error
from helium.adapters.redis.connection import RedisConnection
from helium.adapters.redis.messages import pack, unpack
from helium.adapters.redis.outbox import Outbox
from helium.kit.clock import Clock
from helium.kit.metrics import instruments as metrics
from helium.kit.retry import backoff
from helium.ports.bus import Listener, Topic

log = structlog.get_logger()

TOPICS: tuple[Topic, ...] = get_args(Topic)
RECONNECT_BASE_SECONDS, RECONNECT_CAP_SECONDS = 0.2, 2.0
STEADY_SECONDS = 5.0
"""A subscription that lived this long has worked. Shorter ones count on, so that a server which accepts and
drops at once is not asked, and every listener not sent looking, many times a second."""


class RedisBus:
    """One channel for each topic, one subscription for all topics that somebody listens to.

    After every subscription each listener is called with no ids: something may have been missed. Silence
    of `silence_seconds` is followed by a PING, and no answer within `timeout_seconds` by a new connection.
    Between two messages lie `gather_seconds` at least: each costs the sender 60 µs and every receiver 25.
    """

    def __init__(
        self,
        redis: RedisConnection,
        clock: Clock,
        *,
        silence_seconds: float = 1.0,
        timeout_seconds: float = 1.0,
        gather_seconds: float = 0.005,
        buffer_ids: int = 4096,
    ) -> None:
        self._redis = redis
        self._clock = clock
        self._silence_seconds = silence_seconds
        self._timeout_seconds = timeout_seconds
        self._gather_seconds = gather_seconds
        self._me = uuid4().bytes
        self._channels: dict[Topic, bytes] = {
            topic: f"{redis.prefix}:bus:{topic}".encode() for topic in TOPICS
        }
        self._topics: dict[bytes, Topic] = {name: topic for topic, name in self._channels.items()}
        self._listeners: dict[Topic, list[Listener]] = {}
        self._listened = asyncio.Event()
        self._outboxes: dict[Topic, Outbox] = {topic: Outbox(buffer_ids) for topic in TOPICS}
        self._published = {topic: metrics.BELLS.of(topic, "published") for topic in TOPICS}
        self._failed = {topic: metrics.BELLS.of(topic, "failed") for topic in TOPICS}
        self._dropped = {topic: metrics.BELLS.of(topic, "dropped") for topic in TOPICS}
        self._to_send = asyncio.Event()
        self._healthy_since: float | None = None
        self._away = False
        self._said_malformed = False

    def publish(self, topic: Topic, run_ids: Sequence[UUID]) -> None:
        if not self._outboxes[topic].add(run_ids):
            log.warning("bus.overflow", topic=topic)
        self._to_send.set()

    def listen(self, topic: Topic, listener: Listener) -> None:
        self._listeners.setdefault(topic, []).append(listener)
        self._listened.set()

    @property
    def healthy(self) -> bool:
        return self._healthy_since is not None

    async def serve(self) -> None:
        """Send and receive until cancelled, whatever becomes of Redis."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._send())
            group.create_task(self._receive())

    async def _send(self) -> None:
        """The first message goes out at once. While it is under way, and a bit longer, the next gathers."""
        while True:
            await self._to_send.wait()
            self._to_send.clear()
            if await self._flush():
                await self._clock.sleep(self._gather_seconds)
            else:
                await self._clock.sleep(self._timeout_seconds)
                self._to_send.set()

    async def _flush(self) -> bool:
        """Send one message for each topic that has something to say. False if it has to be tried again."""
        for topic, outbox in self._outboxes.items():
            run_ids = outbox.take()
            if run_ids is None:
                continue
            message = pack(self._me, run_ids)
            try:
                await self._redis.call(lambda to=self._channels[topic], what=message: self._put(to, what))
            except REDIS_ERRORS:
                # By the time that it can be sent again these ids are old: one word for all of them.
                outbox.miss()
                self._failed[topic].add(max(len(run_ids), 1))
                return False
            finally:
                self._dropped[topic].add(outbox.take_dropped())
            self._published[topic].add(max(len(run_ids), 1))
        return True

    async def _put(self, channel: bytes, message: bytes) -> None:
        await self._redis.client.publish(channel, message)

    async def _receive(self) -> None:
        failures = 0
        while True:
            await self._listened.wait()
            try:
                await self._hear(list(self._listeners))
                failures = 0
            except REDIS_ERRORS as error:
                failures = 1 if self._was_steady() else failures + 1
                if not self._away:
                    log.warning("bus.away", error=type(error).__name__)
                self._away = True
            self._healthy_since = None
            if failures:
                seconds = backoff(failures, base=RECONNECT_BASE_SECONDS, cap=RECONNECT_CAP_SECONDS)
                await self._clock.sleep(seconds)

    def _was_steady(self) -> bool:
        since = self._healthy_since
        return since is not None and self._clock.monotonic() - since >= STEADY_SECONDS

    async def _hear(self, topics: Sequence[Topic]) -> None:
        """Subscribe and pass on what is said, until somebody listens to another topic too."""
        async with self._redis.client.pubsub() as pubsub:
            async with asyncio.timeout(self._timeout_seconds):
                await self._subscribe(pubsub, topics)
            self._healthy_since = self._clock.monotonic()
            if self._away:
                log.info("bus.back")
            self._away = False
            for topic in topics:
                self._tell(topic, ())
            while len(topics) == len(self._listeners):
                self._take(await self._next(pubsub))

    async def _subscribe(self, pubsub: PubSub, topics: Sequence[Topic]) -> None:
        """Return when Redis has confirmed every channel: from here on nothing is missed."""
        with closed_transport_is_an_error():
            await pubsub.subscribe(*(self._channels[topic] for topic in topics))
            confirmed = 0
            while confirmed < len(topics):
                message = await pubsub.get_message(timeout=self._timeout_seconds)
                confirmed += message is not None and message["type"] == "subscribe"

    async def _next(self, pubsub: PubSub) -> Mapping[str, Any]:
        """The next message, or the answer to a PING. Raises one of `REDIS_ERRORS` if neither comes."""
        with closed_transport_is_an_error():
            message = await pubsub.get_message(timeout=self._silence_seconds)
            if message is None:
                await pubsub.ping()
                message = await pubsub.get_message(timeout=self._timeout_seconds)
        if message is None:
            raise RedisTimeoutError("no answer to a PING")
        return message

    def _take(self, message: Mapping[str, Any]) -> None:
        if message["type"] != "message":
            return
        topic = self._topics[message["channel"]]
        said = unpack(message["data"])
        if said is None:
            if not self._said_malformed:
                log.warning("bus.malformed", topic=topic, bytes=len(message["data"]))
            self._said_malformed = True
            return
        sender, run_ids = said
        if sender != self._me:
            self._tell(topic, run_ids)

    def _tell(self, topic: Topic, run_ids: Sequence[UUID]) -> None:
        for listener in self._listeners[topic]:
            listener(run_ids)
