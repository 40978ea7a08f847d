"""A whole Helium in this process on a database of its own, and clients of two workspaces."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from helium.bootstrap import Helium, open_helium
from helium.kit.ids import new_id
from helium.settings import Settings


@pytest.fixture
async def helium(database_url: str, tmp_path: Path) -> AsyncIterator[Helium]:
    settings = Settings(home=tmp_path, database_url=SecretStr(database_url))
    async with open_helium(settings, database_url, "all") as running:
        yield running


async def client_of_new_workspace(helium: Helium) -> httpx.AsyncClient:
    workspace_id = new_id()
    await helium.database.execute("insert into workspace (id, name) values ($1, 'test')", workspace_id)
    _, key = await helium.product.identity.create_key(workspace_id, "test")
    return httpx.AsyncClient(
        transport=httpx.ASGITransport(helium.app),  # pyright: ignore[reportArgumentType]
        base_url="http://helium",
        headers={"Authorization": f"Bearer {key}"},
        timeout=20,
    )


@pytest.fixture
async def client(helium: Helium) -> AsyncIterator[httpx.AsyncClient]:
    async with await client_of_new_workspace(helium) as http:
        yield http


@pytest.fixture
async def stranger(helium: Helium) -> AsyncIterator[httpx.AsyncClient]:
    """Somebody with a valid key to another workspace."""
    async with await client_of_new_workspace(helium) as http:
        yield http
