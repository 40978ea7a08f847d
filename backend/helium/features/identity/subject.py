"""Who is calling."""

from dataclasses import dataclass
from typing import Literal
from uuid import UUID

Scope = Literal["runs", "agents", "keys"]
ALL_SCOPES: tuple[Scope, ...] = ("runs", "agents", "keys")


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """The caller of a request: always within exactly one workspace."""

    kind: Literal["api_key"]
    id: UUID
    workspace_id: UUID
    scopes: frozenset[str]

    def may(self, scope: str) -> bool:
        return scope in self.scopes
