"""The brokers: Dramatiq's own for Redis, on our connections and under our prefix."""

import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import redis
import structlog
from dramatiq.broker import Consumer
from dramatiq.brokers.redis import RedisBroker
from dramatiq.common import dq_name
from dramatiq.errors import ConnectionClosed, DecodeError
from dramatiq.message import Message
from dramatiq.middleware import CurrentMessage
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError
from redis.retry import Retry

from helium.adapters.dramatiq.fetching import Fetching
from helium.kit.outage import Outage

log = structlog.get_logger()

CONNECTIONS = 16
"""Of one broker, however many threads share them: a command takes under a millisecond."""
CONNECTION_WAIT_SECONDS = 10.0
TRY_AGAIN_SECONDS = 1.0
"""Between two tries to put a message back while Redis is away."""
MAINTENANCE_CHANCE = 200_000
"""Of a million commands, those that also look for dead workers: with ten looks a second their messages
are found within a second or two after `heartbeat_seconds`. Dramatiq's own 1,000 would take minutes."""
ACTOR = "execute_run"


@dataclass(frozen=True, slots=True, kw_only=True)
class DramatiqOptions:
    """Where the queue is; bells and consumers that are to meet need equal ones.

    Args:
        url: `redis://…`, `rediss://…` or `unix://…`, with its password.
        queue: the queue's name.
        prefix: what every key begins with; installations on one server differ in it.
        timeout_seconds: after which an unanswered connection or command counts as failed.
        ca_file: certificates to trust with `rediss://`; None: the system's.
        heartbeat_seconds: after which the messages of a silent worker are delivered to others.
    """

    url: str = field(repr=False)
    queue: str
    prefix: str = "helium"
    timeout_seconds: float = 1.0
    ca_file: Path | None = None
    heartbeat_seconds: float = 15.0

    @property
    def namespace(self) -> str:
        return f"{self.prefix}:dramatiq"


class Client(redis.Redis):
    """Raises `redis.ConnectionError` for every trouble: Dramatiq recovers from that one only.

    A time-out, a server that became read-only or is out of memory would end its consumer threads.
    """

    def execute_command(self, *args: Any, **options: Any) -> Any:
        try:
            return super().execute_command(*args, **options)
        except (redis.ConnectionError, NoScriptError):
            raise
        except redis.RedisError as error:
            raise redis.ConnectionError(str(error)) from error


def connect(options: DramatiqOptions) -> Client:
    """A client that connects when it is used.

    Raises `ValueError` for a URL of another kind, or a `ca_file` without TLS.
    """
    pool = redis.BlockingConnectionPool.from_url(
        options.url,
        max_connections=CONNECTIONS,
        timeout=CONNECTION_WAIT_SECONDS,
        socket_timeout=options.timeout_seconds,
        socket_connect_timeout=options.timeout_seconds,
        # Once more at once, for a connection that died while it was idle.
        retry=Retry(NoBackoff(), 1, supported_errors=(redis.ConnectionError,)),
    )
    if options.ca_file is not None:
        if not options.url.startswith("rediss:"):
            raise ValueError("A CA file is of use with a `rediss://` URL only.")
        # After the URL was read, so that its own `ssl_…` options do not count.
        trust = {"ssl_ca_certs": str(options.ca_file), "ssl_ca_path": None, "ssl_ca_data": None}
        pool.connection_kwargs.update(trust, ssl_cert_reqs="required", ssl_check_hostname=True)
    return Client(connection_pool=pool)


def octets(answer: bytes | str) -> bytes:
    """What Redis answered; a URL with `decode_responses=true` makes it text."""
    return answer.encode() if isinstance(answer, str) else answer


def sending_broker(options: DramatiqOptions) -> RedisBroker:
    """For a bell: it fails at once while Redis is away."""
    return RedisBroker(
        client=connect(options),
        namespace=options.namespace,
        heartbeat_timeout=round(options.heartbeat_seconds * 1000),
    )


class WorkerBroker(RedisBroker):
    """For a worker: it gets over an absence of Redis without losing a message that it was given.

    Dramatiq by itself loses one for good that it could not put back, and forgets those that it had
    fetched until the process ends.
    """

    def __init__(self, options: DramatiqOptions) -> None:
        super().__init__(
            client=connect(options),
            namespace=options.namespace,
            heartbeat_timeout=round(options.heartbeat_seconds * 1000),
            maintenance_chance=MAINTENANCE_CHANCE,
        )
        self.add_middleware(CurrentMessage())
        self.abandoned = threading.Event()
        """From when on nothing is put back or acknowledged: the dead worker's time-out does it."""
        self.outage = Outage("queue")
        self._held: dict[str, set[str]] = {}

    @property
    def alive(self) -> bool:
        """Whether Redis answered the last time that it was asked for messages."""
        return not self.outage.on

    def consume(self, queue_name: str, prefetch: int = 1, timeout: int = 5000) -> Consumer:
        """Called at the start and after each trouble; what the last consumer had fetched is put back."""
        if queue_name not in self._held or dq_name(queue_name) == queue_name:
            # A consumer of delayed messages that starts again has thrown away those that it had.
            self._held[queue_name] = set()
        consumer = Fetching(self, super().consume(queue_name, prefetch, timeout), queue_name)
        consumer.put_back_forgotten()
        return consumer

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Message[Any]:
        """Put a message into Redis; while Redis is away, this waits."""
        while True:
            try:
                return super().enqueue(message, delay=delay)
            except redis.ConnectionError as error:
                if self.abandoned.wait(TRY_AGAIN_SECONDS):
                    raise ConnectionClosed(error) from error

    def held(self, queue_name: str) -> set[str]:
        """Ids of the messages that threads of this process have, and must answer for."""
        return self._held[queue_name]

    def forgotten(self, queue_name: str) -> list[str]:
        """Ids of the messages that were fetched for this process and that none of its threads has."""
        key = f"{self.namespace}:__acks__.{self.broker_id}.{queue_name}"
        fetched = [octets(name).decode() for name in self.client.smembers(key)]
        return [name for name in fetched if name not in self.held(queue_name)]

    def unreadable(self, queue_name: str) -> list[str]:
        """Those of them that are no messages of Dramatiq's."""
        return [one for one in self.forgotten(queue_name) if not self._is_readable(queue_name, one)]

    def _is_readable(self, queue_name: str, name: str) -> bool:
        content = self.client.hget(f"{self.namespace}:{queue_name}.msgs", name)
        try:
            return content is None or Message.decode(octets(content)).options["redis_message_id"] == name
        except (DecodeError, KeyError, TypeError):
            return False
