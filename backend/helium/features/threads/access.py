"""The only way from a request to a thread: within the subject's workspace, or not at all."""

from dataclasses import dataclass

from helium.core.errors import NotFound
from helium.features.identity.subject import Subject
from helium.features.threads.repository import ThreadRepository, ThreadRow
from helium.kit.ids import from_wire


@dataclass(frozen=True, slots=True)
class ThreadAccess:
    repository: ThreadRepository

    async def thread(self, subject: Subject, wire_id: str) -> ThreadRow:
        """The thread called `thr_…` or `conv_…`. Raises `NotFound`, also for another workspace's."""
        thread_id = from_wire("thr", wire_id) or from_wire("conv", wire_id)
        row = await self.repository.thread(thread_id) if thread_id is not None else None
        if row is None or row.workspace_id != subject.workspace_id:
            raise NotFound(f"There is no thread {wire_id!r}.")
        return row
