"""Tools, and the files that they keep for a thread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol
from uuid import UUID

from helium.core.items import FunctionTool
from helium.kit.clock import Clock

Effect = Literal["read", "idempotent", "once"]


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolContext:
    """Where a tool call happens."""

    workspace_id: UUID
    thread_id: UUID
    run_id: UUID
    idempotency_key: str
    """The same for every attempt at this call: hand it to whatever has the effect."""
    files: "FileStore"
    clock: Clock


class Tool(Protocol):
    """A function that a model may call."""

    @property
    def definition(self) -> FunctionTool: ...

    @property
    def effect(self) -> Effect:
        """`read` may be repeated freely, `idempotent` with the same key, `once` never."""
        ...

    @property
    def asks_person(self) -> bool:
        """True for a tool that is a question: the person's answer is its result."""
        ...

    async def call(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """Do it and say what came of it. Raises `ToolError` for what the model should read."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredFile:
    path: str
    size: int
    """bytes"""
    modified_at: float
    """seconds since 1970"""


class FileStore(Protocol):
    """A thread's files: small texts by relative path. Other threads' files cannot be named."""

    async def put(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        """Store or replace a file, durably and in one step. Raises `ToolError` for a bad path or size."""
        ...

    async def append(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        """Add to the end of a file. Twice is twice: callers are tools with effect `once`."""
        ...

    async def get(self, workspace_id: UUID, thread_id: UUID, path: str) -> bytes:
        """The file's content. Raises `ToolError` if there is none."""
        ...

    async def list(self, workspace_id: UUID, thread_id: UUID) -> Sequence[StoredFile]:
        """All files of the thread, by path."""
        ...
