"""What `helium doctor` says about a Redis."""

import ssl
from collections.abc import Mapping
from typing import Any, NamedTuple

from redis.exceptions import AuthenticationError, ConnectionError, NoPermissionError, TimeoutError

from helium.adapters.redis.circuit import REDIS_ERRORS
from helium.adapters.redis.connection import RedisConnection
from helium.kit.clock import Clock


class Finding(NamedTuple):
    what: str
    ok: bool | None
    """None: it works, and somebody should know."""
    sentence: str


async def probe(redis: RedisConnection, clock: Clock, *, queue_on_redis: bool = False) -> list[Finding]:
    """Ask the server about itself. Nothing is written; no sentence contains the URL or its password.

    `queue_on_redis`: whether the doorbells of runs are kept there (Dramatiq). Then it must not evict them.
    """
    try:
        await redis.call(redis.client.ping)
        began = clock.monotonic()
        await redis.call(redis.client.ping)
    except REDIS_ERRORS as error:
        return [Finding("Redis", False, _why(error))]
    milliseconds = (clock.monotonic() - began) * 1000
    facts = await _facts(redis)
    return [
        Finding("Redis", True, f"answers in {milliseconds:.1f} ms"),
        _version(facts),
        _encryption(redis),
        _eviction(await _policy(redis, facts), queue_on_redis),
        _persistence(facts, queue_on_redis),
        _memory(facts),
    ]


def _why(error: Exception) -> str:
    if isinstance(error.__context__, ssl.SSLCertVerificationError):
        return "Its certificate is not trusted: set HELIUM_REDIS__CA_FILE to the authority that signed it."
    if isinstance(error, AuthenticationError):
        return "It refuses the user or the password in HELIUM_REDIS_URL."
    if isinstance(error, NoPermissionError):
        return "Its user may not PING: see docs/decisions/0013-redis-is-a-convenience.md."
    if isinstance(error, (ConnectionError, TimeoutError, OSError)):
        return f"It does not answer: {type(error).__name__}. Helium works without it, more slowly."
    return f"It does not serve: {type(error).__name__}. Helium works without it, more slowly."


async def _facts(redis: RedisConnection) -> Mapping[str, Any]:
    """INFO; nothing where this user may not ask or the connection breaks."""
    try:
        return await redis.call(lambda: redis.client.info())
    except REDIS_ERRORS:
        return {}


async def _policy(redis: RedisConnection, facts: Mapping[str, Any]) -> str | None:
    if "maxmemory_policy" in facts:
        return str(facts["maxmemory_policy"])
    try:
        found = await redis.call(lambda: redis.client.config_get("maxmemory-policy"))
    except REDIS_ERRORS:
        return None
    return str(found.get("maxmemory-policy")) if found else None


def _version(facts: Mapping[str, Any]) -> Finding:
    version = facts.get("redis_version")
    if version is None:
        return Finding(
            "Redis version", None, "Its user may not ask (INFO); everything but this report works."
        )
    return Finding("Redis version", True, str(version))


def _encryption(redis: RedisConnection) -> Finding:
    if redis.encrypted:
        return Finding("Redis connection", True, "encrypted (TLS)")
    return Finding(
        "Redis connection", None, "not encrypted: `rediss://` is, for a server on another machine"
    )


def _eviction(policy: str | None, queue_on_redis: bool) -> Finding:
    what = "Redis eviction"
    if policy is None:
        needed = "must be" if queue_on_redis else "is best"
        return Finding(
            what, None, f"Its user may not ask (INFO, CONFIG GET): maxmemory-policy {needed} noeviction."
        )
    if policy == "noeviction":
        return Finding(what, True, policy)
    if queue_on_redis:
        return Finding(
            what, False, f"{policy}: it may drop queued doorbells; set maxmemory-policy noeviction."
        )
    return Finding(
        what, None, f"{policy}: caches and limits may be forgotten early, nothing else is there."
    )


def _persistence(facts: Mapping[str, Any], queue_on_redis: bool) -> Finding:
    what = "Redis persistence"
    if "aof_enabled" not in facts:
        return Finding(what, None, "unknown; none is needed")
    if facts["aof_enabled"]:
        return Finding(what, True, "append-only file")
    if queue_on_redis:
        return Finding(
            what, None, "no append-only file: a restart loses doorbells, which workers ring again."
        )
    return Finding(what, True, "no append-only file; none is needed")


def _memory(facts: Mapping[str, Any]) -> Finding:
    what = "Redis memory"
    if "used_memory_human" not in facts:
        return Finding(what, None, "unknown")
    limit = facts.get("maxmemory_human") if facts.get("maxmemory") else "no limit"
    return Finding(what, True, f"{facts['used_memory_human']} used, {limit}")
