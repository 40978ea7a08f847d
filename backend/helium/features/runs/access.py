"""The only way from a request to a run or an action: within the subject's workspace, or not at all."""

from dataclasses import dataclass
from uuid import UUID

from helium.core.errors import NotFound
from helium.features.identity.subject import Subject
from helium.features.runs.repository import RunRepository
from helium.kit.ids import from_wire
from helium.ports import ActionRow, RunRow


@dataclass(frozen=True, slots=True)
class RunAccess:
    repository: RunRepository

    async def run(self, subject: Subject, wire_id: str) -> RunRow:
        """The run called `run_…` or `resp_…`. Raises `NotFound`, also for another workspace's."""
        run_id = from_wire("run", wire_id) or from_wire("resp", wire_id)
        row = await self.repository.run(run_id) if run_id is not None else None
        if row is None or row.workspace_id != subject.workspace_id:
            raise NotFound(f"There is no run {wire_id!r}.")
        return row

    async def action(self, subject: Subject, run_id: UUID, wire_id: str) -> ActionRow:
        """The action `act_…` of a run that the subject may see. Raises `NotFound`."""
        action_id = from_wire("act", wire_id)
        row = await self.repository.action(action_id) if action_id is not None else None
        if row is None or row.workspace_id != subject.workspace_id or row.run_id != run_id:
            raise NotFound(f"There is no action {wire_id!r}.")
        return row
