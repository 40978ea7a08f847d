"""AWS Secrets Manager, by aiobotocore.

The package is not required on a laptop (`requirements-cloud.in`), so it is imported when the first
secret is read, and its types are `Any` here.
"""

import asyncio
import importlib
import importlib.util
import logging
from collections.abc import Generator
from contextlib import AsyncExitStack, contextmanager
from typing import Any

from helium.adapters.secrets.reference import Reference
from helium.adapters.secrets.source import Away, NotThere, member, text_of
from helium.ports import Secret

_GONE = frozenset({"ResourceNotFoundException", "InvalidRequestException", "ValidationException"})
"""`InvalidRequestException`: the secret is marked for deletion, or has no value yet."""


class AmazonSource:
    """The secrets of a region. Who asks is found as the AWS tools find it: variables, role, profile."""

    def __init__(self, region: str, *, endpoint: str = "", timeout_seconds: float = 5.0) -> None:
        self._region = region
        self._endpoint = endpoint or None
        self._timeout = timeout_seconds
        self._client: Any = None
        self._opening = asyncio.Lock()
        self._stack = AsyncExitStack()

    async def read(self, reference: Reference) -> Secret:
        client = await self._opened()
        with _translated():
            answer: Any = await client.get_secret_value(SecretId=reference.name, **_version(reference))
        text = answer["SecretString"] if "SecretString" in answer else text_of(answer["SecretBinary"])
        return Secret(member(text, reference.field), "aws", answer.get("VersionId"))

    async def aclose(self) -> None:
        await self._stack.aclose()

    async def _opened(self) -> Any:
        async with self._opening:
            if self._client is None:
                opening = await asyncio.to_thread(self._prepared)
                with _translated():
                    self._client = await self._stack.enter_async_context(opening)
            return self._client

    def _prepared(self) -> Any:
        """A client that is yet to be opened. Imports and reads files, so it is made in a thread."""
        if importlib.util.find_spec("aiobotocore") is None:
            raise Away("the package aiobotocore is not installed")
        # At the level DEBUG it writes the answers that it gets, which are secrets.
        logging.getLogger("botocore.parsers").setLevel(logging.INFO)
        session: Any = importlib.import_module("aiobotocore.session").get_session()
        config: Any = importlib.import_module("aiobotocore.config").AioConfig(
            connect_timeout=self._timeout,
            read_timeout=self._timeout,
            retries={"total_max_attempts": 1},
            warm_up_loader_caches=True,
        )
        with _translated():
            _ = session.full_config  # read here, and not on the event loop
        return session.create_client(
            "secretsmanager", region_name=self._region, endpoint_url=self._endpoint, config=config
        )


@contextmanager
def _translated() -> Generator[None]:
    """The SDK's errors become `NotThere` or `Away`."""
    errors: Any = importlib.import_module("botocore.exceptions")
    try:
        yield
    except errors.ClientError as error:
        code: str = error.response.get("Error", {}).get("Code", "")
        raise (NotThere() if code in _GONE else Away(code or "ClientError")) from None
    except (errors.BotoCoreError, OSError) as error:
        raise Away(type(error).__name__) from None


def _version(reference: Reference) -> dict[str, str]:
    if reference.version is None:
        return {}
    return {"VersionId" if reference.pinned else "VersionStage": reference.version}
