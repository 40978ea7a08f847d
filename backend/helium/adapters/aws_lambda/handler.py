"""One invocation: a batch of messages, worked on side by side until shortly before Lambda's end.

The runtime calls us from a thread without a loop. All work is done on the container's loop; whatever
goes wrong there, the answer names the messages that must come again.
"""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec
import structlog

from helium.adapters.aws_lambda.container import Container, NotOpened, OpenExecute, OpenQueue
from helium.adapters.aws_lambda.event import BatchResponse, Record, everything_failed, records_of, response
from helium.adapters.aws_lambda.loop import LoopThread
from helium.adapters.sqs.client import AwsAccess
from helium.adapters.sqs.queue import Hide, Received, SqsQueue, open_queue
from helium.adapters.sqs.verdicts import after_failure, carry_out
from helium.kit.clock import Clock, SystemClock
from helium.ports import Ack, Delivery, Execute, Refuse

__all__ = ["BatchResponse", "Invocation", "Invocations", "make_handler"]

log = structlog.get_logger()
CLOSE_SECONDS = 5.0


class Invocation(Protocol):
    """What we use of Lambda's context object."""

    def get_remaining_time_in_millis(self) -> int: ...


class Invocations:
    """The function that Lambda calls. Made by `make_handler`."""

    def __init__(
        self,
        open_execute: OpenExecute,
        open_queue: OpenQueue,
        clock: Clock,
        *,
        margin_seconds: float,
        max_deliveries: int,
    ) -> None:
        self._clock = clock
        self._margin_seconds = margin_seconds
        self._max_deliveries = max_deliveries
        self._loop = LoopThread()
        self._container = Container(open_execute, open_queue)
        self._under_way: dict[asyncio.Task[bool], Record] = {}
        self._idle = asyncio.Event()
        self._idle.set()

    def __call__(self, event: object, context: Invocation) -> BatchResponse:
        """Work on the batch; the answer comes before Lambda's end and names what is not done. Never
        raises."""
        seconds = context.get_remaining_time_in_millis() / 1000
        try:
            records = records_of(event)
        except msgspec.ValidationError as error:
            log.error("lambda.malformed_event", error=str(error))
            return everything_failed()
        try:
            failed = self._loop.run(self._work(records, seconds), seconds - self._margin_seconds / 4)
        except NotOpened as error:
            log.error("lambda.not_opened", exc_info=error.__cause__ or error)
        except TimeoutError:
            log.error("lambda.stuck", messages=len(records))
        else:
            return response(failed)
        return response(record.message_id for record in records)

    def close(self) -> None:
        """Cancel and give back what is under way, and close what the container holds."""
        try:
            self._loop.run(self._close(), CLOSE_SECONDS)
        except TimeoutError:
            log.warning("lambda.not_closed")
        finally:
            self._loop.close()

    async def _work(self, records: Sequence[Record], seconds: float) -> Sequence[str]:
        """The ids of the messages that must come again."""
        self._idle.clear()
        try:
            started = self._clock.monotonic()
            opened = await self._container.opened()
            rest = max(seconds - self._margin_seconds - (self._clock.monotonic() - started), 0.0)
            for record in records:
                task = asyncio.create_task(self._work_on(record, opened.execute, opened.queue, rest))
                self._under_way[task] = record
            tasks = dict(self._under_way)
            await self._finish(tasks, rest)
            cut = {task: record for task, record in tasks.items() if not task.done() or task.cancelled()}
            await self._give_back(opened.queue, list(cut.values()))
            return [record.message_id for task, record in tasks.items() if task in cut or not task.result()]
        finally:
            self._under_way.clear()
            self._idle.set()

    async def _finish(self, tasks: Mapping["asyncio.Task[bool]", Record], seconds: float) -> None:
        """Wait for them; cancel those that have not ended in time, and let them clean up."""
        _, late = await asyncio.wait(tasks, timeout=seconds)
        if not late:
            return
        for task in late:
            deliveries = tasks[task].received(self._clock.monotonic()).deliveries
            log.warning("delivery.cut", deliveries=deliveries, seconds=seconds)
            task.cancel()
        await asyncio.wait(late, timeout=self._margin_seconds / 4)

    async def _work_on(self, record: Record, execute: Execute, queue: SqsQueue, seconds: float) -> bool:
        """Whether Lambda is to delete the message; if it is to come again, it is hidden until then."""
        received = record.received(self._clock.monotonic())
        delivery = Delivery(body=received.body, deliveries=received.deliveries, seconds=seconds)
        log.debug("delivery.received", deliveries=received.deliveries)
        left: Ack | Refuse
        try:
            verdict = await execute(delivery)
            left = await carry_out(queue, received, verdict, max_deliveries=self._max_deliveries)
        except Exception:
            log.exception("delivery.failed", deliveries=received.deliveries)
            left = after_failure(received)
        if isinstance(left, Refuse):
            await self._hide(queue, received, left.seconds)
        return isinstance(left, Ack)

    async def _hide(self, queue: SqsQueue, received: Received, seconds: float) -> None:
        hidden = received.hidden_seconds(seconds, self._clock.monotonic())
        (failed,) = await queue.hide([Hide(received.receipt, hidden)])
        if failed is not None:
            log.warning("queue.not_hidden", error=failed.code)

    async def _give_back(self, queue: SqsQueue, records: Sequence[Record]) -> None:
        """Show them to everybody at once, if SQS answers quickly; otherwise they come when it is time."""
        if not records:
            return
        try:
            async with asyncio.timeout(self._margin_seconds / 4):
                await queue.hide([Hide(record.receipt_handle, 0) for record in records])
        except TimeoutError:
            log.warning("queue.not_given_back", messages=len(records))

    async def _close(self) -> None:
        for task in list(self._under_way):
            task.cancel()
        await self._idle.wait()
        await self._container.close()


def make_handler(
    open_execute: OpenExecute,
    *,
    access: AwsAccess = AwsAccess(),  # noqa: B008 - frozen
    name: str = "agent-processing",
    url: str = "",
    max_deliveries: int = 20,
    margin_seconds: float = 2.0,
) -> Invocations:
    """The function for Lambda, once for each container, at import.

    `open_execute` is entered at the first invocation and stays open for the life of the container.
    `margin_seconds` before Lambda's end the work must have ended; what has not is cancelled.
    """
    clock = SystemClock()
    return Invocations(
        open_execute,
        lambda: open_queue(access, clock, name=name, url=url),
        clock,
        margin_seconds=margin_seconds,
        max_deliveries=max_deliveries,
    )
