"""A queue and its queue of the dead on moto, and what a stranger can do to them."""

import asyncio
import json
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from helium.adapters.sqs import AwsAccess
from helium.adapters.sqs.client import open_client
from tests.support.moto_server import (
    ACCESS_KEY_ID,
    ACCOUNT,
    REGION,
    SECRET_ACCESS_KEY,
    MotoServer,
    shared_moto,
)

COUNTS = (
    "ApproximateNumberOfMessages",
    "ApproximateNumberOfMessagesNotVisible",
    "ApproximateNumberOfMessagesDelayed",
)


def access_to(moto: MotoServer) -> AwsAccess:
    return AwsAccess(
        region=REGION, endpoint=moto.url, access_key_id=ACCESS_KEY_ID, secret_access_key=SECRET_ACCESS_KEY
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Two queues of its own."""

    moto: MotoServer
    api: Any
    name: str
    max_receives: int | None
    visibility_seconds: int

    @property
    def access(self) -> AwsAccess:
        return access_to(self.moto)

    @property
    def arn(self) -> str:
        return f"arn:aws:sqs:{REGION}:{ACCOUNT}:{self.name}"

    @property
    def dead(self) -> str:
        return f"{self.name}-dead"

    def url(self, name: str | None = None) -> str:
        return f"{self.moto.url}/{ACCOUNT}/{name or self.name}"

    async def make(self) -> None:
        attributes = {"VisibilityTimeout": str(self.visibility_seconds)}
        if self.max_receives is not None:
            await self.api.create_queue(QueueName=self.dead)
            policy = {"deadLetterTargetArn": f"{self.arn}-dead", "maxReceiveCount": self.max_receives}
            attributes["RedrivePolicy"] = json.dumps(policy)
        await self.api.create_queue(QueueName=self.name, Attributes=attributes)

    async def send(self, body: str) -> None:
        await self.api.send_message(QueueUrl=self.url(), MessageBody=body)

    async def take(self, limit: int = 10, wait_seconds: int = 0) -> Sequence[dict[str, Any]]:
        """Receive as somebody else would, with everything that SQS tells of a message."""
        answer = await self.api.receive_message(
            QueueUrl=self.url(),
            MaxNumberOfMessages=limit,
            WaitTimeSeconds=wait_seconds,
            MessageSystemAttributeNames=["All"],
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    async def dead_letters(self) -> Sequence[dict[str, Any]]:
        answer = await self.api.receive_message(
            QueueUrl=self.url(self.dead),
            MaxNumberOfMessages=10,
            VisibilityTimeout=0,
            WaitTimeSeconds=0,
            MessageAttributeNames=["All"],
        )
        return answer.get("Messages", [])

    async def buried(self) -> Sequence[str]:
        return [message["Body"] for message in await self.dead_letters()]

    async def left(self) -> int:
        return sum((await self.counts()).values())

    async def counts(self) -> dict[str, int]:
        """Messages that wait, that are hidden, that are delayed."""
        answer = await self.api.get_queue_attributes(QueueUrl=self.url(), AttributeNames=list(COUNTS))
        return {name: int(answer["Attributes"][name]) for name in COUNTS}


@asynccontextmanager
async def open_place(
    *, moto: MotoServer | None = None, max_receives: int | None = 5, visibility_seconds: int = 30
) -> AsyncGenerator[Place]:
    """New queues on the shared server, or on `moto`."""
    moto = moto or await asyncio.to_thread(shared_moto)
    async with open_client(access_to(moto)) as api:
        place = Place(
            moto=moto,
            api=api,
            name=f"agent-processing-{uuid4().hex[:12]}",
            max_receives=max_receives,
            visibility_seconds=visibility_seconds,
        )
        await place.make()
        yield place
