"""Google's REST APIs: a token, tries again, errors translated once.

google-auth is imported when the first token is needed: it is not required on a laptop.
"""

import asyncio
import importlib
import json
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Protocol

import aiohttp

from helium.kit.clock import Clock
from helium.kit.failpoint import failpoint
from helium.kit.retry import backoff
from helium.release.ports import CloudAway

_SCOPES = ("https://www.googleapis.com/auth/cloud-platform",)
CALL_SECONDS = 30.0
_AGAIN = {408, 429, 500, 502, 503, 504}
CONFLICT = 409


class Refused(Exception):
    """An answer that trying again does not change."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Token(Protocol):
    async def get(self) -> str:
        """A valid access token, or nothing for a server that needs none. Raises `CloudAway`."""
        ...


class NoToken:
    """For a server of one's own."""

    async def get(self) -> str:
        return ""


class _Nobody:
    valid = False
    token = ""


_NOBODY = _Nobody()


class GoogleToken:
    """What the environment gives this process: a federation's file, an account, the machine."""

    def __init__(self) -> None:
        self._credentials: Any = _NOBODY
        self._renewing = asyncio.Lock()

    async def get(self) -> str:
        async with self._renewing:
            if not self._credentials.valid:
                await asyncio.to_thread(self._renew)
            return str(self._credentials.token)

    def _renew(self) -> None:
        """Blocks: it reads files, and asks a server."""
        try:
            auth: Any = importlib.import_module("google.auth")
            transport: Any = importlib.import_module("google.auth.transport.requests")
        except ImportError:
            raise CloudAway(
                "the packages of requirements-cloud.in are not installed: install them"
            ) from None
        try:
            if self._credentials is _NOBODY:
                self._credentials = auth.default(scopes=_SCOPES)[0]
            self._credentials.refresh(transport.Request())
        except auth.exceptions.GoogleAuthError as error:
            raise CloudAway(f"there is no login ({type(error).__name__}): log in to Google Cloud") from None


class GoogleApi:
    """Calls with JSON. A call that is answered with 429 or 5xx is made again for `patience_seconds`.

    So a call may have been carried out twice: changes carry an etag, and what has none is idempotent.
    """

    def __init__(
        self, http: aiohttp.ClientSession, token: Token, clock: Clock, *, patience_seconds: float
    ) -> None:
        self._http = http
        self._token = token
        self._clock = clock
        self._patience_seconds = patience_seconds

    async def get(self, url: str, params: Mapping[str, str] | None = None) -> dict[str, Any]:
        return await self._patiently("GET", url, None, params)

    async def change(self, method: str, url: str, body: Mapping[str, Any]) -> dict[str, Any]:
        """Raises `Refused`, `CloudAway`."""
        failpoint("release.cloud.before")
        answer = await self._patiently(method, url, body, None)
        failpoint("release.cloud.after")
        return answer

    async def _patiently(
        self, method: str, url: str, body: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> dict[str, Any]:
        deadline = self._clock.monotonic() + self._patience_seconds
        attempt = 0
        while True:
            attempt += 1
            status, answer = await self._once(method, url, body, params)
            if status == 200:
                return answer
            message = str(answer.get("error", {}).get("message", "")) or f"status {status}"
            if status and status not in _AGAIN:
                raise Refused(status, message)
            if self._clock.monotonic() >= deadline:
                raise CloudAway(
                    f"no good answer for {self._patience_seconds:.0f} s ({message}), try again later"
                )
            await self._clock.sleep(backoff(attempt))

    async def _once(
        self, method: str, url: str, body: Mapping[str, Any] | None, params: Mapping[str, str] | None
    ) -> tuple[int, dict[str, Any]]:
        """The status, 0 if there was no answer, and the JSON of it."""
        token = await self._token.get()
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        call = self._http.request(
            method, url, json=body, params=params, headers=headers, allow_redirects=False
        )
        try:
            async with call as response:
                text = await response.text()
                return response.status, _object(text)
        except (aiohttp.ClientError, TimeoutError) as error:
            return 0, {"error": {"message": type(error).__name__}}


def _object(text: str) -> dict[str, Any]:
    try:
        found: Any = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


@asynccontextmanager
async def open_google(
    clock: Clock, *, own_server: bool, patience_seconds: float
) -> AsyncGenerator[GoogleApi]:
    """The APIs until the end of the block. `own_server`: no token is needed there."""
    timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
    async with aiohttp.ClientSession(timeout=timeout) as http:
        token = NoToken() if own_server else GoogleToken()
        yield GoogleApi(http, token, clock, patience_seconds=patience_seconds)
