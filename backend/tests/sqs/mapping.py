"""What Lambda does with an SQS queue: polls it, calls the function with a batch, deletes what it did.

Made after AWS's description of event source mappings with `ReportBatchItemFailures`.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from helium.adapters.aws_lambda import Invocations, make_handler
from helium.adapters.aws_lambda.container import OpenExecute
from helium.kit.clock import SystemClock
from helium.ports import Delivery, Execute, Verdict
from tests.sqs.place import Place
from tests.support.moto_server import REGION

MARGIN_SECONDS = 2.0
_clock = SystemClock()


class Remaining:
    """Lambda's context object, as far as it tells the time."""

    def __init__(self, seconds: float) -> None:
        self._end = _clock.monotonic() + seconds

    def get_remaining_time_in_millis(self) -> int:
        return max(int((self._end - _clock.monotonic()) * 1000), 0)


class Container:
    """One poller with one container behind it, which works on one batch at a time."""

    def __init__(self, place: Place, handler: Invocations, function_seconds: float) -> None:
        self._place = place
        self._handler = handler
        self._function_seconds = function_seconds
        self._stopping = False

    async def serve(self) -> None:
        while not self._stopping:
            messages = await self._place.take(wait_seconds=1)
            if self._stopping:
                await self._show(messages)
            elif messages:
                await self._invoke(messages)

    async def stop(self) -> None:
        """Poll no more, and end the function as a container's end does."""
        self._stopping = True
        await asyncio.to_thread(self._handler.close)

    async def _invoke(self, messages: Sequence[dict[str, Any]]) -> None:
        remaining = Remaining(self._function_seconds)
        event = sqs_event(self._place, messages)
        answer = await asyncio.to_thread(self._handler, event, remaining)
        assert remaining.get_remaining_time_in_millis() > 0, "Lambda has ended the function"
        failed = {
            failure["itemIdentifier"] for failure in json.loads(json.dumps(answer))["batchItemFailures"]
        }
        known = {message["MessageId"] for message in messages}
        if failed <= known:
            await self._delete([each for each in messages if each["MessageId"] not in failed])

    async def _delete(self, messages: Sequence[dict[str, Any]]) -> None:
        entries = [
            {"Id": str(number), "ReceiptHandle": message["ReceiptHandle"]}
            for number, message in enumerate(messages)
        ]
        if entries:
            await self._place.api.delete_message_batch(QueueUrl=self._place.url(), Entries=entries)

    async def _show(self, messages: Sequence[dict[str, Any]]) -> None:
        for message in messages:
            await self._place.api.change_message_visibility(
                QueueUrl=self._place.url(), ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0
            )


@asynccontextmanager
async def mapped(
    place: Place, execute: Execute, *, function_seconds: float, containers: int = 2
) -> AsyncGenerator[None]:
    """An event source mapping from the queue to so many containers, until the end of the block."""
    running = [
        Container(place, handler_of(place, execute_on_this_loop(execute)), function_seconds)
        for _ in range(containers)
    ]
    async with asyncio.TaskGroup() as group:
        for container in running:
            group.create_task(container.serve())
        try:
            yield
        finally:
            await asyncio.gather(*(container.stop() for container in running))


def handler_of(place: Place, open_execute: OpenExecute, **options: Any) -> Invocations:
    return make_handler(
        open_execute,
        access=place.access,
        name=place.name,
        margin_seconds=options.pop("margin_seconds", MARGIN_SECONDS),
        **options,
    )


def execute_on_this_loop(execute: Execute) -> OpenExecute:
    """Tests look at what their `execute` does, so it runs on their loop, called from the container's."""
    loop = asyncio.get_running_loop()

    async def call(delivery: Delivery) -> Verdict:
        async def work() -> Verdict:
            return await execute(delivery)

        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), loop))

    @asynccontextmanager
    async def opened() -> AsyncGenerator[Execute]:
        yield call

    return opened


def sqs_event(place: Place, messages: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The batch in the form in which Lambda gives it to a function."""
    records = [
        {
            "messageId": message["MessageId"],
            "receiptHandle": message["ReceiptHandle"],
            "body": message["Body"],
            "attributes": message["Attributes"],
            "messageAttributes": {
                name: {
                    "stringValue": value["StringValue"],
                    "stringListValues": [],
                    "binaryListValues": [],
                    "dataType": value["DataType"],
                }
                for name, value in message.get("MessageAttributes", {}).items()
            },
            "md5OfBody": message["MD5OfBody"],
            "eventSource": "aws:sqs",
            "eventSourceARN": place.arn,
            "awsRegion": REGION,
        }
        for message in messages
    ]
    return json.loads(json.dumps({"Records": records}))
