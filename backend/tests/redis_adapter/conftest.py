"""Redis servers, and certificates made here."""

import asyncio
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from tests.support.redis_server import RedisServer, redis_prefix, redis_server, redis_url
from tests.support.servers import require

__all__ = ["redis_prefix", "redis_url"]

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
ON_BOTH_LOOPS = ("test_bus_outages", "test_tls")
"""Helium runs on uvloop, whose transports break in other ways."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    both = item.path.name.startswith(ON_BOTH_LOOPS)
    return LOOPS if both else {"asyncio": LOOPS["asyncio"]}


@pytest.fixture
def server() -> Iterator[RedisServer]:
    """A server that this test may break."""
    with redis_server() as running:
        yield running


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture(scope="session")
def other_certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One that no server here has."""
    return self_signed(tmp_path_factory.mktemp("other"))


def self_signed(folder: Path) -> Path:
    """A certificate for this machine, its key beside it; it is its own authority."""
    openssl = Path("/usr/bin/openssl")
    require(openssl)
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = [openssl, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
    subprocess.run([*made, *named, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate


@pytest.fixture
def tls_server(certificate: Path) -> Iterator[RedisServer]:
    """A server with TLS that this test may break."""
    pair = ("--tls-cert-file", str(certificate), "--tls-key-file", str(certificate.with_name("key.pem")))
    with redis_server(*pair, "--tls-ca-cert-file", str(certificate), "--tls-auth-clients", "no") as running:
        yield running


@pytest.fixture
def tls_url(tls_server: RedisServer) -> str:
    return f"rediss://localhost:{tls_server.port}/0"
