"""An issuer of tokens, and the parts of the adapter around it."""

from collections.abc import AsyncIterator

import pytest

from helium.kit.clock import ManualClock
from tests.cloud_tasks.issuer import Issuer


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def issuer(clock: ManualClock) -> AsyncIterator[Issuer]:
    """It judges time as the test's clock does."""
    async with Issuer(clock).serving() as issuer:
        yield issuer
