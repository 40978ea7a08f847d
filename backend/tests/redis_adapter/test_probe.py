"""What `helium doctor` is told about a Redis."""

from pathlib import Path

import pytest
from redis.asyncio import Redis

from helium.adapters.redis.connection import open_redis
from helium.adapters.redis.probe import Finding, probe
from helium.kit.clock import SystemClock
from tests.support.redis_server import RedisServer

PASSWORD = "open-sesame"
EVICTION = "Redis eviction"
clock = SystemClock()


async def found(
    url: str, *, queue_on_redis: bool = False, ca_file: Path | None = None
) -> dict[str, Finding]:
    async with open_redis(url, timeout_seconds=0.5, ca_file=ca_file) as redis:
        findings = await probe(redis, clock, queue_on_redis=queue_on_redis)
    assert PASSWORD not in str(findings)
    return {finding.what: finding for finding in findings}


async def test_a_healthy_server(redis_url: str) -> None:
    findings = await found(redis_url)

    assert list(findings) == [
        *("Redis", "Redis version", "Redis connection", EVICTION, "Redis persistence", "Redis memory"),
    ]
    assert findings["Redis"].ok
    assert findings["Redis"].sentence.endswith(" ms")
    assert findings["Redis version"].sentence[0].isdigit()
    assert findings["Redis connection"].ok is None
    assert findings[EVICTION] == (EVICTION, True, "noeviction")
    assert findings["Redis memory"].sentence.endswith("used, no limit")


async def test_a_server_that_evicts_is_bad_for_a_queue_and_a_hint_otherwise(server: RedisServer) -> None:
    async with Redis.from_url(server.url) as root:
        await root.config_set("maxmemory-policy", "allkeys-lru")
        await root.config_set("maxmemory", "100mb")

    queue, other = await found(server.url, queue_on_redis=True), await found(server.url)

    assert (queue[EVICTION].ok, other[EVICTION].ok) == (False, None)
    assert "allkeys-lru" in queue[EVICTION].sentence
    assert queue["Redis memory"].sentence.endswith("used, 100.00M")


async def test_persistence_is_a_hint_for_a_queue(server: RedisServer) -> None:
    without = [
        (await found(server.url, queue_on_redis=queue))["Redis persistence"].ok for queue in (True, False)
    ]
    async with Redis.from_url(server.url) as root:
        await root.config_set("appendonly", "yes")

    assert without == [None, True]
    assert (await found(server.url, queue_on_redis=True))[
        "Redis persistence"
    ].sentence == "append-only file"


async def test_tls_is_said(tls_url: str, certificate: Path) -> None:
    assert (await found(tls_url, ca_file=certificate))["Redis connection"].ok

    untrusted = await found(tls_url)
    assert "HELIUM_REDIS__CA_FILE" in untrusted["Redis"].sentence


async def test_what_may_not_be_asked_is_said_and_no_error(server: RedisServer) -> None:
    async with Redis.from_url(server.url) as root:
        await root.execute_command("ACL", "SETUSER", "little", "on", f">{PASSWORD}", "+ping")

    findings = await found(server.url_as("little", PASSWORD), queue_on_redis=True)

    assert findings["Redis"].ok
    assert [finding.ok for finding in findings.values()] == [True, None, None, None, None, None]
    assert "noeviction" in findings[EVICTION].sentence


async def test_the_policy_is_read_from_info_where_config_is_closed(server: RedisServer) -> None:
    async with Redis.from_url(server.url) as root:
        await root.execute_command("ACL", "SETUSER", "little", "on", f">{PASSWORD}", "+ping", "+info")

    findings = await found(server.url_as("little", PASSWORD))

    assert findings[EVICTION] == (EVICTION, True, "noeviction")


@pytest.mark.parametrize(
    ("user", "words"), [("nobody", "refuses the user or the password"), ("mute", "may not PING")]
)
async def test_a_refused_user_is_told_why(server: RedisServer, user: str, words: str) -> None:
    async with Redis.from_url(server.url) as root:
        await root.execute_command("ACL", "SETUSER", "mute", "on", f">{PASSWORD}")

    findings = await found(server.url_as(user, PASSWORD))

    assert [finding.ok for finding in findings.values()] == [False]
    assert words in findings["Redis"].sentence


async def test_a_server_that_is_away_is_one_finding(server: RedisServer) -> None:
    server.freeze()
    frozen = await found(server.url_as("default", PASSWORD))
    server.kill()
    dead = await found(server.url_as("default", PASSWORD))

    assert [finding.ok for finding in (*frozen.values(), *dead.values())] == [False, False]
    assert "does not answer" in dead["Redis"].sentence
    assert "does not answer" in frozen["Redis"].sentence
