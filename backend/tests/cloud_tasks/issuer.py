"""Google's token service in small: signs tokens, and serves the public keys on loopback."""

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from functools import cache
from typing import Any

import jwt
from aiohttp import web
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jwt.algorithms import RSAAlgorithm

from helium.kit.clock import Clock, SystemClock

LIFETIME_SECONDS = 3600


@cache
def rsa_key(number: int) -> rsa.RSAPrivateKey:
    """The same few keys for all tests of a process: making one takes a while."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def public_pem(number: int) -> bytes:
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return rsa_key(number).public_key().public_bytes(serialization.Encoding.PEM, form)


def public_jwk(number: int) -> dict[str, Any]:
    jwk: dict[str, Any] = RSAAlgorithm.to_jwk(rsa_key(number).public_key(), as_dict=True)
    return jwk | {"kid": key_id(number), "alg": "RS256", "use": "sig"}


def key_id(number: int) -> str:
    return f"key-{number}"


class Issuer:
    """Signs with its newest key."""

    def __init__(self, clock: Clock | None = None) -> None:
        self.newest = 0
        self.cache_control = "public, max-age=300, must-revalidate"
        self.away = False
        """Answer the keys' readers with 503."""
        self.held: asyncio.Event | None = None
        """While set and not released, readers of the keys wait; they get what was true when they asked."""
        self.reads = 0
        self.url = ""
        self._clock = clock or SystemClock()

    def rotate(self) -> None:
        """Sign with a new key from now on; the one before stays published."""
        self.newest += 1

    def claims(self, audience: str, account: str) -> dict[str, Any]:
        now = int(self._clock.time())
        subject = str(int.from_bytes(hashlib.sha256(account.encode()).digest()[:8], "big"))
        return {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "azp": subject,
            "sub": subject,
            "email": account,
            "email_verified": True,
            "iat": now,
            "exp": now + LIFETIME_SECONDS,
        }

    def token(self, audience: str, account: str) -> str:
        return self.signed(self.claims(audience, account))

    def signed(self, claims: dict[str, Any], headers: dict[str, Any] | None = None) -> str:
        kid = {"kid": key_id(self.newest)}
        return jwt.encode(claims, rsa_key(self.newest), "RS256", headers=kid | (headers or {}))

    def document(self) -> bytes:
        published = range(max(0, self.newest - 1), self.newest + 1)
        return json.dumps({"keys": [public_jwk(number) for number in published]}).encode()

    async def _answer(self, request: web.Request) -> web.Response:
        self.reads += 1
        if self.away:
            return web.Response(status=503)
        document = self.document()
        if self.held is not None:
            await self.held.wait()
        headers = {"Cache-Control": self.cache_control}
        return web.Response(body=document, content_type="application/json", headers=headers)

    @asynccontextmanager
    async def serving(self) -> AsyncGenerator["Issuer"]:
        """Its keys are at `url` until the block ends."""
        app = web.Application()
        app.router.add_get("/oauth2/v3/certs", self._answer)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}/oauth2/v3/certs"
        try:
            yield self
        finally:
            await runner.cleanup()
