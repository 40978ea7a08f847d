"""The login at Google."""

from contextlib import AbstractAsyncContextManager
from typing import Any

import google.auth
import pytest
from aiohttp import web
from google.auth.exceptions import DefaultCredentialsError, RefreshError

from helium.kit.clock import SystemClock
from helium.release import CloudAway
from helium.release.google import GoogleApi, Refused, open_google
from tests.release.server import serving


class Credentials:
    """Valid for two calls."""

    def __init__(self, *, fails: bool = False) -> None:
        self.renewed = 0
        self.left = 0
        self.token = ""
        self._fails = fails

    @property
    def valid(self) -> bool:
        self.left -= 1
        return self.left >= 0

    def refresh(self, request: object) -> None:
        if self._fails:
            raise RefreshError("secret details")
        self.renewed += 1
        self.left, self.token = 1, f"t{self.renewed}"


async def test_a_token_is_renewed_when_it_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        seen.append(request.headers["Authorization"])
        return web.json_response({})

    monkeypatch.setattr(google.auth, "default", _login)
    async with serving(answer) as address, _api() as api:
        for _ in range(4):
            await api.get(address)

    assert seen == ["Bearer t1", "Bearer t1", "Bearer t2", "Bearer t2"]


@pytest.mark.parametrize("fails", ["default", "refresh"])
async def test_without_a_login_one_sentence_says_so(monkeypatch: pytest.MonkeyPatch, fails: str) -> None:
    def default(**_: Any) -> tuple[Credentials, str]:
        if fails == "default":
            raise DefaultCredentialsError("secret details")
        return Credentials(fails=True), "p"

    monkeypatch.setattr(google.auth, "default", default)
    async with _api() as api:
        with pytest.raises(CloudAway, match="log in to Google Cloud") as raised:
            await api.get("http://127.0.0.1:1")

    assert "secret" not in str(raised.value)


async def test_a_refusal_is_not_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        calls.append(request.method)
        return web.json_response({"error": {"message": "no"}}, status=403)

    monkeypatch.setattr(google.auth, "default", _login)
    async with serving(answer) as address, _api() as api:
        with pytest.raises(Refused, match="no"):
            await api.change("PATCH", address, {})

    assert calls == ["PATCH"]


def _login(**_: Any) -> tuple[Credentials, str]:
    return Credentials(), "p"


def _api() -> "AbstractAsyncContextManager[GoogleApi]":
    return open_google(SystemClock(), own_server=False, patience_seconds=5)
