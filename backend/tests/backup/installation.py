"""One Helium with runs and files, and what a test does with its backups."""

import hashlib
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import asyncpg

from helium.adapters.blobs import ObjectBlobs, open_blobs
from helium.backup import Archive, Backups, Keyring, Manifest, Restored, restore, take_backup
from helium.backup.sealing import new_data_key
from helium.backup.tables import shapes
from helium.core.states import RunStatus
from helium.db.database import Database
from helium.kit.clock import Clock, SystemClock
from helium.kit.ids import new_id
from helium.ports import ClaimedRun, Write
from tests.support.factories import (
    a_step,
    a_write,
    an_action,
    an_intent,
    delta,
    finish,
    hand_over,
    new_run,
    park,
)
from tests.support.sides import PostgresSide, claimed, started


class Installation:
    leased: ClaimedRun
    """A run that is in progress when the backup is made."""

    def __init__(
        self, url: str, database: Database, live: ObjectBlobs, place: ObjectBlobs, keyring: Keyring | None
    ) -> None:
        self.url = url
        self.side = PostgresSide(database)
        self.live = live
        self.place = place
        self.keyring = keyring

    async def back_up(self, name: str = "one", *, clock: Clock | None = None, **more: Any) -> Manifest:
        archive = Archive(self.place, name, new_data_key() if self.keyring else None, **more)
        return await take_backup(self.url, archive, self.live, clock or SystemClock(), keyring=self.keyring)

    async def bring_back(
        self, url: str, name: str = "latest", *, live: ObjectBlobs | None = None
    ) -> Restored:
        archive, manifest = await Backups(self.place, self.keyring).open(name)
        return await restore(url, archive, manifest, live or open_blobs("memory:///"))

    async def file(self, workspace_id: UUID, content: bytes, *, sha256: bytes | None = None) -> str:
        """An uploaded file; its blob's key."""
        file_id = new_id()
        key = f"files/{workspace_id.hex}/{file_id.hex}"
        await self.live.put(key, stream(content))
        await self.side.database.execute(
            "insert into file (id, workspace_id, name, purpose, size, sha256, blob_key, state)"
            " values ($1, $2, E'tab\t and \\\\ and\nline.txt', 'user', $3, $4, $5, 'stored')",
            file_id,
            workspace_id,
            len(content),
            sha256 or hashlib.sha256(content).digest(),
            key,
        )
        return key

    async def one_run_of_each_kind(self) -> UUID:
        """Runs in every state, also parked, held, handed over, in doubt and asked to end; the workspace
        of one that is in progress."""
        ends: tuple[RunStatus, ...] = ("completed", "failed", "cancelled", "incomplete")
        for status in ends:
            await started(self.side, idempotency_key=f"key {status}", request_hash=b"hash")
            await self._commit(finish(await claimed(self.side), status, step=a_step()))
        await started(self.side)
        run = await claimed(self.side)
        await self._commit(park(run, an_action(run)))
        await started(self.side)
        await self._commit(hand_over(await claimed(self.side), due_in_seconds=3600))
        return await self._in_progress()

    async def _in_progress(self) -> UUID:
        asked = await started(self.side)
        await claimed(self.side)
        await self.side.store.request_cancel(asked.id)
        new = await started(self.side)
        self.leased = await claimed(self.side)
        odd = delta("caf\u00e9 \\ \t \n \u0000 \U0001f40d")
        await self._commit(a_write(self.leased, odd, intent=an_intent()))
        behind = new_run(new.workspace_id, thread_id=new.thread_id, when_busy="enqueue")
        await self.side.store.start([behind])
        await started(self.side)
        return new.workspace_id

    async def _commit(self, write: Write) -> None:
        (done,) = await self.side.store.commit([write])
        assert not isinstance(done, Exception), repr(done)


async def stream(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def read(blobs: ObjectBlobs, key: str) -> bytes:
    return b"".join([chunk async for chunk in blobs.get(key)])


async def everything(url: str) -> dict[str, list[str]]:
    """All rows of all tables, as text."""
    connection = await asyncpg.connect(url)
    try:
        return {
            shape.name: sorted(
                json.dumps({name: str(value) for name, value in row.items()})
                for row in await connection.fetch(f"select * from {shape.name}")
            )
            for shape in await shapes(connection)
        }
    finally:
        await connection.close()
