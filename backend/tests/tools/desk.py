"""A place to call tools in, as the engine does: files in memory and a clock that stands still."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from helium.adapters.memory.files import MemoryFiles
from helium.engine.tools import BUILT_IN
from helium.kit.clock import ManualClock
from helium.ports import ToolContext


class Desk:
    """One thread in which tools are called, at noon on 1 July 2026 (UTC)."""

    def __init__(self) -> None:
        self.clock = ManualClock(datetime(2026, 7, 1, 12, 0, tzinfo=UTC).timestamp())
        self.files = MemoryFiles(self.clock)
        self.thread = (UUID(int=1), UUID(int=2))

    async def call(self, tool: str, arguments: dict[str, Any], key: str = "key") -> str:
        return await BUILT_IN[tool].call(arguments, self.context(key))

    def context(self, key: str = "key") -> ToolContext:
        workspace_id, thread_id = self.thread
        return ToolContext(
            workspace_id=workspace_id,
            thread_id=thread_id,
            run_id=UUID(int=3),
            idempotency_key=key,
            files=self.files,
            clock=self.clock,
        )

    async def paths(self) -> list[str]:
        return [file.path for file in await self.files.list(*self.thread)]
