"""TLS with an authority of our own."""

import ssl
from pathlib import Path

import pytest
from redis.asyncio import SSLConnection
from redis.exceptions import ConnectionError

from helium.adapters.redis.connection import open_redis
from helium.kit.clock import SystemClock
from tests.support.redis_server import RedisServer

clock = SystemClock()


async def test_its_own_authority_is_trusted(tls_url: str, certificate: Path) -> None:
    async with open_redis(tls_url, ca_file=certificate) as redis:
        assert await redis.call(redis.client.ping)
        assert redis.encrypted


async def test_without_it_the_certificate_is_not_trusted(tls_url: str) -> None:
    async with open_redis(tls_url) as redis:
        with pytest.raises(ConnectionError) as caught:
            await redis.call(redis.client.ping)

    assert isinstance(caught.value.__context__, ssl.SSLCertVerificationError)


async def test_a_certificate_for_another_name_is_refused(tls_url: str, certificate: Path) -> None:
    async with open_redis(tls_url.replace("localhost", "127.0.0.2"), ca_file=certificate) as redis:
        with pytest.raises(ConnectionError):
            await redis.call(redis.client.ping)


async def test_the_systems_authorities_are_not_trusted_beside_a_ca_file(
    tls_url: str, certificate: Path, other_certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    async with open_redis(tls_url) as redis:
        assert await redis.call(redis.client.ping)

    async with open_redis(tls_url, ca_file=other_certificate) as redis:
        with pytest.raises(ConnectionError):
            await redis.call(redis.client.ping)


async def test_connections_share_one_tls_context(tls_url: str, certificate: Path) -> None:
    async with open_redis(tls_url, ca_file=certificate) as redis:
        pool = redis.client.connection_pool
        made = [await pool.get_connection() for _ in range(2)]
        contexts = {id(connection.ssl_context.get()) for connection in made if _is_tls(connection)}
        for connection in made:
            await pool.release(connection)

    assert len(contexts) == 1


def _is_tls(connection: object) -> bool:
    assert isinstance(connection, SSLConnection)
    return True


async def test_closing_waits_for_no_frozen_server(
    tls_server: RedisServer, tls_url: str, certificate: Path
) -> None:
    async with open_redis(tls_url, ca_file=certificate, timeout_seconds=2.0) as redis:
        assert await redis.call(redis.client.ping)
        tls_server.freeze()
        began = clock.monotonic()

    assert clock.monotonic() - began < 1


async def test_a_missing_ca_file_is_said_at_once(tls_url: str, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        async with open_redis(tls_url, ca_file=tmp_path / "none.pem"):
            pass
