"""The image, built once; and an installation of it on a PostgreSQL of the tests' own."""

import os
import shutil
import subprocess
import sys
from collections.abc import Generator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import pytest

from tests.images.containers import Container, container
from tests.support.databases import statement
from tests.support.servers import postgres_15

ROOT = Path(__file__).resolve().parents[3]
PROGRAMS = ("buildah", "podman", "runc")
BUILD_SECONDS = 900
SOCKETS = "/run/postgresql"
"""Where the containers find the server's socket."""


@dataclass(frozen=True, slots=True)
class Installation:
    """An image and a database: containers of one with the other."""

    image: str
    server: Path
    """The folder of the server's socket."""
    database: str

    def run(self, *arguments: str, **env: str) -> AbstractContextManager[Container]:
        """A container with these arguments of `helium`, on loopback only."""
        url = f"postgresql://helium@/{self.database}?host={SOCKETS}&port=5432"
        own = {"HELIUM_DATABASE_URL": url, "HELIUM_HOST": "127.0.0.1", "HELIUM_LOG_FORMAT": "json"}
        return container(self.image, *arguments, env={**own, **env}, folders={self.server: SOCKETS})


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here):
            item.add_marker("image")
            item.add_marker(pytest.mark.timeout(BUILD_SECONDS + 60))


@pytest.fixture(scope="session")
def image() -> str:
    """The image's name: `HELIUM_TEST_IMAGE`, or the one that is built now from this checkout."""
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    if missing or os.geteuid() != 0:
        if os.environ.get("CI"):
            pytest.fail(f"CI must run this as root and have {PROGRAMS}; missing: {missing}")
        pytest.skip(f"needs root and {', '.join(PROGRAMS)}")
    if given := os.environ.get("HELIUM_TEST_IMAGE"):
        return given
    tag = "localhost/helium-backend:test"
    command = [sys.executable, ROOT / "scripts/build_image.py", "--tag", tag]
    built = subprocess.run(command, capture_output=True, text=True, timeout=BUILD_SECONDS, check=False)
    assert built.returncode == 0, built.stdout[-2000:] + built.stderr[-3000:]
    sys.stdout.write(built.stdout[-500:])
    return tag


@pytest.fixture(scope="session")
def installation(image: str) -> Generator[Installation]:
    """A PostgreSQL 15 with a database that the image itself migrated."""
    name = f"helium_{uuid4().hex[:12]}"
    with postgres_15() as url:
        server = Path(parse_qs(urlsplit(url).query)["host"][0])
        server.chmod(0o711)  # the containers' account passes through it to the socket
        statement(url, f"create database {name}")
        made = Installation(image, server, name)
        with made.run("migrate") as migration:
            assert migration.gone() == 0, migration.said()
        yield made
