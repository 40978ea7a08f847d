"""Threads: every query."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from helium.db.database import Database
from helium.kit.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class ThreadRow:
    id: UUID
    workspace_id: UUID
    title: str
    status: str
    """`idle`, or the state of the thread's latest run."""
    metadata: dict[str, str]
    head_run_id: UUID | None
    created_at: float
    updated_at: float


_SELECT = """
select t.id, t.workspace_id, t.title, t.metadata, t.head_run_id,
    coalesce((select r.status from run r where r.id = t.head_run_id), 'idle') as status,
    extract(epoch from t.created_at)::float8 as created_at,
    extract(epoch from t.updated_at)::float8 as updated_at
from thread t
"""


class ThreadRepository:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def thread(self, thread_id: UUID) -> ThreadRow | None:
        row = await self._db.fetchrow(f"{_SELECT} where t.id = $1", thread_id)
        return _thread(row) if row is not None else None

    async def recent(
        self, workspace_id: UUID, *, before: tuple[float, UUID] | None, limit: int
    ) -> list[ThreadRow]:
        """The workspace's threads, the last used first."""
        rows = await self._db.fetch(
            f"{_SELECT} where t.workspace_id = $1 and ($2::float8 is null"
            " or (t.updated_at, t.id) < (to_timestamp($2), $3::uuid))"
            " order by t.updated_at desc, t.id desc limit $4",
            workspace_id,
            before[0] if before else None,
            before[1] if before else None,
            limit,
        )
        return [_thread(row) for row in rows]

    async def create(self, workspace_id: UUID, title: str, metadata: dict[str, str]) -> ThreadRow:
        thread_id = new_id()
        await self._db.execute(
            "insert into thread (id, workspace_id, title, metadata) values ($1, $2, $3, $4)",
            thread_id,
            workspace_id,
            title,
            msgspec.json.encode(metadata).decode(),
        )
        row = await self.thread(thread_id)
        assert row is not None
        return row

    async def delete(self, thread_id: UUID) -> bool:
        """Delete a thread with its runs; False while one of them is active."""
        async with self._db.transaction() as connection:
            await connection.execute("select 1 from thread where id = $1 for update", thread_id)
            active = await connection.fetchval(
                "select exists (select 1 from run where thread_id = $1"
                " and status in ('queued', 'in_progress', 'requires_action'))",
                thread_id,
            )
            if active:
                return False
            await connection.execute(
                "delete from event where run_id in (select id from run where thread_id = $1)",
                thread_id,
            )
            await connection.execute("delete from thread where id = $1", thread_id)
            return True


def _thread(row: asyncpg.Record) -> ThreadRow:
    return ThreadRow(**{**dict(row), "metadata": msgspec.json.decode(row["metadata"])})
