"""The event of an SQS event source, and the answer with `ReportBatchItemFailures`."""

from collections.abc import Iterable, Mapping
from typing import Annotated, TypedDict

import msgspec

from helium.adapters.sqs.queue import DELIVERIES, Received, carried_count

HELD_SECONDS = 900.0
"""How long Lambda may have held a message before it called us: we are not told."""

Name = Annotated[str, msgspec.Meta(min_length=1)]


class Attributes(msgspec.Struct, frozen=True):
    receives: str = msgspec.field(name="ApproximateReceiveCount", default="1")


class AttributeValue(msgspec.Struct, frozen=True):
    text: str | None = msgspec.field(name="stringValue", default=None)


class Record(msgspec.Struct, frozen=True, rename="camel"):
    """A message of the batch."""

    message_id: Name
    receipt_handle: Name
    body: str
    attributes: Attributes = Attributes()
    message_attributes: Mapping[str, AttributeValue] = {}

    def received(self, now: float) -> Received:
        """The message as the code that it shares with the consumer knows it."""
        carried = self.message_attributes.get(DELIVERIES, AttributeValue())
        return Received(
            body=self.body,
            receipt=self.receipt_handle,
            receives=max(carried_count(self.attributes.receives), 1),
            carried=carried_count(carried.text),
            at=now - HELD_SECONDS,
        )


class SqsEvent(msgspec.Struct, frozen=True):
    records: Annotated[tuple[Record, ...], msgspec.Meta(min_length=1)] = msgspec.field(name="Records")


class Failure(TypedDict):
    itemIdentifier: str


class BatchResponse(TypedDict):
    """What Lambda is told: it deletes the messages that are not named here."""

    batchItemFailures: list[Failure]


def records_of(event: object) -> tuple[Record, ...]:
    """The batch. Raises `msgspec.ValidationError` for anything but an event of SQS."""
    return msgspec.convert(event, SqsEvent).records


def response(failed: Iterable[str]) -> BatchResponse:
    return {"batchItemFailures": [{"itemIdentifier": message_id} for message_id in failed]}


def everything_failed() -> BatchResponse:
    """For a batch whose messages cannot be named: Lambda takes an empty name as a failure of all."""
    return response([""])
