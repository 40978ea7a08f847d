"""Catchers for what Helium sends, and real processes that send it."""

from collections.abc import Generator

import pytest

from tests.observe.receivers import Catcher, catcher
from tests.support.processes import Forge, forge


@pytest.fixture
def caught() -> Generator[Catcher]:
    with catcher() as server:
        yield server


@pytest.fixture(scope="session")
def helium_forge() -> Generator[Forge]:
    with forge() as made:
        yield made
