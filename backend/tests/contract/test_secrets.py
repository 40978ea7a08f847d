"""What every place of secrets must keep: over variables, a folder, Google's protocol and Amazon's."""

from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from helium.adapters.secrets import Described, ReferenceInvalid, Secrets, describe, open_secrets
from helium.core.errors import SecretsUnavailable
from helium.kit.clock import ManualClock
from tests.support.processes import until
from tests.support.secret_stores import CanFail, Side, open_side

TTL = 300.0
ALL = ["env", "file", "gcp", "aws"]
CAN_FAIL = ["file", "gcp", "aws"]
WITH_VERSIONS = ["gcp", "aws"]


@pytest.fixture
async def side(
    request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Any]:
    async with open_side(request.param, tmp_path, monkeypatch) as opened:
        yield opened


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def secrets(side: Side, clock: ManualClock) -> AsyncIterator[Secrets]:
    opened = open_secrets(side.environ, clock, side.places, ttl_seconds=TTL, timeout_seconds=5)
    async with opened:
        yield opened


def over(*kinds: str) -> Callable[[Any], Any]:
    return pytest.mark.parametrize("side", kinds, indirect=True)


async def value(secrets: Secrets, name: str = "KEY") -> str | None:
    found = await secrets.get(name)
    return found.value if found else None


@over(*ALL)
async def test_a_secret_is_found_and_says_where_it_comes_from(side: Side, secrets: Secrets) -> None:
    version = await side.put("a_key", "first value")
    side.environ["KEY"] = side.reference("a_key")

    found = await secrets.get("KEY")

    assert found is not None
    assert (found.value, found.source, found.version) == ("first value", side.source, version or None)
    assert "first value" not in repr(found)


@over(*ALL)
async def test_a_secret_that_is_not_there_is_none(side: Side, secrets: Secrets) -> None:
    await side.put("a_key", "first value")
    side.environ["KEY"] = side.reference("no_key")

    assert await secrets.get("KEY") is None


@over(*ALL)
async def test_a_rotation_is_seen_after_the_ttl_and_not_before(
    side: Side, secrets: Secrets, clock: ManualClock
) -> None:
    await side.put("a_key", "first value")
    side.environ["KEY"] = side.reference("a_key")
    assert await value(secrets) == "first value"

    await side.put("a_key", "second value")
    clock.advance(TTL * 0.7)
    before = await value(secrets)
    clock.advance(TTL * 0.41)

    assert (before, await value(secrets)) == ("first value", "second value")
    assert secrets.counts.reads == 2


@over(*ALL)
async def test_a_refused_value_is_read_afresh_without_waiting_for_the_ttl(
    side: Side, secrets: Secrets
) -> None:
    await side.put("a_key", "first value")
    side.environ["KEY"] = side.reference("a_key")
    assert await value(secrets) == "first value"
    await side.put("a_key", "second value")

    secrets.invalidate("KEY", refused="first value")

    assert await value(secrets) == "second value"


@over(*WITH_VERSIONS)
async def test_a_pinned_version_stays_and_is_read_once(
    side: Side, secrets: Secrets, clock: ManualClock
) -> None:
    version = await side.put("a_key", "first value")
    side.environ["KEY"] = side.reference("a_key", version)
    await side.put("a_key", "second value")
    found = [await value(secrets)]

    clock.advance(100 * TTL)
    secrets.invalidate("KEY", refused="first value")
    found.append(await value(secrets))

    assert found == ["first value", "first value"]
    assert secrets.counts.reads == 1


@over(*WITH_VERSIONS)
async def test_a_version_that_is_not_there_is_none(side: Side, secrets: Secrets) -> None:
    await side.put("a_key", "first value")
    missing = "9" if side.source == "gcp" else "00000000-0000-4000-8000-000000000000"
    side.environ["KEY"] = side.reference("a_key", missing)

    assert await value(secrets) is None


@over("aws")
async def test_a_label_follows_the_version_that_it_is_put_on(
    side: Side, secrets: Secrets, clock: ManualClock
) -> None:
    side.environ["KEY"] = side.reference("a_key", "AWSPREVIOUS")
    side.environ["CURRENT"] = side.reference("a_key", "AWSCURRENT")
    for number in ("first", "second"):
        await side.put("a_key", number)
    found = [await value(secrets), await value(secrets, "CURRENT")]

    await side.put("a_key", "third")
    clock.advance(TTL * 1.2)

    assert [*found, await value(secrets), await value(secrets, "CURRENT")] == [
        "first",
        "second",
        "second",
        "third",
    ]


@over(*WITH_VERSIONS)
async def test_a_field_of_a_json_object_is_a_secret(side: Side, secrets: Secrets) -> None:
    await side.put("keys", '{"api_key": "the key", "port": 5432}')
    await side.put("plain", "no object")
    side.environ["KEY"] = side.reference("keys", field="api_key")
    side.environ["PORT"] = side.reference("keys", field="port")
    side.environ["OTHER"] = side.reference("keys", field="other")
    side.environ["PLAIN"] = side.reference("plain", field="api_key")

    found = [await value(secrets, name) for name in ("KEY", "PORT", "OTHER", "PLAIN")]

    assert found == ["the key", "5432", None, None]


@over(*CAN_FAIL)
async def test_an_outage_leaves_the_last_good_value_and_is_told_once(
    side: CanFail, secrets: Secrets, clock: ManualClock
) -> None:
    await side.put("a_key", "first value")
    side.environ["KEY"] = side.reference("a_key")
    assert await value(secrets) == "first value"

    with capture_logs() as told:
        await side.leave()
        clock.advance(TTL * 1.2)
        found = [await value(secrets)]
        clock.advance(TTL * 3)
        found.append(await value(secrets))
        await side.come_back()
        await side.put("a_key", "second value")

        async def renewed() -> bool:
            clock.advance(20)
            return await value(secrets) == "second value"

        await until(renewed, "the new value")

    assert found == ["first value", "first value"]
    assert [entry["event"] for entry in told] == ["secrets.away", "secrets.back"]
    assert told[0]["variable"] == "KEY"
    assert secrets.counts.failures >= 2


@over(*CAN_FAIL)
async def test_an_outage_without_a_good_value_is_an_error_until_it_ends(
    side: CanFail, secrets: Secrets, clock: ManualClock
) -> None:
    await side.put("a_key", "first value")
    side.environ["KEY"] = side.reference("a_key")
    await side.leave()

    with pytest.raises(SecretsUnavailable, match=r"^The secret of KEY cannot be read now\.$"):
        await secrets.get("KEY")
    with pytest.raises(SecretsUnavailable, match=r"^The secret of HELIUM_X cannot be read: "):
        await secrets.resolve("HELIUM_X", side.reference("a_key"))

    await side.come_back()

    async def found() -> bool:
        clock.advance(2)
        try:
            return await value(secrets) == "first value"
        except SecretsUnavailable:
            return False

    await until(found, "the value")


@over(*ALL)
async def test_a_setting_may_refer_to_a_secret(side: Side, secrets: Secrets) -> None:
    url = "postgresql://ada:a-long-password@db/helium"
    await side.put("url", f"{url}\n")

    assert await secrets.resolve("HELIUM_DATABASE_URL", side.reference("url")) == url
    assert await secrets.resolve("HELIUM_DATABASE_URL", url) == url
    with pytest.raises(ReferenceInvalid, match="HELIUM_REDIS_URL refers to a secret that is not there"):
        await secrets.resolve("HELIUM_REDIS_URL", side.reference("nothing"))


@over(*ALL)
async def test_the_doctor_tells_where_secrets_come_from_and_not_what_they_are(
    side: Side, secrets: Secrets
) -> None:
    await side.put("a_key", "first value")
    side.environ |= {"GOOD": side.reference("a_key"), "GONE": side.reference("no_key")}
    side.environ |= {"PLAIN": "first value", "WRONG": "secret:vault:first value"}

    found = await describe(secrets, ["GOOD", "GONE", "PLAIN", "WRONG", "UNSET"])

    version = "latest" if side.versions else "-"
    assert found[:3] == [
        Described("GOOD", side.source, version, "can be read"),
        Described("GONE", side.source, version, "is not there"),
        Described("PLAIN", "environment", "-", "can be read"),
    ]
    assert found[3].state.startswith("WRONG begins with secret: but not with secret:env:")
    assert [row.good for row in found] == [True, False, True, False]
    assert "first value" not in repr(found)


@over(*CAN_FAIL)
async def test_the_doctor_tells_that_a_place_does_not_answer(side: CanFail, secrets: Secrets) -> None:
    side.environ["KEY"] = side.reference("a_key")
    await side.put("a_key", "first value")
    await side.leave()

    (found,) = await describe(secrets, ["KEY"])

    assert found.state.startswith("cannot be read: ")
    await side.come_back()
