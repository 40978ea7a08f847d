"""Amazon's APIs: clients, tries again, errors translated once.

The SDK costs a third of a second to import and is read from disk: both happen in a thread.
"""

import asyncio
import importlib
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from helium.kit.clock import Clock
from helium.kit.failpoint import failpoint
from helium.kit.retry import backoff
from helium.release.ports import CloudAway

_AGAIN = {
    "InternalError",
    "InternalFailure",
    "RequestLimitExceeded",
    "RequestTimeout",
    "ServerException",
    "ServiceUnavailable",
    "ServiceUnavailableException",
    "SlowDown",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
}
_NO_LOGIN = {
    "AccessDenied",
    "AccessDeniedException",
    "ExpiredToken",
    "ExpiredTokenException",
    "UnrecognizedClientException",
}
CALL_SECONDS = 30.0


class Refused(Exception):
    """An answer that trying again does not change."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class AmazonApi:
    """Calls of one service. One that is throttled or meets an error of the server is made again for
    `patience_seconds`, so it may have been carried out twice."""

    def __init__(self, client: Any, clock: Clock, *, patience_seconds: float) -> None:
        self._client = client
        self._clock = clock
        self._patience_seconds = patience_seconds
        self._errors: Any = importlib.import_module("botocore.exceptions")

    async def ask(self, call: str, **request: Any) -> dict[str, Any]:
        """Raises `Refused`, `CloudAway`."""
        deadline = self._clock.monotonic() + self._patience_seconds
        attempt = 0
        while True:
            attempt += 1
            try:
                return await getattr(self._client, call)(**request)
            except self._errors.ClientError as error:
                code, message = _said(error.response)
            except (self._errors.BotoCoreError, OSError, TimeoutError) as error:
                code, message = "Throttling", type(error).__name__
            if code in _NO_LOGIN:
                raise CloudAway(f"you may not {call} ({code}): log in, or permit it to the caller")
            if code not in _AGAIN:
                raise Refused(code, message)
            if self._clock.monotonic() >= deadline:
                raise CloudAway(
                    f"no good answer for {self._patience_seconds:.0f} s ({message}), try again later"
                )
            await self._clock.sleep(backoff(attempt))

    async def change(self, call: str, **request: Any) -> dict[str, Any]:
        """As `ask`, for calls that change something."""
        failpoint("release.cloud.before")
        answer = await self.ask(call, **request)
        failpoint("release.cloud.after")
        return answer


def _said(response: dict[str, Any]) -> tuple[str, str]:
    error = response.get("Error", {})
    code, message = str(error.get("Code", "")), str(error.get("Message", ""))
    status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    return ("Throttling" if status >= 500 or status == 429 else code), message or code


@asynccontextmanager
async def open_amazon(
    clock: Clock, *, region: str, endpoint: str, patience_seconds: float
) -> AsyncGenerator[Callable[[str], Any]]:
    """Gives an `AmazonApi` for each service that is asked for, until the end of the block."""
    async with AsyncExitStack() as stack:
        opener = await asyncio.to_thread(sdk_opener)

        async def api(service: str) -> AmazonApi:
            opening = await asyncio.to_thread(_prepared, opener, service, region, endpoint)
            client = await stack.enter_async_context(opening)
            return AmazonApi(client, clock, patience_seconds=patience_seconds)

        yield api


def sdk_opener() -> Any:
    """Blocks: it imports, and reads files."""
    try:
        sdk: Any = importlib.import_module("aiobotocore.session")
    except ImportError:
        raise CloudAway("the packages of requirements-cloud.in are not installed: install them") from None
    opener = sdk.get_session()
    _ = opener.full_config  # read here, and not on the event loop
    return opener


def _prepared(opener: Any, service: str, region: str, endpoint: str) -> Any:
    """A client that is yet to be opened. Blocks: it reads files."""
    config: Any = importlib.import_module("aiobotocore.config").AioConfig(
        connect_timeout=CALL_SECONDS,
        read_timeout=CALL_SECONDS,
        retries={"total_max_attempts": 1},
        warm_up_loader_caches=True,
        s3={"addressing_style": "path"} if endpoint else None,
    )
    return opener.create_client(
        service, region_name=region or None, endpoint_url=endpoint or None, config=config
    )
