"""Putting a process together. Only this module names adapters."""

import asyncio
import gc
import os
from collections.abc import AsyncGenerator, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from helium.adapters.files.local import LocalFiles
from helium.adapters.memory.bell import LocalBell
from helium.adapters.offline import OfflineModel
from helium.adapters.providers.catalog import ProviderCatalog
from helium.adapters.scripted import ScriptedModel
from helium.api.app import build_app
from helium.api.middleware import App
from helium.api.page import Page
from helium.db.database import CONNECTION_ERRORS, Database, open_database
from helium.db.run_store import PostgresRunStore
from helium.engine.lease import Lease, LeaseKeeper
from helium.engine.log_writer import LogWriter
from helium.engine.options import EngineOptions
from helium.engine.start import RunStarter
from helium.engine.sweeper import Sweeper
from helium.engine.tail import EventHub
from helium.engine.tools import BUILT_IN
from helium.engine.worker import Worker
from helium.features.identity.service import Identity
from helium.features.product import Product
from helium.kit.clock import SystemClock
from helium.kit.ids import new_id
from helium.platform import Platform
from helium.ports import Model, RunStore
from helium.settings import Settings

log = structlog.get_logger()
Role = Literal["all", "api", "worker"]
PAGE_FOLDER = Path(__file__).resolve().parents[2] / "frontend" / "out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Helium:
    """A running process: what it serves, and how it stops."""

    app: App
    product: Product
    database: Database

    async def drain(self, seconds: float) -> None:
        """Stop claiming, bring runs to a boundary or hand them over, send the viewers elsewhere."""
        self.product.hub.close()
        if self.product.worker is not None:
            await self.product.worker.drain(seconds)


@asynccontextmanager
async def open_helium(settings: Settings, url: str, role: Role) -> AsyncGenerator[Helium]:
    """Everything of one process, running, on a migrated database; taken down at the end."""
    clock = SystemClock()
    options = engine_options(settings)
    async with AsyncExitStack() as stack:
        database = await stack.enter_async_context(open_pool(settings, url))
        store = PostgresRunStore(database)
        models = await stack.enter_async_context(await _models(settings, clock))
        bell = LocalBell()
        platform = Platform(
            clock=clock,
            runs=store,
            bell=bell,
            models=models,
            tools=BUILT_IN,
            files=LocalFiles(settings.home / "files"),
        )
        hub = EventHub(
            store,
            clock,
            poll_seconds=options.tail_poll_seconds,
            buffer_events=options.viewer_buffer_events,
        )
        starter = RunStarter(store, bell, hub)
        tasks: list[Coroutine[None, None, None]] = [hub.serve(CONNECTION_ERRORS), starter.serve()]
        worker = None
        if role in ("all", "worker"):
            worker = await _open_worker(stack, platform, hub, options, settings, url, tasks)
            bell.listen(worker.ring)
            sweeper = Sweeper(store, bell, clock, options, CONNECTION_ERRORS)
            tasks.append(sweeper.serve())
        await stack.enter_async_context(_running(tasks))
        product = Product(
            database=database,
            platform=platform,
            hub=hub,
            starter=starter,
            identity=Identity(database, clock),
            options=options,
            worker=worker,
        )
        page = await asyncio.to_thread(_page, role)
        yield Helium(app=build_app(product, page), product=product, database=database)


def open_pool(settings: Settings, url: str) -> AbstractAsyncContextManager[Database]:
    return open_database(
        url,
        pool_size=settings.database.pool_size,
        pooler=settings.database.pooler,
        timeout_seconds=settings.database.statement_timeout_seconds,
        connect_seconds=settings.database.connect_timeout_seconds,
    )


async def _models(settings: Settings, clock: SystemClock) -> ProviderCatalog:
    """The providers that the environment configures, and the models that need none."""
    gather_seconds = settings.stream.gather_seconds
    extra: dict[str, Model] = {"offline": OfflineModel(clock=clock, gather_seconds=gather_seconds)}
    script = os.environ.get("HELIUM_SCRIPT")
    if script:
        extra["scripted"] = await asyncio.to_thread(ScriptedModel.from_file, Path(script))
    return ProviderCatalog(os.environ, clock, extra=extra, gather_seconds=gather_seconds)


async def _open_worker(
    stack: AsyncExitStack,
    platform: Platform,
    hub: EventHub,
    options: EngineOptions,
    settings: Settings,
    url: str,
    tasks: list[Coroutine[None, None, None]],
) -> Worker:
    """A worker with its lease, its thread that renews it, and the writer of its runs' logs."""
    lease = Lease(new_id(), options.lease_ttl_seconds)
    writer = LogWriter(platform.runs, hub, platform.clock, CONNECTION_ERRORS)
    hub.local_runs(writer.holds)
    worker = Worker(platform, writer, hub, lease, options, CONNECTION_ERRORS)
    writer.on_successor = worker.promote_soon

    @asynccontextmanager
    async def open_store() -> AsyncGenerator[RunStore]:
        async with open_database(
            url,
            pool_size=1,
            pooler=settings.database.pooler,
            timeout_seconds=options.lease_ttl_seconds,
            connect_seconds=options.lease_ttl_seconds,
        ) as own:
            yield PostgresRunStore(own)

    keeper = LeaseKeeper(
        lease,
        open_store,
        CONNECTION_ERRORS,
        stuck_loop_seconds=options.stuck_loop_seconds,
        on_cancels=worker.cancel,
    )
    stack.push_async_callback(_give_back, platform, lease)
    stack.push_async_callback(keeper.stop)
    keeper.start()
    tasks.extend([writer.serve(), worker.serve()])
    return worker


def _page(role: Role) -> Page:
    """The built page, where it is built and this process serves it."""
    return Page(PAGE_FOLDER if role != "worker" and PAGE_FOLDER.is_dir() else None)


async def _give_back(platform: Platform, lease: Lease) -> None:
    """Return what the worker still holds, so that nobody waits for the lease to expire."""
    try:
        async with asyncio.timeout(2):
            await platform.runs.release(lease.worker_id)
    except CONNECTION_ERRORS as error:
        log.warning("worker.release_failed", error=type(error).__name__)


@asynccontextmanager
async def _running(work: list[Coroutine[None, None, None]]) -> AsyncGenerator[None]:
    """Run these until the end of the block. If one of them fails, the block ends with its error."""
    owner = asyncio.current_task()
    assert owner is not None
    failures: list[BaseException] = []

    def ended(task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            failures.append(error)
            owner.cancel()

    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if failures:
            owner.uncancel()
            raise failures[0] from None
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def engine_options(settings: Settings) -> EngineOptions:
    worker, stream = settings.worker, settings.stream
    return EngineOptions(
        slots=worker.slots,
        lease_ttl_seconds=worker.lease_ttl_seconds,
        poll_seconds=worker.poll_seconds,
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


def tune_garbage_collector() -> None:
    """A server holds many live objects: look for rubbish among the new ones, seldom among all."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)
