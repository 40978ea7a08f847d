"""An application with files in this process, and somebody who uses it."""

from collections.abc import AsyncGenerator, AsyncIterable, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta
from types import MappingProxyType
from typing import Any, NamedTuple

import httpx
import pytest

from helium.adapters.blobs import ObjectBlobs
from helium.api import errors
from helium.api.app import ROUTERS, build_resources
from helium.api.middleware import App
from helium.bootstrap import Helium
from helium.core.errors import BlobsUnavailable
from helium.features.files import endpoints
from helium.features.files.cleanup import FileCleanup
from helium.features.files.repository import FileRepository
from helium.features.files.service import FileService, UploadLimits
from helium.kit.asgi import Receive, Scope, Send
from helium.kit.clock import ManualClock, SystemClock
from helium.kit.ids import new_id

NO_FIELDS: Mapping[str, str] = MappingProxyType({})
LIMITS = UploadLimits(max_bytes=1_000_000, workspace_bytes=3_000_000)


class FailingBlobs(ObjectBlobs):
    """A store that can be told at which call to fail, before or after it has had its effect."""

    def __init__(self, store: ObjectBlobs) -> None:
        super().__init__(store._store, store._folder)  # pyright: ignore[reportPrivateUsage]
        self.fails_at = ""

    async def put(self, key: str, chunks: AsyncIterable[bytes]) -> int:
        self._fail("before put")
        size = await super().put(key, chunks)
        self._fail("after put")
        return size

    async def delete(self, key: str) -> None:
        self._fail("before delete")
        await super().delete(key)
        self._fail("after delete")

    def _fail(self, point: str) -> None:
        if point == self.fails_at:
            raise BlobsUnavailable("The store is away.")


class Desk(NamedTuple):
    app: App
    http: httpx.AsyncClient
    helium: Helium
    blobs: FailingBlobs
    service: FileService

    async def upload(
        self, content: bytes, name: str = "a.txt", fields: Mapping[str, str] = NO_FIELDS
    ) -> httpx.Response:
        data = {"purpose": "user_data", **fields}
        return await self.http.post("/v1/files", data=data, files={"file": (name, content)})

    async def stored(
        self, content: bytes = b"hello", name: str = "a.txt", fields: Mapping[str, str] = NO_FIELDS
    ) -> str:
        """The id of a new file."""
        answer = await self.upload(content, name, fields)
        assert answer.status_code == 200, answer.text
        return answer.json()["id"]

    async def content(self, file_id: str, **headers: str) -> httpx.Response:
        return await self.http.get(f"/v1/files/{file_id}/content", headers=headers)

    async def rows(self) -> list[tuple[str, int]]:
        """State and size of every row."""
        found = await self.helium.database.fetch("select state, size from file order by id")
        return [(row["state"], row["size"]) for row in found]

    async def keys(self) -> list[str]:
        return [blob.key async for blob in self.blobs.list("files")]

    async def nothing_left(self) -> bool:
        return (await self.rows(), await self.keys()) == ([], [])

    async def age(self, **by: float) -> None:
        """Make all rows older."""
        await self.helium.database.execute(
            "update file set state_at = state_at - $1::interval, expires_at = expires_at - $1::interval",
            timedelta(**by),
        )

    def cleanup(self, *, later_by: timedelta = timedelta()) -> FileCleanup:
        """A clean-up, by a clock that is ahead."""
        clock = ManualClock(SystemClock().time() + later_by.total_seconds())
        return FileCleanup(self.service.repository, self.blobs, clock)

    @asynccontextmanager
    async def somebody(self, *scopes: str) -> AsyncGenerator[httpx.AsyncClient]:
        """A client of a new workspace."""
        workspace_id = new_id()
        await self.helium.database.execute(
            "insert into workspace (id, name) values ($1, 'test')", workspace_id
        )
        _, key = await self.helium.product.identity.create_key(
            workspace_id, "test", scopes or ("runs", "agents", "keys")
        )
        async with httpx.AsyncClient(
            transport=httpx.ASGITransport(self.app),  # pyright: ignore[reportArgumentType]
            base_url="http://helium",
            headers={"Authorization": f"Bearer {key}"},
            timeout=60,
        ) as http:
            yield http


@asynccontextmanager
async def open_desk(
    helium: Helium, store: ObjectBlobs, patch: pytest.MonkeyPatch, limits: UploadLimits = LIMITS
) -> AsyncGenerator[Desk]:
    patch.setattr(errors, "OPENAI_PATHS", ("/v1/files", *errors.OPENAI_PATHS))
    blobs = FailingBlobs(store)
    service = FileService(FileRepository(helium.database), blobs, limits, SystemClock())
    resources = build_resources()
    if endpoints.router not in ROUTERS:
        resources.include_router(endpoints.router)
    state: Any = resources.state
    state.product, state.files = helium.product, service

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        scope["request_id"] = "req_test"
        await resources(scope, receive, send)

    async with httpx.AsyncClient() as nobody:
        desk = Desk(app, nobody, helium, blobs, service)
        async with desk.somebody() as http:
            yield desk._replace(http=http)
