"""Google's public keys, kept for some minutes (JWKS, RFC 7517)."""

import asyncio
import json
import math
import re
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import aiohttp
import structlog
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from jwt import PyJWK
from jwt.exceptions import PyJWTError

from helium.adapters.cloud_tasks.tokens import KeysAway
from helium.kit.clock import Clock

log = structlog.get_logger()

LEAST_SECONDS, MOST_SECONDS = 300.0, 600.0
"""Between these the keys are used before they are read again, as Cache-Control says."""
STALE_SECONDS = 6 * 3600.0
"""Keys that cannot be read again are used for this long. Google announces a key days before its use."""
RETRY_SECONDS = 5.0
STRANGE_LOOKS, STRANGE_SECONDS = 5, 60.0
"""Tokens with unknown key ids make us read the keys at most so often."""
_FETCH_SECONDS = 5.0
_MOST_BYTES = 256 * 1024


class FetchFailed(Exception):
    """The document could not be read."""


@dataclass(frozen=True, slots=True)
class KeyDocument:
    body: bytes
    cache_control: str = ""


FetchKeys = Callable[[str], Awaitable[KeyDocument]]


async def fetch_keys(url: str) -> KeyDocument:
    """Read the document. Raises `FetchFailed` after 5 seconds at most."""
    timeout = aiohttp.ClientTimeout(total=_FETCH_SECONDS)
    try:
        async with (
            aiohttp.ClientSession(timeout=timeout) as http,
            http.get(url, allow_redirects=False) as response,
        ):
            if response.status != 200:
                raise FetchFailed(f"status {response.status}")
            body = await response.content.read(_MOST_BYTES)
            while len(body) < _MOST_BYTES and (more := await response.content.read(_MOST_BYTES)):
                body += more
            return KeyDocument(body, response.headers.get("Cache-Control", ""))
    except (aiohttp.ClientError, TimeoutError) as error:
        raise FetchFailed(type(error).__name__) from error


class KeyRing:
    """The keys at one URL. Whoever needs them while they are read waits for that one reading."""

    def __init__(self, url: str, clock: Clock, fetch: FetchKeys) -> None:
        self._url = url
        self._clock = clock
        self._fetch = fetch
        self._keys: dict[str, RSAPublicKey] = {}
        self._read_at = self._fresh_until = self._next_try = -math.inf
        self._failing = False
        self._begun = self._finished = 0
        self._reading = asyncio.Lock()
        self._strange: deque[float] = deque(maxlen=STRANGE_LOOKS)

    async def key(self, kid: str) -> RSAPublicKey | None:
        """The key with this id; None if there is none. Raises `KeysAway` if that cannot be told."""
        asked = self._begun
        if self._clock.monotonic() >= self._fresh_until:
            await self._read(asked, self._may_renew)
        if kid not in self._keys:
            return await self._look_again(kid, asked)
        if self._clock.monotonic() >= self._read_at + STALE_SECONDS:
            raise KeysAway
        return self._keys[kid]

    async def _look_again(self, kid: str, asked: int) -> RSAPublicKey | None:
        """The key may be newer than our copy, so the copy must be newer than the question."""
        await self._read(asked, lambda: kid not in self._keys and self._may_look())
        if kid not in self._keys and (self._finished <= asked or self._failing):
            raise KeysAway
        return self._keys.get(kid)

    async def _read(self, asked: int, permitted: Callable[[], bool]) -> None:
        """Read the keys, unless somebody did so who began after the caller had asked."""
        async with self._reading:
            if self._finished > asked or not permitted():
                return
            self._begun += 1
            try:
                document = await self._fetch(self._url)
                keys = _parsed(document.body)
            except FetchFailed as error:
                self._failed(error)
            else:
                self._renewed(keys, _lifetime(document.cache_control))
            self._finished = self._begun

    def _may_renew(self) -> bool:
        return self._clock.monotonic() >= max(self._fresh_until, self._next_try)

    def _may_look(self) -> bool:
        now = self._clock.monotonic()
        full = len(self._strange) == STRANGE_LOOKS
        if now < self._next_try or (full and now < self._strange[0] + STRANGE_SECONDS):
            return False
        self._strange.append(now)
        return True

    def _failed(self, error: FetchFailed) -> None:
        self._next_try = self._clock.monotonic() + RETRY_SECONDS
        if not self._failing:
            log.warning("push.keys_away", error=str(error))
        self._failing = True

    def _renewed(self, keys: dict[str, RSAPublicKey], seconds: float) -> None:
        self._keys, self._failing = keys, False
        self._read_at = self._clock.monotonic()
        self._fresh_until = self._read_at + seconds


def _parsed(body: bytes) -> dict[str, RSAPublicKey]:
    """The usable keys: RSA, for signatures. Raises `FetchFailed` if there are none."""
    try:
        entries: list[dict[str, Any]] = json.loads(body)["keys"]
        found = {entry["kid"]: _rsa(entry) for entry in entries if entry.get("kty") == "RSA"}
    except (ValueError, KeyError, TypeError, AttributeError, PyJWTError) as error:
        raise FetchFailed(f"no keys: {type(error).__name__}") from error
    keys = {kid: key for kid, key in found.items() if key is not None}
    if not keys:
        raise FetchFailed("no keys")
    return keys


def _rsa(entry: dict[str, Any]) -> RSAPublicKey | None:
    if entry.get("use", "sig") != "sig" or entry.get("alg", "RS256") != "RS256":
        return None
    key = PyJWK(entry, "RS256").key
    return key if isinstance(key, RSAPublicKey) else None


def _lifetime(cache_control: str) -> float:
    found = re.search(r"max-age=(\d{1,9})", cache_control)
    return min(max(float(found.group(1)) if found else 0.0, LEAST_SECONDS), MOST_SECONDS)
