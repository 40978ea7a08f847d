"""The consumer that a worker's broker gives to Dramatiq: its own, and a record of who has what."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import redis
import structlog
from dramatiq.broker import Consumer, MessageProxy
from dramatiq.errors import ConnectionClosed, DecodeError

if TYPE_CHECKING:
    from helium.adapters.dramatiq.broker import WorkerBroker

log = structlog.get_logger()


class Discreet(MessageProxy):
    """Dramatiq writes a message whose acknowledgement failed into a log line, with all that is in it."""

    def __str__(self) -> str:
        return f"{self.actor_name} {self.message_id}"

    __repr__ = __str__


class Fetching(Consumer):
    """Fetches from one queue. Raises `ConnectionClosed` when Redis is away, as Dramatiq expects."""

    def __init__(self, broker: "WorkerBroker", inner: Consumer, queue_name: str) -> None:
        self._broker = broker
        self._inner = inner
        self._queue_name = queue_name

    def __next__(self) -> MessageProxy | None:
        try:
            message = next(self._inner)
            if message is not None:
                self._broker.held(self._queue_name).add(message.options["redis_message_id"])
        except ConnectionClosed as error:
            self._broker.outage.failed(error)
            raise
        except (DecodeError, KeyError, TypeError):
            self._bury_unreadable()
            return None
        self._broker.outage.worked()
        return None if message is None else Discreet(message.copy())

    def ack(self, message: MessageProxy) -> None:
        if not self._broker.abandoned.is_set():
            self._inner.ack(message)
        self._let_go(message)

    def nack(self, message: MessageProxy) -> None:
        if not self._broker.abandoned.is_set():
            self._inner.nack(message)
        self._let_go(message)

    def requeue(self, messages: Iterable[MessageProxy]) -> None:
        given = list(messages)
        try:
            self._inner.requeue(given)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from error
        for message in given:
            self._let_go(message)

    def close(self) -> None:
        """Put back what was fetched and not yet handed out: Dramatiq leaves it in its memory."""
        try:
            self.put_back_forgotten()
        except ConnectionClosed:
            pass  # told where it was met
        self._inner.close()

    def put_back_forgotten(self) -> None:
        """Deliver again what was fetched for this process and is in nobody's hands."""
        try:
            if names := self._broker.forgotten(self._queue_name):
                self._broker.do_requeue(self._queue_name, *names)
        except redis.ConnectionError as error:
            self._broker.outage.failed(error)
            raise ConnectionClosed(error) from error

    def _let_go(self, message: MessageProxy) -> None:
        self._broker.held(self._queue_name).discard(message.options["redis_message_id"])

    def _bury_unreadable(self) -> None:
        try:
            for name in self._broker.unreadable(self._queue_name):
                log.warning("delivery.buried", reason="not a message of Dramatiq's", deliveries=1)
                self._broker.do_nack(self._queue_name, name)
        except redis.ConnectionError as error:
            raise ConnectionClosed(error) from error
