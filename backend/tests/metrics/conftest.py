"""Real processes and a real Prometheus for the tests that need them."""

from collections.abc import Generator

import pytest

from tests.support.processes import Forge, forge


@pytest.fixture(scope="session")
def helium_forge() -> Generator[Forge]:
    with forge() as made:
        yield made
