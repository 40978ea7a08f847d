"""From settings to the engine's numbers."""

from datetime import timedelta

from helium.engine.options import EngineOptions
from helium.features.files.service import UploadLimits
from helium.ports import RunLimits
from helium.settings import Settings


def engine_options(settings: Settings, *, resident: bool = True) -> EngineOptions:
    """The engine's options. A process that is not `resident` (a function that is frozen between two
    calls) never looks for work by itself."""
    worker, stream, queue = settings.worker, settings.stream, settings.queue
    delivers = queue.kind != "local"
    overdue = queue.overdue_seconds if delivers else 0.0
    return EngineOptions(
        slots=min(worker.slots, queue.concurrency) if delivers else worker.slots,
        lease_ttl_seconds=worker.lease_ttl_seconds,
        poll_seconds=worker.poll_seconds,
        claim_overdue_seconds=overdue if resident else None,
        dead_man_bell=delivers and queue.dead_man_bell,
        queue_delivers=delivers,
        max_deliveries=queue.max_deliveries,
        sweep_seconds=worker.sweep_seconds,
        slice_seconds=worker.slice_seconds,
        max_attempts_without_progress=worker.max_attempts_without_progress,
        stuck_loop_seconds=worker.stuck_loop_seconds,
        step_timeout_seconds=worker.step_timeout_seconds,
        drain_seconds=worker.drain_seconds,
        model_tries=worker.model_tries,
        heartbeat_seconds=stream.heartbeat_seconds,
        max_connection_seconds=stream.max_connection_seconds,
        tail_poll_seconds=stream.poll_seconds,
        viewer_buffer_events=stream.viewer_buffer_events,
    )


def run_limits(settings: Settings) -> RunLimits:
    limits = settings.limits
    return RunLimits(
        queued_per_workspace=limits.queued_per_workspace,
        queued=limits.queued,
        running_per_workspace=limits.running_per_workspace,
        running=limits.running,
    )


def upload_limits(settings: Settings) -> UploadLimits:
    blobs = settings.blobs
    return UploadLimits(
        max_bytes=blobs.max_bytes,
        workspace_bytes=blobs.workspace_bytes,
        lifetime=timedelta(days=blobs.expire_days) if blobs.expire_days else None,
        link_lifetime=timedelta(seconds=blobs.link_seconds),
    )


def connections_of(settings: Settings) -> int:
    """Database connections that one process opens at most: its pool, and the one that renews its lease."""
    return settings.database.pool_size + 1
