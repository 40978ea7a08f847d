"""Processes of this release and of the one before, on one database."""

from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from blockbuster import BlockBuster

from tests.support.databases import database_like
from tests.support.processes import BACKEND
from tests.upgrade.releases import Release, the_release_before


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.postgres)
            item.add_marker(pytest.mark.process)


@pytest.fixture(autouse=True)
def migrations_may_block(loop_guard: BlockBuster) -> None:
    """Which migrations there are is read from files."""
    for function in loop_guard.functions.values():
        function.can_block_in("helium/db/revisions.py", {"all", "_revision"})


@pytest.fixture(scope="session")
def before(tmp_path_factory: pytest.TempPathFactory) -> Generator[Release]:
    """The release before: it knows all migrations but the newest."""
    release = the_release_before(tmp_path_factory.mktemp("before"))
    yield release
    release.close()


@pytest.fixture(scope="session")
def now() -> Generator[Release]:
    release = Release(BACKEND)
    yield release
    release.close()


@pytest.fixture
def empty_url(postgres_url: str) -> Iterator[str]:
    with database_like(postgres_url, "template1") as url:
        yield url
