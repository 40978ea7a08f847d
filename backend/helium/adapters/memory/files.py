"""A thread's files in memory."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from helium.adapters.files.rules import FileLimits, in_the_way, no_file, parts_of
from helium.kit.clock import Clock
from helium.ports import StoredFile


@dataclass(frozen=True, slots=True)
class _Content:
    content: bytes
    modified_at: float


class MemoryFiles:
    """A `FileStore` that forgets when the process ends."""

    def __init__(self, clock: Clock, limits: FileLimits = FileLimits()) -> None:  # noqa: B008 - frozen
        self._clock = clock
        self._limits = limits
        self._threads: dict[tuple[UUID, UUID], dict[str, _Content]] = {}

    async def put(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        self._store(self._threads.setdefault((workspace_id, thread_id), {}), path, content)

    async def append(self, workspace_id: UUID, thread_id: UUID, path: str, content: bytes) -> None:
        files = self._threads.setdefault((workspace_id, thread_id), {})
        before = files.get("/".join(parts_of(path)))
        self._store(files, path, (before.content if before else b"") + content)

    async def get(self, workspace_id: UUID, thread_id: UUID, path: str) -> bytes:
        files = self._threads.get((workspace_id, thread_id), {})
        found = files.get("/".join(parts_of(path)))
        if found is None:
            raise no_file(path)
        return found.content

    async def list(self, workspace_id: UUID, thread_id: UUID) -> Sequence[StoredFile]:
        files = self._threads.get((workspace_id, thread_id), {})
        return [
            StoredFile(path=path, size=len(file.content), modified_at=file.modified_at)
            for path, file in sorted(files.items())
        ]

    def _store(self, files: dict[str, _Content], path: str, content: bytes) -> None:
        name = "/".join(parts_of(path))
        self._limits.check_size(len(content))
        if any(other.startswith(f"{name}/") or name.startswith(f"{other}/") for other in files):
            raise in_the_way(path)
        if name not in files:
            self._limits.check_room(len(files))
        files[name] = _Content(bytes(content), self._clock.time())
