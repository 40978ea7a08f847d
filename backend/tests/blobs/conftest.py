"""A desk on a folder of the test's own."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from helium.adapters.blobs import open_blobs
from helium.bootstrap import Helium
from tests.blobs.desk import Desk, open_desk
from tests.features.conftest import helium

__all__ = ["helium"]


@pytest.fixture
async def desk(helium: Helium, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Desk]:
    store = await asyncio.to_thread(open_blobs, (tmp_path / "blobs").as_uri())
    async with open_desk(helium, store, monkeypatch) as made:
        yield made
