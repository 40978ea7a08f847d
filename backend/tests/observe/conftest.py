"""Catchers for what Helium sends, and real processes that send it."""

from collections.abc import Generator

import pytest

from helium.kit import logs
from tests.observe.receivers import Catcher, catcher
from tests.support.processes import Forge, forge


@pytest.fixture(autouse=True)
def logs_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tests that configure logging put structlog back by themselves, but not this."""
    monkeypatch.setattr(logs, "_direct", None)


@pytest.fixture
def caught() -> Generator[Catcher]:
    with catcher() as server:
        yield server


@pytest.fixture(scope="session")
def helium_forge() -> Generator[Forge]:
    with forge() as made:
        yield made
