"""Nothing that is logged or raised shows a secret, whatever goes wrong."""

import asyncio
import base64
import logging
import traceback
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from structlog.testing import capture_logs

from helium.adapters.secrets import ReferenceInvalid, Secrets, describe, open_secrets
from helium.core.errors import SecretsUnavailable
from helium.kit.clock import ManualClock
from tests.support.secret_stores import GoogleSide, Side, google_side, open_side

CANARY = "canary-7f3a91"
SHOWN = (CANARY, base64.b64encode(CANARY.encode()).decode())
"""Google's client would log bytes in the second form."""


@pytest.fixture(autouse=True)
def google_logs(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Google's loggers do not pass on what they get, so the test listens to them themselves."""
    logger = logging.getLogger("google")
    level = logger.level
    logger.setLevel(logging.DEBUG)
    logger.addHandler(caplog.handler)
    yield
    logger.removeHandler(caplog.handler)
    logger.setLevel(level)


@pytest.fixture(params=["env", "file", "gcp", "aws"])
async def side(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Any]:
    async with open_side(request.param, tmp_path, monkeypatch) as opened:
        yield opened


async def everything(secrets: Secrets, names: list[str], clock: ManualClock, said: list[str]) -> None:
    """Use every function on every name, and note what it shows."""
    for name in names:
        for again in range(2):
            try:
                said.append(repr(await secrets.get(name)))
                secrets.invalidate(name, refused=CANARY if again else None)
                await secrets.resolve(name, secrets.environ[name])
            except (ReferenceInvalid, SecretsUnavailable) as error:
                said.extend(traceback.format_exception(error))
            clock.advance(1000)
    said.append(repr(await describe(secrets, names)))
    said.append(repr(vars(secrets)))


async def test_no_log_line_and_no_exception_shows_a_secret(
    side: Side, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    clock, said = ManualClock(), list[str]()
    await side.put("a_key", CANARY)
    await side.put("no_object", f"[{CANARY}")
    caplog.clear()  # to put a secret is the test's doing
    side.environ |= {
        "GOOD": side.reference("a_key"),
        "GONE": side.reference("missing"),
        "FIELD": side.reference("no_object", field="x"),
        "WRONG": f"secret:{CANARY}",
        "WORSE": f"secret:env:{CANARY}",
        "PLACE": f"secret:file:{CANARY}" if side.source != "file" else f"secret:gcp:{CANARY}",
    }
    names = sorted(side.environ)
    with capture_logs() as told:
        async with open_secrets(side.environ, clock, side.places) as secrets:
            await everything(secrets, names, clock, said)
            if leave := getattr(side, "leave", None):
                await leave()
                await everything(secrets, names, clock, said)
                await side.come_back()  # pyright: ignore[reportAttributeAccessIssue]
    said += [repr(told), caplog.text, *(repr(vars(record)) for record in caplog.records)]

    assert len(said) > 10
    shown = [text.replace(repr(dict(side.environ)), "") for text in said]
    assert [text for text in shown if any(form in text for form in SHOWN)] == []


@pytest.fixture
async def google() -> AsyncIterator[GoogleSide]:
    async with google_side() as opened:
        yield opened


@pytest.mark.parametrize(
    ("refusal", "state"),
    [
        (grpc.StatusCode.PERMISSION_DENIED, "cannot be read: PermissionDenied"),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, "cannot be read: ResourceExhausted"),
        (grpc.StatusCode.FAILED_PRECONDITION, "is not there"),
        (None, "cannot be read: its check sum does not fit"),
    ],
)
async def test_each_way_to_say_no_is_told_apart(
    google: GoogleSide, refusal: grpc.StatusCode | None, state: str
) -> None:
    google.refusal, google.damaged = refusal, True
    await google.put("a_key", CANARY)
    google.environ["KEY"] = google.reference("a_key")

    async with open_secrets(google.environ, ManualClock(), google.places) as secrets:
        (row,) = await describe(secrets, ["KEY"])

    assert row.state == state
    assert len(google.asked) == 1, "a refusal is not tried again by the library"


async def test_a_secret_of_another_project_is_named_in_full(google: GoogleSide) -> None:
    google.environ["KEY"] = "secret:gcp:projects/other/secrets/a_key@3"

    async with open_secrets(google.environ, ManualClock(), google.places) as secrets:
        assert await secrets.get("KEY") is None

    assert google.asked == ["projects/other/secrets/a_key/versions/3"]


async def test_a_hundred_first_callers_open_one_connection(
    google: GoogleSide, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, really = list[str](), grpc.aio.insecure_channel

    def channel(address: str) -> Any:
        made.append(address)
        return really(address)

    monkeypatch.setattr(grpc.aio, "insecure_channel", channel)
    await google.put("a_key", CANARY)
    names = [f"KEY_{number}" for number in range(100)]
    google.environ |= dict.fromkeys(names, google.reference("a_key"))

    async with open_secrets(google.environ, ManualClock(), google.places) as secrets:
        found = await asyncio.gather(*(secrets.get(name) for name in names))

    assert [secret.value for secret in found if secret] == [CANARY] * 100
    assert len(made) == 1
