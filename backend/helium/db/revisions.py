"""The migrations of a release, in their order."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from helium.db.phases import PHASES, Phase

MIGRATIONS = Path(__file__).parent / "migrations"
VERSIONS = MIGRATIONS / "versions"
PHASE_LINE = re.compile(r'^phase = "(expand|backfill|enforce)"$', re.MULTILINE)


class OutOfOrder(Exception):
    """A release was left out: one sentence that says what to do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """A migration, known from its file alone: reading the phase must not cost an import of Alembic."""

    number: str
    phase: Phase

    def within(self, phase: Phase) -> bool:
        """Whether this is run when migrating up to and with `phase`."""
        return PHASES.index(self.phase) <= PHASES.index(phase)


@dataclass(frozen=True, slots=True)
class Migrations:
    """All files `NNNN_title.py` of a folder. Raises `ValueError` for one that declares no phase."""

    folder: Path = VERSIONS

    def all(self) -> Sequence[Revision]:
        return [_revision(path) for path in sorted(self.folder.glob("[0-9][0-9][0-9][0-9]_*.py"))]

    @property
    def head(self) -> str:
        """The newest revision."""
        return self.all()[-1].number

    @property
    def required(self) -> str:
        """The revision that the release cannot work without: its newest that is not `enforce`."""
        return [revision.number for revision in self.all() if revision.phase != "enforce"][-1]

    def waiting(self, found: str | None) -> Sequence[Revision]:
        """What a database at this revision lacks."""
        return [revision for revision in self.all() if found is None or revision.number > found]

    def next(self, found: str | None, phase: Phase) -> Sequence[Revision]:
        """The revisions to run, in order: up to the first one of a later phase.

        Raises `OutOfOrder` if that one is of an earlier release and keeps out what this release needs."""
        left = self.waiting(found)
        first = next((at for at, revision in enumerate(left) if not revision.within(phase)), len(left))
        kept_out = [revision for revision in left[first:] if revision.phase != "enforce"]
        if kept_out and left[first].phase == "enforce":
            raise OutOfOrder(
                f"Revision {left[first].number} (enforce) of an earlier release comes before"
                f" {kept_out[0].number}: deploy that release everywhere first, then run"
                " `helium migrate --phase enforce` with it."
            )
        return left[:first]

    def config(self) -> Any:
        """Alembic's, for this folder."""
        from alembic.config import Config  # imported here: it costs more than to read the folder

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS))
        config.set_main_option("path_separator", "newline")
        config.set_main_option("version_locations", str(self.folder))
        return config

    def module(self, revision: Revision) -> Any:
        """The migration itself."""
        from alembic.script import ScriptDirectory

        return ScriptDirectory.from_config(self.config()).get_revision(revision.number).module


def _revision(path: Path) -> Revision:
    found = PHASE_LINE.search(path.read_text())
    if found is None:
        raise ValueError(f'{path.name} declares no phase: write phase = "expand", "backfill" or "enforce"')
    phase: Any = found[1]
    return Revision(number=path.name[:4], phase=phase)
