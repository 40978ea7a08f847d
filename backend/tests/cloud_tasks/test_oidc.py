"""Who may push: only tokens that Google signed for our audience and our account."""

import asyncio

import pytest

from helium.adapters.cloud_tasks import PushRoute
from helium.adapters.cloud_tasks.keys import (
    RETRY_SECONDS,
    STALE_SECONDS,
    STRANGE_LOOKS,
    STRANGE_SECONDS,
    KeyDocument,
)
from helium.adapters.cloud_tasks.oidc import OidcVerifier
from helium.adapters.cloud_tasks.tokens import KeysAway, TokenRefused
from helium.kit.clock import ManualClock
from tests.cloud_tasks.asgi import Kept, Wire, scope_of
from tests.cloud_tasks.forgeries import ACCOUNT, AUDIENCE, FORGERIES, genuine
from tests.cloud_tasks.issuer import Issuer
from tests.contract.queues.side import Recorder
from tests.support.processes import until


@pytest.fixture
def verifier(issuer: Issuer, clock: ManualClock) -> OidcVerifier:
    return OidcVerifier(issuer.url, AUDIENCE, ACCOUNT, clock)


@pytest.mark.parametrize("kind", FORGERIES)
async def test_a_forged_token_is_answered_with_401(
    issuer: Issuer, verifier: OidcVerifier, kind: str
) -> None:
    execute, wire, authorization = Recorder(), Wire(), FORGERIES[kind](issuer)
    claimed = {"X-CloudTasks-QueueName": "agents", "X-CloudTasks-TaskRetryCount": "0"}
    if authorization is not None:
        claimed["Authorization"] = authorization

    route = PushRoute(execute, verifier, Kept(), Kept(), seconds=10)
    await route(scope_of(claimed), wire.receive, wire.send)

    assert (wire.status, wire.sent[1]["body"]) == (401, b"")
    assert wire.received == 0, "the body was read before the token was verified"
    assert execute.seen == []


@pytest.mark.parametrize("iss", ["https://accounts.google.com", "accounts.google.com"])
async def test_a_genuine_token_is_accepted(issuer: Issuer, verifier: OidcVerifier, iss: str) -> None:
    await verifier.verify(genuine(issuer, iss=iss))
    await verifier.verify(genuine(issuer).replace("Bearer", "bearer"))
    assert issuer.reads == 1


async def test_clocks_may_differ_by_half_a_minute(issuer: Issuer, verifier: OidcVerifier) -> None:
    now = issuer.claims(AUDIENCE, ACCOUNT)["iat"]
    await verifier.verify(genuine(issuer, iat=now + 29))
    await verifier.verify(genuine(issuer, exp=now - 29))


@pytest.mark.parametrize(("audience", "account"), [("", ACCOUNT), (AUDIENCE, "")])
def test_a_verifier_for_everybody_cannot_be_made(clock: ManualClock, audience: str, account: str) -> None:
    with pytest.raises(ValueError, match="every service account"):
        OidcVerifier("http://127.0.0.1:9/", audience, account, clock)


async def test_many_pushes_at_once_read_the_keys_once(issuer: Issuer, verifier: OidcVerifier) -> None:
    await asyncio.gather(*(verifier.verify(genuine(issuer)) for _ in range(100)))
    assert issuer.reads == 1


async def test_a_rotation_under_load_refuses_nobody(issuer: Issuer, verifier: OidcVerifier) -> None:
    for _ in range(3):
        before = [genuine(issuer) for _ in range(100)]
        issuer.rotate()
        tokens = [token for pair in zip(before, [genuine(issuer)] * 100, strict=True) for token in pair]
        await asyncio.gather(*(verifier.verify(token) for token in tokens))
    assert issuer.reads <= 4


async def test_a_rotation_while_the_keys_are_read_refuses_nobody(
    issuer: Issuer, verifier: OidcVerifier
) -> None:
    issuer.held = asyncio.Event()
    early = asyncio.create_task(verifier.verify(genuine(issuer)))
    await until(lambda: issuer.reads == 1, "a reader of the keys")
    issuer.rotate()
    late = asyncio.create_task(verifier.verify(genuine(issuer)))
    issuer.held.set()
    await asyncio.gather(early, late)
    assert issuer.reads == 2


async def test_a_reader_that_is_cancelled_leaves_the_reading_to_the_next(
    issuer: Issuer, verifier: OidcVerifier
) -> None:
    first, second = asyncio.Event(), asyncio.Event()
    issuer.held = first
    early = asyncio.create_task(verifier.verify(genuine(issuer)))
    await until(lambda: issuer.reads == 1, "a reader of the keys")
    issuer.rotate()
    issuer.held = second
    cancelled, waiting = (asyncio.create_task(verifier.verify(genuine(issuer))) for _ in range(2))
    await asyncio.wait([cancelled, waiting], timeout=0)
    first.set()
    await until(lambda: issuer.reads == 2, "the next reader")
    cancelled.cancel()
    second.set()
    await asyncio.gather(early, waiting)
    assert issuer.reads == 3


async def test_many_forgeries_at_once_make_us_read_once(issuer: Issuer, verifier: OidcVerifier) -> None:
    await verifier.verify(genuine(issuer))
    forged = FORGERIES["wrong kid"](issuer)
    outcomes = await asyncio.gather(*(verifier.verify(forged) for _ in range(50)), return_exceptions=True)
    assert {type(outcome) for outcome in outcomes} == {TokenRefused}
    # The first began to read before the others had asked; one more reading is for all of those.
    assert issuer.reads <= 3


async def test_unknown_key_ids_cannot_make_us_read_all_day(
    issuer: Issuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    await verifier.verify(genuine(issuer))
    for _ in range(STRANGE_LOOKS):
        with pytest.raises(TokenRefused):
            await verifier.verify(FORGERIES["wrong kid"](issuer))
    for _ in range(20):
        with pytest.raises(KeysAway):
            await verifier.verify(FORGERIES["wrong kid"](issuer))
    assert issuer.reads == 1 + STRANGE_LOOKS
    await verifier.verify(genuine(issuer))

    clock.advance(STRANGE_SECONDS)
    issuer.rotate()
    await verifier.verify(genuine(issuer))


@pytest.mark.parametrize(
    ("said", "kept"), [("no-store", 300), ("max-age=10", 300), ("max-age=450", 450), ("max-age=86400", 600)]
)
async def test_keys_are_kept_for_five_to_ten_minutes(
    issuer: Issuer, verifier: OidcVerifier, clock: ManualClock, said: str, kept: int
) -> None:
    issuer.cache_control = said
    await verifier.verify(genuine(issuer))
    clock.advance(kept - 1)
    await verifier.verify(genuine(issuer))
    assert issuer.reads == 1
    clock.advance(1)
    await verifier.verify(genuine(issuer))
    assert issuer.reads == 2


async def test_the_last_good_keys_outlive_their_server_for_a_while(
    issuer: Issuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    await verifier.verify(genuine(issuer))
    issuer.away = True
    clock.advance(STALE_SECONDS - 1)
    for _ in range(10):
        await verifier.verify(genuine(issuer))
    assert issuer.reads == 2, "a server that is away is asked again and again"

    clock.advance(RETRY_SECONDS)
    with pytest.raises(KeysAway):
        await verifier.verify(genuine(issuer))
    issuer.away = False
    clock.advance(RETRY_SECONDS)
    await verifier.verify(genuine(issuer))


async def test_a_new_key_that_cannot_be_read_is_no_forgery(
    issuer: Issuer, verifier: OidcVerifier, clock: ManualClock
) -> None:
    await verifier.verify(genuine(issuer))
    issuer.rotate()
    issuer.away = True
    for _ in range(3):
        with pytest.raises(KeysAway):
            await verifier.verify(genuine(issuer))
    issuer.away = False
    clock.advance(RETRY_SECONDS)
    await verifier.verify(genuine(issuer))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b"[]",
        b"{}",
        b'{"keys": []}',
        b'{"keys": [{"kty": "RSA"}]}',
        b'{"keys": [{"kty": "EC"}]}',
    ],
)
async def test_a_document_without_keys_is_answered_with_503(
    issuer: Issuer, clock: ManualClock, body: bytes
) -> None:
    async def fetch(url: str) -> KeyDocument:
        return KeyDocument(body)

    wire = Wire()
    verifier = OidcVerifier(issuer.url, AUDIENCE, ACCOUNT, clock, fetch)
    route = PushRoute(Recorder(), verifier, Kept(), Kept(), seconds=10)
    await route(scope_of({"Authorization": genuine(issuer)}), wire.receive, wire.send)
    assert wire.status == 503
