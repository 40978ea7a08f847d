"""Agents and their immutable versions: every query."""

from dataclasses import dataclass
from uuid import UUID

import asyncpg
import msgspec

from helium.core.spec import AgentSpec
from helium.db.database import Database
from helium.kit.ids import new_id


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentRow:
    id: UUID
    name: str
    version: int
    definition: AgentSpec
    created_at: float


_COLUMNS = """
    a.id, a.name, v.version, v.definition, extract(epoch from v.created_at)::float8 as created_at
"""
_decoder = msgspec.json.Decoder(AgentSpec)


class AgentRepository:
    def __init__(self, database: Database) -> None:
        self._db = database

    async def current(self, workspace_id: UUID, name: str) -> AgentRow | None:
        row = await self._db.fetchrow(
            f"select {_COLUMNS} from agent a join agent_version v"
            " on v.agent_id = a.id and v.version = a.current_version"
            " where a.workspace_id = $1 and a.name = $2",
            workspace_id,
            name,
        )
        return _agent(row) if row is not None else None

    async def all(self, workspace_id: UUID) -> list[AgentRow]:
        rows = await self._db.fetch(
            f"select {_COLUMNS} from agent a join agent_version v"
            " on v.agent_id = a.id and v.version = a.current_version"
            " where a.workspace_id = $1 order by a.name limit 1000",
            workspace_id,
        )
        return [_agent(row) for row in rows]

    async def save(self, workspace_id: UUID, name: str, definition: AgentSpec) -> AgentRow:
        """Make the agent, or a new version of it that is used from now on."""
        async with self._db.transaction() as connection:
            saved = await connection.fetchrow(
                "insert into agent (id, workspace_id, name, current_version) values ($1, $2, $3, 1)"
                " on conflict (workspace_id, name) do update"
                " set current_version = agent.current_version + 1 returning id, current_version",
                new_id(),
                workspace_id,
                name,
            )
            assert saved is not None
            version = saved["current_version"]
            definition = msgspec.structs.replace(definition, agent=name, version=version)
            created_at = await connection.fetchval(
                "insert into agent_version (agent_id, version, workspace_id, definition)"
                " values ($1, $2, $3, $4) returning extract(epoch from created_at)::float8",
                saved["id"],
                version,
                workspace_id,
                msgspec.json.encode(definition).decode(),
            )
        assert isinstance(created_at, float)
        return AgentRow(
            id=saved["id"],
            name=name,
            version=version,
            definition=definition,
            created_at=created_at,
        )


def _agent(row: asyncpg.Record) -> AgentRow:
    return AgentRow(
        id=row["id"],
        name=row["name"],
        version=row["version"],
        definition=_decoder.decode(row["definition"]),
        created_at=row["created_at"],
    )
