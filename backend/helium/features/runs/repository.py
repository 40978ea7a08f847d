"""Runs as people see them: rows, recorded output, pending actions."""

from collections import defaultdict
from collections.abc import Sequence
from uuid import UUID

from helium.core.items import Item
from helium.db.database import Database
from helium.db.rows import action_row, result_decoder, run_row
from helium.db.run_queue import ACTION_COLUMNS, RUN_COLUMNS
from helium.ports import ActionRow, RunRow


class RunRepository:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def run(self, run_id: UUID) -> RunRow | None:
        row = await self._db.fetchrow(f"select {RUN_COLUMNS} from run r where r.id = $1", run_id)
        return run_row(row) if row is not None else None

    async def recent(
        self, workspace_id: UUID, *, before: UUID | None, status: str | None, limit: int
    ) -> list[RunRow]:
        """The workspace's runs, newest first, older than `before`."""
        rows = await self._db.fetch(
            f"select {RUN_COLUMNS} from run r where r.workspace_id = $1"
            " and ($2::uuid is null or r.id < $2) and ($3::text is null or r.status = $3)"
            " order by r.id desc limit $4",
            workspace_id,
            before,
            status,
            limit,
        )
        return [run_row(row) for row in rows]

    async def of_thread(self, thread_id: UUID, limit: int) -> list[RunRow]:
        """The last runs of a thread, oldest first."""
        rows = await self._db.fetch(
            f"select * from (select {RUN_COLUMNS} from run r where r.thread_id = $1"
            " order by r.id desc limit $2) last order by id",
            thread_id,
            limit,
        )
        return [run_row(row) for row in rows]

    async def outputs(self, run_ids: Sequence[UUID]) -> dict[UUID, list[Item]]:
        """What is recorded of each run's answer."""
        found: defaultdict[UUID, list[Item]] = defaultdict(list)
        rows = await self._db.fetch(
            "select run_id, result from step where run_id = any($1::uuid[]) order by run_id, position",
            list(run_ids),
        )
        for row in rows:
            found[row["run_id"]].extend(result_decoder.decode(row["result"]).items)
        return found

    async def pending_actions(self, run_ids: Sequence[UUID]) -> dict[UUID, ActionRow]:
        rows = await self._db.fetch(
            f"select {ACTION_COLUMNS} from action where run_id = any($1::uuid[]) and state = 'pending'",
            list(run_ids),
        )
        return {row["run_id"]: action_row(row) for row in rows}

    async def action(self, action_id: UUID) -> ActionRow | None:
        row = await self._db.fetchrow(f"select {ACTION_COLUMNS} from action where id = $1", action_id)
        return action_row(row) if row is not None else None

    async def decision(self, action_id: UUID) -> tuple[str | None, str | None, str | None]:
        """What was decided, the answer, and by whom."""
        row = await self._db.fetchrow(
            "select decision, answer, decided_by from action where id = $1", action_id
        )
        return (row["decision"], row["answer"], row["decided_by"]) if row else (None, None, None)
