"""Queues on moto for every test of this folder, with a policy that allows five receives."""

from collections.abc import AsyncIterator

import pytest

from helium.adapters.sqs import SqsQueue
from helium.kit.clock import SystemClock
from tests.sqs.faulty import Faulty
from tests.sqs.place import Place, open_place


@pytest.fixture
async def place() -> AsyncIterator[Place]:
    async with open_place() as opened:
        yield opened


@pytest.fixture
def faulty(place: Place) -> Faulty:
    return Faulty(place.api)


@pytest.fixture
def queue(place: Place, faulty: Faulty) -> SqsQueue:
    """The queue, seen through `faulty`."""
    return SqsQueue(faulty, SystemClock(), name=place.name)
