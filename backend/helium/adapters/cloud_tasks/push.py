"""The receiving end: Cloud Tasks pushes each message as an HTTP request."""

import asyncio
import math
from dataclasses import dataclass, field
from typing import Protocol

import structlog

from helium.adapters.cloud_tasks.messages import Push, body_text, read_push
from helium.adapters.cloud_tasks.queue import PUSH_PATH, PushQueue, QueueAway
from helium.adapters.cloud_tasks.tokens import KeysAway, TokenRefused
from helium.kit.asgi import BodyTooLarge, ClientLeft, Receive, Scope, Send, header, send_json
from helium.kit.outage import Outage
from helium.ports import Ack, Bury, Delivery, Execute, Refuse

log = structlog.get_logger()

SHORT_SECONDS = 1.0
"""Refusals up to this long are left to Cloud Tasks' own retry; but a 429 slows its whole queue down."""
MOST_RETRIES = 3
"""Retries of one task before a fresh one takes its place: no `max_attempts` of 5 or more can drop it."""


class Verifier(Protocol):
    async def verify(self, authorization: str | None) -> None:
        """Raises `TokenRefused`, or `KeysAway` if it cannot tell."""
        ...


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: list[tuple[bytes, bytes]] = field(default_factory=list[tuple[bytes, bytes]])


DONE, FAILED, UNAVAILABLE = Answer(200), Answer(500), Answer(503)


class PushRoute:
    """The ASGI application of `POST /internal/tasks/execute`.

    A message is gone only when it was answered with 200: that is after `Ack`, or after another task,
    in this queue or in the dead-letter queue, took its place. Whatever else happens (an error, the
    deadline, a cancelled request, a broken connection) Cloud Tasks delivers it again. A client that
    leaves cancels nothing: the execution has its lease and its own deadline.

    Args:
        queue: the one that pushes here; refused messages go back into it.
        dead: the paused queue of messages that nobody can work on.
        seconds: until Cloud Tasks gives a push up; the execution is cancelled then.
    """

    def __init__(
        self, execute: Execute, verifier: Verifier, queue: PushQueue, dead: PushQueue, *, seconds: float
    ) -> None:
        self._execute = execute
        self._verifier = verifier
        self._queue = queue
        self._dead = dead
        self._seconds = seconds
        self._outage = Outage("queue")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            answer = await self._answer(scope, receive)
        except ClientLeft:
            return
        await send_json(send, answer.status, b"", headers=answer.headers)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        if scope["path"] != PUSH_PATH:
            return Answer(404)
        if scope["method"] != "POST":
            return Answer(405, [(b"allow", b"POST")])
        try:
            await self._verifier.verify(header(scope, b"authorization"))
        except TokenRefused as error:
            log.warning("push.refused", reason=error.reason)
            return Answer(401)
        except KeysAway:
            return UNAVAILABLE
        try:
            return await self._deliver(await read_push(scope, receive))
        except BodyTooLarge:
            return Answer(413)

    async def _deliver(self, push: Push) -> Answer:
        delivery = Delivery(body=body_text(push.body), deliveries=push.deliveries, seconds=self._seconds)
        log.debug("delivery.received", deliveries=push.deliveries)
        try:
            async with asyncio.timeout(self._seconds):
                verdict = await self._execute(delivery)
        except TimeoutError:
            log.warning("delivery.cut", deliveries=push.deliveries, seconds=self._seconds)
            return UNAVAILABLE
        except Exception:
            log.exception("delivery.failed", deliveries=push.deliveries)
            return FAILED
        match verdict:
            case Ack():
                return DONE
            case Refuse(seconds):
                return await self._refuse(push, seconds)
            case Bury(reason):
                return await self._bury(push, reason)

    async def _refuse(self, push: Push, seconds: float) -> Answer:
        """Cloud Tasks' own retry only for a short while and a few times: see decision 0016."""
        log.debug("delivery.refused", deliveries=push.deliveries, seconds=seconds)
        if seconds > SHORT_SECONDS or push.retries >= MOST_RETRIES:
            try:
                await self._queue.put(push.again(seconds))
            except QueueAway as error:
                self._outage.failed(error)
            else:
                self._outage.worked()
                return DONE
        # A tenth of a second is within "about"; the header knows whole seconds.
        return Answer(429, [(b"retry-after", str(max(0, math.ceil(seconds - 0.1))).encode())])

    async def _bury(self, push: Push, reason: str) -> Answer:
        try:
            await self._dead.put(push.buried(reason))
        except QueueAway as error:
            log.warning("delivery.not_buried", reason=reason, deliveries=push.deliveries, error=str(error))
            return UNAVAILABLE
        log.warning("delivery.buried", reason=reason, deliveries=push.deliveries)
        return DONE
