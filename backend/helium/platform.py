"""All ports, wired: what the engine and the features are given."""

from collections.abc import Mapping
from dataclasses import dataclass

from helium.kit.clock import Clock
from helium.ports import Bell, BlobStore, Bus, FileStore, ModelCatalog, RunStore, Tool


@dataclass(frozen=True, slots=True, kw_only=True)
class Platform:
    clock: Clock
    runs: RunStore
    bell: Bell
    bus: Bus
    models: ModelCatalog
    tools: Mapping[str, Tool]
    files: FileStore
    blobs: BlobStore
