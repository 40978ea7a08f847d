"""Agents by name: what a run of one executes."""

import re
from uuid import UUID

from helium.core.errors import InvalidRequest, NotFound
from helium.core.spec import AgentSpec
from helium.features.agents.repository import AgentRepository, AgentRow
from helium.kit.cache import ShortMemory
from helium.kit.clock import Clock
from helium.platform import Platform

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")
CACHE_SECONDS = 5.0

DEFAULT_INSTRUCTIONS = "You are Helium's default agent. Be brief. Use your tools where they help."


def default_definition(tools: tuple[str, ...]) -> AgentSpec:
    """The agent that every workspace has: the offline demonstration model with the built-in tools."""
    return AgentSpec(
        agent="default",
        version=0,
        model="offline:demo",
        instructions=DEFAULT_INSTRUCTIONS,
        tools=tools,
    )


class AgentService:
    """Resolves names to definitions; a new version is used within 5 s everywhere, here at once."""

    def __init__(self, repository: AgentRepository, platform: Platform, clock: Clock) -> None:
        self._repository = repository
        self._platform = platform
        self._cache: ShortMemory[tuple[UUID, str], tuple[UUID | None, AgentSpec]] = ShortMemory(
            clock, seconds=CACHE_SECONDS
        )

    async def resolve(self, workspace_id: UUID, name: str) -> tuple[UUID | None, AgentSpec]:
        """The agent's id and current definition. `provider:model` is an agent with nothing but
        that model. Raises `NotFound` for an unknown name, `InvalidRequest` for an unknown model."""
        key = (workspace_id, name)
        return await self._cache.get(key, lambda: self._look_up(workspace_id, name))

    async def _look_up(self, workspace_id: UUID, name: str) -> tuple[UUID | None, AgentSpec]:
        if ":" in name:
            self._platform.models.resolve(name)
            return None, AgentSpec(agent=name, version=0, model=name)
        row = await self._repository.current(workspace_id, name)
        if row is not None:
            return row.id, row.definition
        if name == "default":
            return None, default_definition(tuple(self._platform.tools))
        raise NotFound(
            f"There is no agent {name!r}. `GET /v1/agents` lists yours; `provider:model` names a"
            " bare model.",
            param="model",
        )

    async def save(self, workspace_id: UUID, name: str, definition: AgentSpec) -> AgentRow:
        """Make the agent or a new version of it. Raises `InvalidRequest` for what cannot run."""
        if not NAME.fullmatch(name):
            raise InvalidRequest(
                "An agent's name is 1 to 64 of a-z, 0-9, - and _, starting with a letter or digit.",
                param="name",
            )
        for model in (definition.model, *definition.fallback_models):
            self._platform.models.resolve(model)
        for tool in (*definition.tools, *definition.ask_before):
            if tool not in self._platform.tools:
                known = ", ".join(self._platform.tools)
                raise InvalidRequest(f"There is no tool {tool!r}. There are: {known}.", param="tools")
        row = await self._repository.save(workspace_id, name, definition)
        self._cache.forget((workspace_id, name))
        return row

    async def all(self, workspace_id: UUID) -> list[AgentRow]:
        """The workspace's agents, `default` among them."""
        rows = await self._repository.all(workspace_id)
        if not any(row.name == "default" for row in rows):
            definition = default_definition(tuple(self._platform.tools))
            built_in = AgentRow(
                id=UUID(int=0), name="default", version=0, definition=definition, created_at=0.0
            )
            rows.insert(0, built_in)
        return rows

    async def get(self, workspace_id: UUID, name: str) -> AgentRow:
        for row in await self.all(workspace_id):
            if row.name == name:
                return row
        raise NotFound("There is no such agent.")
