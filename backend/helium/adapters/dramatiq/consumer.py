"""The receiving end: Dramatiq's worker inside our own, a thread for each message that is worked on.

A thread waits while its run executes on the event loop, so that the message is acknowledged only when
the run has left `in_progress` (A4). A waiting thread costs 25 to 30 kB of memory and no time: measured
3 MB for 100, 12 MB for 500 and 24 MB for 1,000, and 1 to 3 % of a core when all of them are idle.
"""

import asyncio
import concurrent.futures
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import structlog
from dramatiq import Worker, actor
from dramatiq.broker import MessageProxy
from dramatiq.errors import Retry
from dramatiq.middleware import CurrentMessage

from helium.adapters.dramatiq.bell import milliseconds
from helium.adapters.dramatiq.broker import ACTOR, DramatiqOptions, WorkerBroker
from helium.ports import Ack, Bury, Delivery, Execute, Refuse, Verdict

log = structlog.get_logger()

LOOK_MILLISECONDS = 100
"""Between two looks into Redis when the queue is empty."""
IDLE_SECONDS = 1.0
"""Between two looks of an idle thread whether it should end."""
MIN_BACKOFF_MILLISECONDS = 1_000
MAX_BACKOFF_MILLISECONDS = 300_000
RETURNS = "helium_returns"
"""The message option that counts refusals and interruptions, beside Dramatiq's `retries` for errors."""


class DramatiqConsumer:
    """Delivers messages of a queue.

    What Redis had when a worker was killed is delivered to others after `heartbeat_seconds`. While Redis
    is away the threads wait for it and `healthy` is false.

    Args:
        concurrency: messages that are worked on at once. Not more are fetched, so that none waits here
            while another worker is idle.
        max_failures: errors of `execute` after which a message is buried; refusals do not count.
        stop_seconds: for which the end waits for the threads. What they still have then is delivered
            again as if this worker had been killed.
    """

    def __init__(
        self,
        options: DramatiqOptions,
        *,
        concurrency: int,
        max_failures: int = 20,
        stop_seconds: float = 4.0,
    ) -> None:
        self._options = options
        self._concurrency = concurrency
        self._max_failures = max_failures
        self._stop_seconds = stop_seconds
        self._broker: WorkerBroker | None = None

    @property
    def healthy(self) -> bool:
        """Whether it consumes and Redis answers."""
        return self._broker is not None and self._broker.alive

    @asynccontextmanager
    async def consume(self, execute: Execute) -> AsyncGenerator[None]:
        """Deliver to `execute` until the block ends. What is under way then is cancelled and given back."""
        broker = WorkerBroker(self._options)
        executions = Executions(execute, asyncio.get_running_loop())
        self._declare_actor(broker, executions)
        worker = Worker(broker, worker_timeout=LOOK_MILLISECONDS, worker_threads=self._concurrency)
        worker.queue_prefetch = self._concurrency
        starting = asyncio.create_task(asyncio.to_thread(_start, worker))
        try:
            # The first threads have messages before the last one runs: who is cancelled here has some too.
            await asyncio.shield(starting)
            self._broker = broker
            yield
        finally:
            self._broker = None
            await executions.close()
            await asyncio.wait([starting])
            await asyncio.to_thread(self._stop, worker, broker)

    def _declare_actor(self, broker: WorkerBroker, executions: "Executions") -> None:
        def execute_run(body: object) -> None:
            _settle(broker, executions, str(body))

        declare = actor(
            broker=broker,
            actor_name=ACTOR,
            queue_name=self._options.queue,
            max_retries=self._max_failures,
            min_backoff=MIN_BACKOFF_MILLISECONDS,
            max_backoff=MAX_BACKOFF_MILLISECONDS,
            # Both would raise in the thread: a run's length is bounded by its own limits, and at the
            # end of the process the execution is cancelled on the loop.
            time_limit=float("inf"),
            notify_shutdown=False,
        )
        declare(execute_run)

    def _stop(self, worker: Worker, broker: WorkerBroker) -> None:
        try:
            # Dramatiq waits that long for its workers, and then again for its consumers.
            worker.stop(timeout=round(self._stop_seconds * 500))
        finally:
            broker.abandoned.set()
            broker.client.close()


def _start(worker: Worker) -> None:
    # What Dramatiq's command line does in its place; time limits of other actors begin to work by it.
    worker.broker.emit_after("process_boot")
    worker.start()
    for thread in worker.workers:
        # The consumers' pace would wake each idle thread ten times a second.
        thread.timeout = IDLE_SECONDS


class Executions:
    """Brings deliveries from Dramatiq's threads to the event loop, and verdicts back."""

    def __init__(self, execute: Execute, loop: asyncio.AbstractEventLoop) -> None:
        self._execute = execute
        self._loop = loop
        self._under_way: set[asyncio.Task[Any]] = set()
        self._closed = False

    def wait(self, delivery: Delivery) -> Verdict | None:
        """In a thread: the verdict; None if the execution was cancelled. Raises what `execute` raised."""
        try:
            return asyncio.run_coroutine_threadsafe(self._run(delivery), self._loop).result()
        except concurrent.futures.CancelledError:
            return None

    async def close(self) -> None:
        """Begin none any more, and cancel those that are under way; returns when they have ended."""
        self._closed = True
        for task in self._under_way:
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def _run(self, delivery: Delivery) -> Verdict:
        if self._closed:
            raise asyncio.CancelledError
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        log.debug("delivery.received", deliveries=delivery.deliveries)
        try:
            return await self._execute(delivery)
        except Exception:
            log.exception("delivery.failed", deliveries=delivery.deliveries)
            raise


def _settle(broker: WorkerBroker, executions: Executions, body: str) -> None:
    """Execute, in a thread. Returns when the message may be acknowledged, or is marked as failed."""
    message = CurrentMessage.get_current_message()
    assert isinstance(message, MessageProxy)
    deliveries = 1 + message.options.get(RETURNS, 0) + message.options.get("retries", 0)
    match _verdict(executions, Delivery(body=body, deliveries=deliveries)):
        case Ack():
            return
        case Refuse(seconds):
            log.debug("delivery.refused", deliveries=deliveries, seconds=seconds)
            _give_back(broker, message, seconds)
        case Bury(reason):
            log.warning("delivery.buried", reason=reason, deliveries=deliveries)
            message.fail()
        case None:
            _give_back(broker, message, 0.0)


def _verdict(executions: Executions, delivery: Delivery) -> Verdict | None:
    try:
        return executions.wait(delivery)
    except Exception:  # noqa: BLE001 - an execution may raise anything, and is tried again
        # It has been told. Dramatiq would tell it again, and keep what it says in Redis with the message.
        raise Retry("The execution failed.") from None


def _give_back(broker: WorkerBroker, message: MessageProxy, seconds: float) -> None:
    """A copy is in Redis when this returns. `dramatiq.Retry` would count a refusal as a failure."""
    returns = message.options.get(RETURNS, 0) + 1
    broker.enqueue(message.copy(options={RETURNS: returns}), delay=milliseconds(seconds))
