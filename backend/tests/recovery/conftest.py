"""Real processes on a real database; every test of this folder starts its own."""

from collections.abc import AsyncIterator, Generator
from pathlib import Path

import pytest

from tests.support.processes import Forge, forge
from tests.support.scene import Scene, scene


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = str(Path(__file__).parent)
    for item in items:
        if str(item.path).startswith(here):
            item.add_marker(pytest.mark.postgres)
            item.add_marker(pytest.mark.process)


@pytest.fixture(scope="session")
def helium_forge() -> Generator[Forge]:
    with forge() as made:
        yield made


@pytest.fixture
async def stage(helium_forge: Forge, tmp_path: Path, database_url: str) -> AsyncIterator[Scene]:
    """An API process on a database of its own; the test starts the workers."""
    async with scene(helium_forge, tmp_path, database_url) as made:
        yield made
