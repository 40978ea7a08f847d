"""What a migration declares: its phase, and what is done for it outside a transaction. Decision 0026.

- `expand`: the release before works as well on the schema after as on the one before.
- `backfill`: brings rows up to date, a few at a time, while everybody works.
- `enforce`: what only this release and later ones can live with; run when no process of an older one is
  left.
"""

from dataclasses import dataclass
from typing import Literal

Phase = Literal["expand", "backfill", "enforce"]
PHASES: tuple[Phase, ...] = ("expand", "backfill", "enforce")


@dataclass(frozen=True, slots=True)
class Index:
    """An index on a table that has rows: built while others write."""

    name: str
    on: str
    """`table (columns) where …`"""
    unique: bool = False

    @property
    def concurrently(self) -> str:
        return f"create {'unique ' * self.unique}index concurrently {self.name} on {self.on}"

    @property
    def at_once(self) -> str:
        return f"create {'unique ' * self.unique}index {self.name} on {self.on}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Backfill:
    """A change to all rows that lack it, in the order of their key. Rows that have it must not match
    `missing`: so a backfill that was broken off goes on where it was."""

    table: str
    key: str
    """One column, unique and not null."""
    missing: str
    change: str
    rows: int = 1000
    """in one transaction"""

    @property
    def at_once(self) -> str:
        return f"update {self.table} set {self.change} where {self.missing}"


def ensure(*steps: Index | Backfill) -> None:
    """For `upgrade()`: do these within the transaction, unless they were done before it, step by step."""
    from alembic import op

    if not op.get_context().opts.get("prepared"):
        for step in steps:
            op.execute(step.at_once)
