"""The only way from a request to a file: within the subject's workspace, or not at all."""

from dataclasses import dataclass

from helium.core.errors import NotFound
from helium.features.files.repository import FileRepository, FileRow
from helium.features.identity.subject import Subject
from helium.kit.ids import from_wire


@dataclass(frozen=True, slots=True)
class FileAccess:
    repository: FileRepository

    async def file(self, subject: Subject, wire_id: str) -> FileRow:
        """The file called `file_…`. Raises `NotFound`, also for another workspace's."""
        file_id = from_wire("file", wire_id)
        row = await self.repository.file(file_id) if file_id is not None else None
        if row is None or row.workspace_id != subject.workspace_id:
            raise NotFound(f"There is no file {wire_id!r}.")
        return row
