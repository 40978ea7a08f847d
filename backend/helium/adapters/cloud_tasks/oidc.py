"""Whether a push comes from our own queue: its OpenID Connect token, signed by Google."""

from typing import Any

import jwt
from jwt.exceptions import PyJWTError

from helium.adapters.cloud_tasks.keys import FetchKeys, KeyRing, fetch_keys
from helium.adapters.cloud_tasks.tokens import TokenRefused
from helium.kit.clock import Clock

ISSUERS = ("https://accounts.google.com", "accounts.google.com")
LEEWAY_SECONDS = 30.0
LONGEST_TOKEN = 8192
_OPTIONS: Any = {
    "require": ["iss", "aud", "exp", "iat"],
    # Times are judged by our own clock, below.
    "verify_exp": False,
    "verify_iat": False,
    "verify_nbf": False,
    "strict_aud": True,
}


class OidcVerifier:
    """Accepts tokens that Google signed with RS256 for one audience and one service account.

    What the token says about where its key is (`jku`, `x5u`, `jwk`, `x5c`) is not looked at: keys come
    from `keys_url` alone.
    """

    def __init__(
        self, keys_url: str, audience: str, account: str, clock: Clock, fetch: FetchKeys = fetch_keys
    ) -> None:
        if not audience or not account:
            raise ValueError("without an audience and an account every service account would be let in")
        self._audience = audience
        self._account = account
        self._clock = clock
        self._keys = KeyRing(keys_url, clock, fetch)

    async def verify(self, authorization: str | None) -> None:
        """Return if the header `Authorization` proves that our queue sent it.

        Raises `TokenRefused`, or `KeysAway` if the keys cannot be read and none are kept.
        """
        token = _bearer(authorization)
        key = await self._keys.key(_key_id(token))
        if key is None:
            raise TokenRefused("unknown_key")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                key,
                algorithms=["RS256"],
                audience=self._audience,
                issuer=ISSUERS,
                options=_OPTIONS,
            )
        except PyJWTError as error:
            raise TokenRefused(type(error).__name__) from error
        self._check_times(claims)
        self._check_account(claims)

    def _check_times(self, claims: dict[str, Any]) -> None:
        now = self._clock.time()
        times = [claims["exp"], claims["iat"], claims.get("nbf", 0)]
        if not all(type(time) in (int, float) for time in times):
            raise TokenRefused("no_times")
        expires, issued, not_before = times
        if not now < expires + LEEWAY_SECONDS:
            raise TokenRefused("expired")
        if not now >= max(issued, not_before) - LEEWAY_SECONDS:
            raise TokenRefused("not_yet_valid")

    def _check_account(self, claims: dict[str, Any]) -> None:
        if claims.get("email") != self._account:
            raise TokenRefused("other_account")
        if claims.get("email_verified") is not True:
            raise TokenRefused("unverified_email")


def _bearer(authorization: str | None) -> str:
    scheme, _, token = (authorization or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise TokenRefused("no_token")
    if len(token) > LONGEST_TOKEN:
        raise TokenRefused("too_long")
    return token.strip()


def _key_id(token: str) -> str:
    try:
        head = jwt.get_unverified_header(token)
    except PyJWTError as error:
        raise TokenRefused(type(error).__name__) from error
    kid = head.get("kid")
    if head.get("alg") != "RS256" or not isinstance(kid, str):
        raise TokenRefused("algorithm")
    return kid
