"""Tokens that must not open the door, each made as an attacker would."""

import base64
import hashlib
import hmac
import json
from collections.abc import Callable
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec

from tests.cloud_tasks.issuer import Issuer, key_id, public_jwk, public_pem, rsa_key

AUDIENCE = "https://worker.example"
ACCOUNT = "queue@project.iam.gserviceaccount.com"
ATTACKER = 9
"""The number of a key that the issuer never publishes."""


def genuine(issuer: Issuer, **changed: Any) -> str:
    """Signed by the issuer; a claim that is changed to None is left out."""
    claims = issuer.claims(AUDIENCE, ACCOUNT) | changed
    kept = {name: value for name, value in claims.items() if value is not None}
    return "Bearer " + issuer.signed(kept)


def _by_attacker(issuer: Issuer, **headers: Any) -> str:
    claims = issuer.claims(AUDIENCE, ACCOUNT)
    kid = {"kid": key_id(issuer.newest)}
    return "Bearer " + jwt.encode(claims, rsa_key(ATTACKER), "RS256", headers=kid | headers)


def _unsigned(issuer: Issuer) -> str:
    headers = {"kid": key_id(issuer.newest)}
    return "Bearer " + jwt.encode(issuer.claims(AUDIENCE, ACCOUNT), "", "none", headers=headers)


def _hs256(issuer: Issuer) -> str:
    """The public key as the secret of an HMAC. Made by hand: no library signs this."""
    head = {"alg": "HS256", "typ": "JWT", "kid": key_id(issuer.newest)}
    signed = ".".join(_part(json.dumps(part)) for part in (head, issuer.claims(AUDIENCE, ACCOUNT)))
    mac = hmac.new(public_pem(issuer.newest), signed.encode(), hashlib.sha256).digest()
    return f"Bearer {signed}.{_encoded(mac)}"


def _es256(issuer: Issuer) -> str:
    claims, headers = issuer.claims(AUDIENCE, ACCOUNT), {"kid": key_id(issuer.newest)}
    return "Bearer " + jwt.encode(claims, ec.generate_private_key(ec.SECP256R1()), "ES256", headers=headers)


def _renamed_algorithm(issuer: Issuer) -> str:
    """A genuine token whose head was replaced by one that needs no signature."""
    _, claims, signature = genuine(issuer).removeprefix("Bearer ").split(".")
    return f"Bearer {_part(json.dumps({'alg': 'none', 'kid': key_id(issuer.newest)}))}.{claims}.{signature}"


def _other_claims(issuer: Issuer) -> str:
    head, _, signature = genuine(issuer).removeprefix("Bearer ").split(".")
    claims = issuer.claims(AUDIENCE, ACCOUNT) | {"exp": 2**40}
    return f"Bearer {head}.{_part(json.dumps(claims))}.{signature}"


def _without_signature(issuer: Issuer) -> str:
    """What a Cloud Run service that checks callers itself hands to its container."""
    return genuine(issuer).rpartition(".")[0] + ".SIGNATURE_REMOVED_BY_GOOGLE"


def _wrong_kid(issuer: Issuer) -> str:
    return "Bearer " + issuer.signed(issuer.claims(AUDIENCE, ACCOUNT), {"kid": "other"})


def _without_kid(issuer: Issuer) -> str:
    return "Bearer " + jwt.encode(issuer.claims(AUDIENCE, ACCOUNT), rsa_key(issuer.newest), "RS256")


def _at(issuer: Issuer, seconds: float) -> float:
    return issuer.claims(AUDIENCE, ACCOUNT)["iat"] + seconds


def _part(text: str) -> str:
    return _encoded(text.encode())


def _encoded(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).rstrip(b"=").decode()


FORGERIES: dict[str, Callable[[Issuer], str | None]] = {
    "missing": lambda _: None,
    "empty": lambda _: "",
    "no token": lambda _: "Bearer ",
    "garbage": lambda _: "Bearer garbage",
    "garbage parts": lambda _: "Bearer a.b.c",
    "not ASCII": lambda _: "Bearer äöü.ß.€".encode().decode("latin-1"),
    "other scheme": lambda issuer: genuine(issuer).replace("Bearer", "Basic"),
    "two tokens": lambda issuer: genuine(issuer) + " " + genuine(issuer),
    "too long": lambda issuer: genuine(issuer, padding="x" * 9000),
    "none": _unsigned,
    "none with a signature": _renamed_algorithm,
    "HS256 with the public key": _hs256,
    "ES256": _es256,
    "signature removed": _without_signature,
    "claims replaced": _other_claims,
    "other key": _by_attacker,
    "jku": lambda issuer: _by_attacker(issuer, jku="http://127.0.0.1:9/keys"),
    "x5u": lambda issuer: _by_attacker(issuer, x5u="http://127.0.0.1:9/keys"),
    "jwk": lambda issuer: _by_attacker(issuer, jwk=public_jwk(ATTACKER)),
    "wrong kid": _wrong_kid,
    "no kid": _without_kid,
    "wrong iss": lambda issuer: genuine(issuer, iss="https://accounts.google.com.evil.example"),
    "no iss": lambda issuer: genuine(issuer, iss=None),
    "wrong aud": lambda issuer: genuine(issuer, aud="https://other.example"),
    "longer aud": lambda issuer: genuine(issuer, aud=AUDIENCE + "/"),
    "aud among others": lambda issuer: genuine(issuer, aud=[AUDIENCE, "https://other.example"]),
    "no aud": lambda issuer: genuine(issuer, aud=None),
    "expired": lambda issuer: genuine(issuer, exp=_at(issuer, -31)),
    "no exp": lambda issuer: genuine(issuer, exp=None),
    "exp is a text": lambda issuer: genuine(issuer, exp="9999999999"),
    "exp is no number": lambda issuer: genuine(issuer, exp=float("nan")),
    "not yet issued": lambda issuer: genuine(issuer, iat=_at(issuer, 31)),
    "not yet valid": lambda issuer: genuine(issuer, nbf=_at(issuer, 31)),
    "no iat": lambda issuer: genuine(issuer, iat=None),
    "wrong account": lambda issuer: genuine(issuer, email="other@project.iam.gserviceaccount.com"),
    "other project's account": lambda issuer: genuine(issuer, email="queue@other.iam.gserviceaccount.com"),
    "account in other letters": lambda issuer: genuine(issuer, email=ACCOUNT.upper()),
    "no account": lambda issuer: genuine(issuer, email=None),
    "unverified email": lambda issuer: genuine(issuer, email_verified=False),
    "email verified by a text": lambda issuer: genuine(issuer, email_verified="true"),
    "email not said to be verified": lambda issuer: genuine(issuer, email_verified=None),
}
