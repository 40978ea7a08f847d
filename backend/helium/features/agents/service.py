"""Agents by name: what a run of one executes."""

import re
from typing import NamedTuple
from uuid import UUID

import msgspec
import structlog

from helium.core.errors import InvalidRequest, NotFound
from helium.core.spec import AgentSpec
from helium.features.agents.repository import AgentRepository, AgentRow
from helium.kit.cache import ShortMemory
from helium.kit.clock import Clock
from helium.platform import Platform
from helium.ports import Cache

log = structlog.get_logger()
NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,63}")

# A new version is used everywhere after this long at most. With a shared cache, whose entries are
# invalidated, a process's own memory lasts for a part of it, and the shared entry for the rest.
CACHE_SECONDS = 5.0
NEAR_SECONDS = 1.0
LIST_SECONDS = 5.0
LIST_STALE_SECONDS = 60.0

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


class _Current(msgspec.Struct, frozen=True):
    """What a shared cache holds for a name."""

    id: UUID
    definition: AgentSpec


class Listed(NamedTuple):
    """An agent of a list."""

    name: str
    created_at: float


class AgentService:
    """Resolves names to definitions. A new version is used here at once, and in other processes within
    5 s; with a shared cache within 2 s, where the word of it reaches the cache."""

    def __init__(
        self, repository: AgentRepository, platform: Platform, clock: Clock, *, cache: Cache | None = None
    ) -> None:
        self._repository = repository
        self._platform = platform
        self._cache = cache
        seconds = CACHE_SECONDS if cache is None else NEAR_SECONDS
        self._known: ShortMemory[tuple[UUID, str], tuple[UUID | None, AgentSpec]] = ShortMemory(
            clock, seconds=seconds
        )

    async def resolve(self, workspace_id: UUID, name: str) -> tuple[UUID | None, AgentSpec]:
        """The agent's id and current definition. `provider:model` is an agent with nothing but
        that model. Raises `NotFound` for an unknown name, `InvalidRequest` for an unknown model."""
        key = (workspace_id, name)
        return await self._known.get(key, lambda: self._look_up(workspace_id, name))

    async def _look_up(self, workspace_id: UUID, name: str) -> tuple[UUID | None, AgentSpec]:
        if ":" in name:
            self._platform.models.resolve(name)
            return None, AgentSpec(agent=name, version=0, model=name)
        current = await self._shared(workspace_id, name)
        if current is not None:
            return current.id, current.definition
        return None, default_definition(tuple(self._platform.tools))

    async def _shared(self, workspace_id: UUID, name: str) -> _Current | None:
        """What some process has read within the last seconds."""
        if self._cache is None:
            return await self._current(workspace_id, name)

        async def compute() -> object:
            return msgspec.to_builtins(await self._current(workspace_id, name))

        key, tags = f"agents:{workspace_id}:{name}", (_tag(workspace_id),)
        value = await self._cache.get_or_compute(key, compute, CACHE_SECONDS - NEAR_SECONDS, tags=tags)
        try:
            return msgspec.convert(value, _Current | None)
        except msgspec.ValidationError:
            log.warning("cache.unreadable", namespace="agents")
            return await self._current(workspace_id, name)

    async def _current(self, workspace_id: UUID, name: str) -> _Current | None:
        """None for the default agent that nobody has changed. Raises `NotFound` for an unknown name."""
        row = await self._repository.current(workspace_id, name)
        if row is not None:
            return _Current(row.id, row.definition)
        if name == "default":
            return None
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
        try:
            if self._cache is not None:
                await self._cache.invalidate(_tag(workspace_id))
        finally:
            # Last: what was looked up meanwhile may have come from the shared entry.
            self._known.forget((workspace_id, name))
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

    async def listed(self, workspace_id: UUID) -> list[Listed]:
        """The names of `all`. What another process has made is missing for a second at most; where word of
        it did not reach the cache, for 5 s and one more call."""
        if self._cache is None:
            return await self._listed(workspace_id)
        value = await self._cache.get_or_compute(
            f"models:{workspace_id}",
            lambda: self._listed(workspace_id),
            LIST_SECONDS,
            stale_seconds=LIST_STALE_SECONDS,
            tags=(_tag(workspace_id),),
        )
        try:
            return msgspec.convert(value, list[Listed])
        except msgspec.ValidationError:
            log.warning("cache.unreadable", namespace="models")
            return await self._listed(workspace_id)

    async def _listed(self, workspace_id: UUID) -> list[Listed]:
        return [Listed(row.name, row.created_at) for row in await self.all(workspace_id)]

    async def get(self, workspace_id: UUID, name: str) -> AgentRow:
        for row in await self.all(workspace_id):
            if row.name == name:
                return row
        raise NotFound("There is no such agent.")


def _tag(workspace_id: UUID) -> str:
    """Of everything that is kept about a workspace's agents."""
    return f"agents:{workspace_id}"
