"""The way to SQS: credentials, the SDK's client, and its errors translated once.

The SDK costs a third of a second to import and is read from disk: both happen in a thread, when the
first client is opened.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0
"""Longer than the longest poll, which is 20 s."""
CONNECTIONS = 25


class SqsFailed(Exception):
    """The service was not reached, or said no."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class SqsApi(Protocol):
    """The calls that we make, by the SDK's names for them."""

    async def get_queue_url(self, **request: Any) -> dict[str, Any]: ...
    async def get_queue_attributes(self, **request: Any) -> dict[str, Any]: ...
    async def receive_message(self, **request: Any) -> dict[str, Any]: ...
    async def send_message_batch(self, **request: Any) -> dict[str, Any]: ...
    async def delete_message_batch(self, **request: Any) -> dict[str, Any]: ...
    async def change_message_visibility_batch(self, **request: Any) -> dict[str, Any]: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class AwsAccess:
    """Where Amazon is, and who we are there. What is empty is found as the AWS tools find it."""

    region: str = ""
    endpoint: str = ""
    access_key_id: str = ""
    secret_access_key: str = field(default="", repr=False)


@asynccontextmanager
async def open_client(access: AwsAccess) -> AsyncGenerator[SqsApi]:
    """A client of SQS until the end of the block. Raises `SqsFailed` if it cannot be made (no region)."""
    opening = await asyncio.to_thread(_client, access)
    async with AsyncExitStack() as stack:
        with translated():
            client = await stack.enter_async_context(opening)
        yield client


def _client(access: AwsAccess) -> AbstractAsyncContextManager[SqsApi]:
    sdk: Any = import_module("aiobotocore.session")
    config: Any = import_module("aiobotocore.config").AioConfig(
        connect_timeout=CONNECT_SECONDS,
        read_timeout=READ_SECONDS,
        max_pool_connections=CONNECTIONS,
        retries={"mode": "standard", "total_max_attempts": 2},
        warm_up_loader_caches=True,
    )
    given = {
        "region_name": access.region,
        "endpoint_url": access.endpoint,
        "aws_access_key_id": access.access_key_id,
        "aws_secret_access_key": access.secret_access_key,
    }
    opener = sdk.get_session()
    _ = opener.full_config  # read here, and not on the event loop
    return opener.create_client(
        "sqs", config=config, **{key: value for key, value in given.items() if value}
    )


@contextmanager
def translated() -> Generator[None]:
    """Errors of the SDK become `SqsFailed`."""
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as error:
        raise SqsFailed(str(error.response.get("Error", {}).get("Code", "Unknown"))) from error
    except (BotoCoreError, OSError, TimeoutError) as error:
        raise SqsFailed(type(error).__name__) from error
