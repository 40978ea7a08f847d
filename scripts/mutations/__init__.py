"""The guards that `mutate.py` takes away: where each stands, what it becomes, who must notice."""

from mutations import engine, process, store
from mutations.guard import Guard

GUARDS = (*store.GUARDS, *engine.GUARDS, *process.GUARDS)

__all__ = ["GUARDS", "Guard"]
