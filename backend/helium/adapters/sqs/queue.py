"""One SQS queue: its calls in batches of ten, each entry answered for by itself."""

import asyncio
import json
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from helium.adapters.sqs.client import AwsAccess, SqsApi, SqsFailed, open_client, translated
from helium.kit.clock import Clock
from helium.kit.retry import backoff

BATCH = 10
"""Entries of one request; SQS takes no more."""
TRIES = 4
"""How often an entry is sent that the service refuses for a reason of its own."""
LONGEST_DELAY_SECONDS = 900
LONGEST_HIDDEN_SECONDS = 43_200
"""SQS counts these 12 hours from the moment at which the message was received."""
DELIVERIES = "helium_deliveries"
REASON = "helium_reason"
REASON_CHARACTERS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message to send."""

    body: str
    delay_seconds: int = 0
    attributes: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """A message as it was received."""

    body: str
    receipt: str
    receives: int
    """Which receive of this message it is, as the redrive policy counts."""
    carried: int = 0
    """Deliveries of the messages of which this one is a copy."""
    at: float
    """When it was received, or earlier, on the monotonic clock."""

    @property
    def deliveries(self) -> int:
        return self.carried + self.receives

    def hidden_seconds(self, seconds: float, now: float) -> int:
        """Whole seconds for which it may be hidden from now on, if it is to be for `seconds`."""
        rest = LONGEST_HIDDEN_SECONDS - math.ceil(now - self.at)
        return max(min(math.ceil(seconds), rest), 0)


@dataclass(frozen=True, slots=True)
class Hide:
    """A message that is to be hidden for so many seconds from now; 0 shows it to everybody."""

    receipt: str
    seconds: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Redrive:
    """The queue's redrive policy."""

    dead_url: str
    max_receives: int


Results = list[SqsFailed | None]
Entry = dict[str, Any]
Call = Callable[..., Awaitable[dict[str, Any]]]


class SqsQueue:
    """The queue at `url`, or of this name in the account; it need not exist before the first call.

    `send`, `delete` and `hide` return what failed, for each entry; the others raise it.
    """

    def __init__(self, api: SqsApi, clock: Clock, *, name: str, url: str = "") -> None:
        self._api = api
        self._clock = clock
        self._name = name
        self._url = url
        self._redrive: Redrive | None = None
        self._knows_redrive = False

    async def send(self, letters: Sequence[Letter]) -> Results:
        """Add these messages to the queue."""
        return await self._send_to(None, letters)

    async def delete(self, receipts: Sequence[str]) -> Results:
        entries = [{"ReceiptHandle": receipt} for receipt in receipts]
        return await self._batches(self._api.delete_message_batch, None, entries)

    async def hide(self, changes: Sequence[Hide]) -> Results:
        """Hide each message anew. Of several entries for one message the last one holds."""
        seconds = {change.receipt: change.seconds for change in changes}
        entries = [{"ReceiptHandle": each, "VisibilityTimeout": seconds[each]} for each in seconds]
        results = await self._batches(self._api.change_message_visibility_batch, None, entries)
        by_receipt = dict(zip(seconds, results, strict=True))
        return [by_receipt[change.receipt] for change in changes]

    async def receive(self, limit: int, *, wait_seconds: int, visibility_seconds: int) -> list[Received]:
        """Up to `limit` messages (ten at most), waiting for the first one; they are hidden from others."""
        url, started = await self._own_url(), self._clock.monotonic()
        with translated():
            answer = await self._api.receive_message(
                QueueUrl=url,
                MaxNumberOfMessages=min(limit, BATCH),
                WaitTimeSeconds=wait_seconds,
                VisibilityTimeout=visibility_seconds,
                MessageSystemAttributeNames=["ApproximateReceiveCount"],
                MessageAttributeNames=[DELIVERIES],
            )
        return [_received(message, started) for message in answer.get("Messages", [])]

    async def redrive(self) -> Redrive | None:
        """The redrive policy, as it was when it was first asked for; None: the queue has none."""
        if not self._knows_redrive:
            self._redrive = await self._read_redrive()
            self._knows_redrive = True
        return self._redrive

    async def bury(self, redrive: Redrive, received: Received, reason: str) -> None:
        """Put a copy into the dead-letter queue. It is there on return."""
        attributes = {REASON: _printable(reason), DELIVERIES: str(received.deliveries)}
        letter = Letter(body=received.body, attributes=attributes)
        (failed,) = await self._send_to(redrive.dead_url, [letter])
        if failed:
            raise failed

    async def _own_url(self) -> str:
        if not self._url:
            self._url = await self._url_of(self._name)
        return self._url

    async def _url_of(self, name: str, **owner: str) -> str:
        with translated():
            return (await self._api.get_queue_url(QueueName=name, **owner))["QueueUrl"]

    async def _read_redrive(self) -> Redrive | None:
        url = await self._own_url()
        with translated():
            answer = await self._api.get_queue_attributes(QueueUrl=url, AttributeNames=["RedrivePolicy"])
        text = answer.get("Attributes", {}).get("RedrivePolicy")
        if not text:
            return None
        policy = json.loads(text)
        account, name = policy["deadLetterTargetArn"].split(":")[4:6]
        dead_url = await self._url_of(name, QueueOwnerAWSAccountId=account)
        return Redrive(dead_url=dead_url, max_receives=int(policy["maxReceiveCount"]))

    async def _send_to(self, url: str | None, letters: Sequence[Letter]) -> Results:
        return await self._batches(
            self._api.send_message_batch, url, [_entry(letter) for letter in letters]
        )

    async def _batches(self, call: Call, url: str | None, entries: Sequence[Entry]) -> Results:
        """All entries, in requests of ten at once; one result for each entry, in their order."""
        try:
            url = url or await self._own_url()
        except SqsFailed as error:
            return [error] * len(entries)
        batches = [entries[start : start + BATCH] for start in range(0, len(entries), BATCH)]
        async with asyncio.TaskGroup() as group:
            answers = [group.create_task(self._insist(call, url, batch)) for batch in batches]
        return [result for answer in answers for result in answer.result()]

    async def _insist(self, call: Call, url: str, entries: Sequence[Entry]) -> Results:
        """One request, and again with those of its entries that the service could not take."""
        results: Results = [None] * len(entries)
        left = list(range(len(entries)))
        for attempt in range(1, TRIES + 1):
            failed, again = await self._try(call, url, {str(index): entries[index] for index in left})
            for index in left:
                results[index] = failed.get(str(index))
            left = [index for index in left if str(index) in again]
            if not left:
                break
            if attempt < TRIES:
                await self._clock.sleep(backoff(attempt, base=0.1, cap=1.0))
        return results

    async def _try(
        self, call: Call, url: str, named: Mapping[str, Entry]
    ) -> tuple[dict[str, SqsFailed], set[str]]:
        """What failed, by its name, and what of it is worth another try. A request that failed as a
        whole is not: the SDK has repeated it."""
        try:
            with translated():
                answer = await call(QueueUrl=url, Entries=[{"Id": name, **named[name]} for name in named])
        except SqsFailed as error:
            return dict.fromkeys(named, error), set()
        failed: list[Entry] = answer.get("Failed", [])
        return (
            {each["Id"]: SqsFailed(str(each.get("Code", "Unknown"))) for each in failed},
            {each["Id"] for each in failed if not each.get("SenderFault")},
        )


@asynccontextmanager
async def open_queue(
    access: AwsAccess, clock: Clock, *, name: str = "agent-processing", url: str = ""
) -> AsyncGenerator[SqsQueue]:
    """A queue with a client of its own until the end of the block. Nothing is asked of SQS yet."""
    async with open_client(access) as api:
        yield SqsQueue(api, clock, name=name, url=url)


def _entry(letter: Letter) -> Entry:
    attributes = {
        name: {"DataType": "String", "StringValue": value} for name, value in letter.attributes.items()
    }
    return {
        "MessageBody": letter.body,
        "DelaySeconds": letter.delay_seconds,
        "MessageAttributes": attributes,
    }


def _received(message: Mapping[str, Any], at: float) -> Received:
    carried = message.get("MessageAttributes", {}).get(DELIVERIES, {}).get("StringValue")
    return Received(
        body=message["Body"],
        receipt=message["ReceiptHandle"],
        receives=int(message.get("Attributes", {}).get("ApproximateReceiveCount", 1)),
        carried=carried_count(carried),
        at=at,
    )


def carried_count(text: str | None) -> int:
    """The deliveries that a copy brings along; 0 for anything that we did not write."""
    return int(text) if text and text.isdecimal() and len(text) < 10 else 0


def _printable(reason: str) -> str:
    """What SQS takes as an attribute: neither empty nor with control characters."""
    clean = "".join(character if character.isprintable() else " " for character in reason)
    return clean[:REASON_CHARACTERS].strip() or "unknown"
