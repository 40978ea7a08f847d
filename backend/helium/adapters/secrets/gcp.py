"""Google Secret Manager, by Google's asynchronous client.

The packages are not required on a laptop (`requirements-cloud.in`) and take a quarter of a second to
import, so they are imported when the first secret is read, and their types are `Any` here.
"""

import asyncio
import importlib
import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any

from helium.adapters.secrets.crc32c import crc32c
from helium.adapters.secrets.reference import LATEST, Reference
from helium.adapters.secrets.source import Away, NotThere, member, text_of
from helium.ports import Secret

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
_SERVICE = "google.cloud.secretmanager_v1.services.secret_manager_service"


class GoogleSource:
    """The secrets of a project. `endpoint`: another server than Google's, reached without encryption."""

    def __init__(self, project: str, *, endpoint: str = "", timeout_seconds: float = 5.0) -> None:
        self._project = project
        self._endpoint = endpoint
        self._timeout = timeout_seconds
        self._client: Any = None
        self._opening = asyncio.Lock()

    async def read(self, reference: Reference) -> Secret:
        client = await self._opened()
        with _translated():
            answer: Any = await client.access_secret_version(
                name=self._path(reference), retry=None, timeout=self._timeout
            )
        return _secret(answer, reference)

    async def aclose(self) -> None:
        if self._client is not None:
            await self._client.transport.close()

    def _path(self, reference: Reference) -> str:
        name, version = reference.name, reference.version or LATEST
        parent = "" if "/" in name else f"projects/{self._project}/secrets/"
        return f"{parent}{name}/versions/{version}"

    async def _opened(self) -> Any:
        async with self._opening:
            if self._client is None:
                credentials = await asyncio.to_thread(self._prepared)
                transport = self._transport(credentials)
                self._client = await asyncio.to_thread(_client, transport)
            return self._client

    def _prepared(self) -> Any:
        """The credentials. They are found in files or from the machine's metadata server, which waits."""
        try:
            importlib.import_module(_SERVICE)
        except ImportError:
            raise Away("the package google-cloud-secret-manager is not installed") from None
        # At the level DEBUG it writes the answers that it gets, which are secrets.
        logging.getLogger("google.cloud.secretmanager_v1").setLevel(logging.INFO)
        if self._endpoint:
            return None
        auth: Any = importlib.import_module("google.auth")
        with _translated():
            credentials: Any = auth.default(scopes=_SCOPES)[0]
            # The client asks for it at its first call; it may be asked of the metadata server.
            _ = credentials.universe_domain
        return credentials

    def _transport(self, credentials: Any) -> Any:
        """It belongs to the event loop that makes it."""
        made: Any = importlib.import_module(_SERVICE).transports.SecretManagerServiceGrpcAsyncIOTransport
        if not self._endpoint:
            return made(credentials=credentials)
        aio: Any = importlib.import_module("grpc").aio
        return made(channel=aio.insecure_channel(self._endpoint))


def _client(transport: Any) -> Any:
    """Google's client, which looks for certificates in files when it is made."""
    service: Any = importlib.import_module(_SERVICE)
    with _translated():
        made = service.SecretManagerServiceAsyncClient(transport=transport)
    # It takes what Google's libraries say out of the logs: it would get to stderr raw, or nowhere.
    logging.getLogger("google").propagate = True
    return made


@contextmanager
def _translated() -> Generator[None]:
    """The SDK's errors become `NotThere` or `Away`."""
    errors: Any = importlib.import_module("google.api_core.exceptions")
    auth: Any = importlib.import_module("google.auth.exceptions")
    try:
        yield
    except (errors.NotFound, errors.FailedPrecondition, errors.InvalidArgument):
        # A version that is disabled or destroyed fails a precondition.
        raise NotThere from None
    except (errors.GoogleAPIError, auth.GoogleAuthError) as error:
        raise Away(type(error).__name__) from None


def _secret(answer: Any, reference: Reference) -> Secret:
    data: bytes = answer.payload.data
    if "data_crc32c" in answer.payload and answer.payload.data_crc32c != crc32c(data):
        raise Away("its check sum does not fit")
    version: str = answer.name.rpartition("/")[2]
    return Secret(member(text_of(data), reference.field), "gcp", version)
