"""Files: every query on their rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal
from uuid import UUID

import asyncpg

from helium.db.database import Database

Order = Literal["asc", "desc"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileRow:
    """A file whose bytes are stored."""

    id: UUID
    workspace_id: UUID
    name: str
    purpose: str
    content_type: str
    size: int
    """bytes"""
    sha256: bytes
    blob_key: str
    created_at: float
    expires_at: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredAs:
    """What is known of a file when its bytes are there."""

    purpose: str
    content_type: str
    size: int
    """bytes"""
    sha256: bytes
    lifetime: timedelta | None
    """from its creation; None: for good"""


_COLUMNS = """id, workspace_id, name, purpose, content_type, size, sha256, blob_key,
    extract(epoch from created_at)::float8 as created_at,
    extract(epoch from expires_at)::float8 as expires_at"""
_THERE = "state = 'stored' and (expires_at is null or expires_at > clock_timestamp())"


class FileRepository:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def file(self, file_id: UUID) -> FileRow | None:
        """A file that is there and has not expired."""
        row = await self._db.fetchrow(f"select {_COLUMNS} from file where id = $1 and {_THERE}", file_id)
        return FileRow(**dict(row)) if row is not None else None

    async def page(
        self, workspace_id: UUID, *, after: UUID | None, purpose: str | None, order: Order, limit: int
    ) -> list[FileRow]:
        """The workspace's files by age."""
        sign = "<" if order == "desc" else ">"
        rows = await self._db.fetch(
            f"select {_COLUMNS} from file where workspace_id = $1 and {_THERE}"
            f" and ($2::uuid is null or id {sign} $2) and ($3::text is null or purpose = $3)"
            f" order by id {order} limit $4",
            workspace_id,
            after,
            purpose,
            limit,
        )
        return [FileRow(**dict(row)) for row in rows]

    async def begin(
        self, file_id: UUID, workspace_id: UUID, blob_key: str, *, name: str, wanted: int, most: int
    ) -> int:
        """Reserve up to `wanted` bytes of the workspace's `most`, durably; the number of bytes reserved.

        A row in state `uploading` is there on return, unless nothing is left: then 0 and no row.
        """
        async with self._db.transaction() as connection:
            # One at a time, so that two uploads cannot both take the last bytes.
            await connection.execute(
                "select 1 from workspace where id = $1 for no key update", workspace_id
            )
            used = await connection.fetchval(
                "select coalesce(sum(size), 0)::bigint from file where workspace_id = $1", workspace_id
            )
            reserved = min(wanted, most - (used or 0))
            if reserved <= 0:
                return 0
            await connection.execute(
                "insert into file (id, workspace_id, name, purpose, size, blob_key)"
                " values ($1, $2, $3, '', $4, $5)",
                file_id,
                workspace_id,
                name,
                reserved,
                blob_key,
            )
            return reserved

    async def finish(self, file_id: UUID, stored: StoredAs) -> FileRow | None:
        """The bytes are there: show the file. None if its row was given up in the meantime."""
        row = await self._db.fetchrow(
            "update file set state = 'stored', state_at = clock_timestamp(), purpose = $2,"
            " content_type = $3, size = $4, sha256 = $5, expires_at = created_at + $6::interval"
            f" where id = $1 and state = 'uploading' returning {_COLUMNS}",
            file_id,
            stored.purpose,
            stored.content_type,
            stored.size,
            stored.sha256,
            stored.lifetime,
        )
        return FileRow(**dict(row)) if row is not None else None

    async def begin_delete(self, file_id: UUID) -> None:
        """From here on the file is not there, and its bytes will go."""
        await self._db.execute(
            "update file set state = 'deleting', state_at = clock_timestamp() where id = $1", file_id
        )

    async def forget(self, file_ids: Sequence[UUID]) -> None:
        """Remove the rows of deleted files whose bytes are gone."""
        await self._db.execute(
            "delete from file where id = any($1::uuid[]) and state = 'deleting'", list(file_ids)
        )

    async def claim_expired(
        self, *, abandoned_after: timedelta, retry_after: timedelta, limit: int
    ) -> list[tuple[UUID, str]]:
        """Files to be removed, now in state `deleting`, with the keys of their bytes: the expired, uploads
        that nobody has finished, and those that somebody began to delete and did not come back.

        Another process that asks meanwhile gets others, and the same ones only after `retry_after`.
        """
        rows = await self._db.fetch(
            "with due as materialized (select id from file"
            " where (state = 'stored' and expires_at <= clock_timestamp())"
            " or (state = 'uploading' and state_at < clock_timestamp() - $1::interval)"
            " or (state = 'deleting' and state_at < clock_timestamp() - $2::interval)"
            " limit $3 for update skip locked)"
            " update file set state = 'deleting', state_at = clock_timestamp()"
            " from due where file.id = due.id returning file.id, file.blob_key",
            abandoned_after,
            retry_after,
            limit,
        )
        return [_claimed(row) for row in rows]

    async def known_keys(self, keys: Sequence[str]) -> set[str]:
        """Those of these keys that a row names, in whatever state."""
        rows = await self._db.fetch(
            "select blob_key from file where blob_key = any($1::text[])", list(keys)
        )
        return {row["blob_key"] for row in rows}


def _claimed(row: asyncpg.Record) -> tuple[UUID, str]:
    return row["id"], row["blob_key"]
