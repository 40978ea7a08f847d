"""What the routes are given: the engine's parts of this process, and the database."""

from dataclasses import dataclass

from helium.db.database import Database
from helium.engine.options import EngineOptions
from helium.engine.start import RunStarter
from helium.engine.tail import EventHub
from helium.engine.worker import Worker
from helium.features.files.service import FileService
from helium.features.identity.service import Identity
from helium.platform import Platform
from helium.ports import Cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    database: Database
    platform: Platform
    hub: EventHub
    starter: RunStarter
    identity: Identity
    files: FileService
    options: EngineOptions
    cache: Cache | None
    """What processes share; None where there is no Redis: each remembers by itself."""
    worker: Worker | None
    """The worker of this process, if it has one: told directly of cancels."""
