"""Where each secret comes from and whether it can be read, for `helium doctor`."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from helium.adapters.secrets.local import FolderSource
from helium.adapters.secrets.reference import LATEST, Kind, Reference, ReferenceInvalid
from helium.adapters.secrets.source import Away, NotThere
from helium.adapters.secrets.store import Secrets

READ = "can be read"
NOT_THERE = "is not there"
OPEN_TO_ALL = "can be read, by every account of this machine: take that right from the file"
_SHOWN: dict[Kind, str] = {"env": "environment"}


class Described(NamedTuple):
    """One variable: never its value, nor how long that is."""

    variable: str
    source: str
    version: str
    state: str

    @property
    def good(self) -> bool:
        return self.state in (READ, OPEN_TO_ALL)


async def describe(secrets: Secrets, names: Iterable[str]) -> list[Described]:
    """A row for each of these variables that is set. Asks their places, all at once, uncached."""
    rows = [_row(secrets, name) for name in names if secrets.environ.get(name)]
    return list(await asyncio.gather(*rows))


async def _row(secrets: Secrets, name: str) -> Described:
    try:
        reference = secrets.reference(name, secrets.environ[name])
    except ReferenceInvalid as error:
        return Described(name, "-", "-", str(error))
    if reference is None:
        return Described(name, "environment", "-", READ)
    version = (reference.version or LATEST) if reference.kind in ("gcp", "aws") else "-"
    source = _SHOWN.get(reference.kind, reference.kind)
    return Described(name, source, version, await _state(secrets, reference))


async def _state(secrets: Secrets, reference: Reference) -> str:
    try:
        await secrets.read(reference)
    except NotThere:
        return NOT_THERE
    except Away as error:
        return f"cannot be read: {error}"
    source = secrets.sources[reference.kind]
    if isinstance(source, FolderSource) and await source.open_to_all(reference):
        return OPEN_TO_ALL
    return READ
