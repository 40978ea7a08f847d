"""Putting a process together. Only the modules of this package name adapters.

`process` opens everything that a role needs, `services` what it shares with other processes (Redis, cache,
blobs, secrets), `queues` the way in which work arrives, `options` turns settings into the engine's numbers.
"""

from helium.bootstrap.options import connections_of, engine_options, run_limits
from helium.bootstrap.process import (
    PAGE_FOLDER,
    Helium,
    Role,
    open_helium,
    open_pool,
    tune_garbage_collector,
)

__all__ = [
    "PAGE_FOLDER",
    "Helium",
    "Role",
    "connections_of",
    "engine_options",
    "open_helium",
    "open_pool",
    "run_limits",
    "tune_garbage_collector",
]
