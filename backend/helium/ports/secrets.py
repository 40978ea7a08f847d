"""Secrets by name, wherever they are kept."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's value, which `repr` and logs never show, and where it came from, which they may."""

    value: str
    source: str
    """Such as `environment`, `file`, `gcp`, `aws`."""
    version: str | None = None

    def __repr__(self) -> str:
        return f"Secret(source={self.source!r}, version={self.version!r})"


class SecretStore(Protocol):
    """Reads secrets. A value may change between two calls (rotation); whoever needs it asks again."""

    async def get(self, name: str) -> Secret | None:
        """The secret of this name, or None if there is none. Cached for a while; when the place that
        keeps it does not answer, the last good value is given and the failure is logged. Raises
        `SecretsUnavailable` (in `core.errors`) if there is no last good value either."""
        ...
