"""Which runs may be claimed, in the reference model: the words for what CLAIM says in SQL."""

from collections.abc import Iterable, Sequence
from math import ceil
from uuid import UUID

from helium.adapters.memory.run_record import RunRecord
from helium.ports import RunLimits

SUSPECT_SECONDS = 60.0
SUSPECT_DEATHS = 3


class FairQueue:
    """The queue at one moment, as one worker finds it."""

    def __init__(
        self,
        runs: Iterable[RunRecord],
        worker_id: UUID,
        *,
        now: float,
        limits: RunLimits,
        engine_version: int,
    ) -> None:
        self._runs = list(runs)
        self._engine_version = engine_version
        self._worker_id = worker_id
        self._now = now
        self._limits = limits

    def first(self, limit: int, overdue_seconds: float) -> Sequence[RunRecord]:
        """An equal share for each workspace that waits, those with the fewest running runs first."""
        before = self._now - overdue_seconds
        due = [run for run in self._waiting() if run.due_at <= before]
        suspects = self._suspects(due)
        workspaces = {run.workspace_id for run in self._runs if run.status == "queued" and not run.held}
        placed: list[tuple[int, float, UUID, RunRecord]] = []
        for workspace_id in workspaces:
            # Nobody is to be preferred where only one waits, so its running runs are not counted.
            room = min(ceil(limit / len(workspaces)), self._room(workspace_id))
            room -= sum(run.workspace_id == workspace_id for run in suspects)
            busy = self._running(workspace_id)
            mine = [r for r in due if r.workspace_id == workspace_id and not self._is_suspect(r)]
            for place, run in enumerate(mine[: max(0, room)], busy + 1):
                placed.append((place, run.due_at, run.id, run))
        free = min(limit, self._room(None))
        chosen = [run for *_, run in sorted(placed)][: max(0, free - len(suspects))]
        return _by_time([*suspects[:free], *chosen])

    def these(self, run_ids: set[UUID]) -> Sequence[RunRecord]:
        """Those of the named runs that may run, within the bounds."""
        asked = [run for run in self._waiting() if run.id in run_ids]
        if self._beside_suspect():
            asked = [run for run in asked if not self._is_suspect(run)]
        chosen: list[RunRecord] = []
        places: dict[UUID, int] = {}
        for run in asked:
            place = places[run.workspace_id] = places.get(run.workspace_id, 0) + 1
            second = self._is_suspect(run) and any(self._is_suspect(other) for other in chosen)
            if not second and place <= min(self._room(run.workspace_id), self._room(None)):
                chosen.append(run)
        return chosen

    def _waiting(self) -> list[RunRecord]:
        return _by_time(run for run in self._runs if run.due(self._now, self._engine_version))

    def _suspects(self, due: Sequence[RunRecord]) -> list[RunRecord]:
        """The one suspect of a crash that may go now; they go last, and one at a time, for a minute."""
        if self._beside_suspect() or any(self._died_before(r) for r in self._waiting()):
            return []
        return [r for r in due if self._is_suspect(r) and self._workspace_room(r.workspace_id) > 0][:1]

    def _died_before(self, run: RunRecord) -> bool:
        return 1 <= run.attempts_without_progress < SUSPECT_DEATHS

    def _is_suspect(self, run: RunRecord) -> bool:
        return run.attempts_without_progress >= SUSPECT_DEATHS and run.due_at >= self._now - SUSPECT_SECONDS

    def _beside_suspect(self) -> bool:
        return any(
            run.status == "in_progress"
            and run.worker_id == self._worker_id
            and run.attempts_without_progress >= SUSPECT_DEATHS
            for run in self._runs
        )

    def _running(self, workspace_id: UUID | None) -> int:
        return sum(
            run.status == "in_progress" and workspace_id in (None, run.workspace_id) for run in self._runs
        )

    def _workspace_room(self, workspace_id: UUID) -> int:
        return _left(self._limits.running_per_workspace, self._running(workspace_id))

    def _room(self, workspace_id: UUID | None) -> int:
        if workspace_id is not None:
            return self._workspace_room(workspace_id)
        return max(0, _left(self._limits.running, self._running(None)))


def _left(bound: int | None, used: int) -> int:
    return 2_000_000_000 if bound is None else bound - used


def _by_time(runs: Iterable[RunRecord]) -> list[RunRecord]:
    return sorted(runs, key=lambda run: (run.due_at, run.id))
