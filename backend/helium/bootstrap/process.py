"""One process of a role: everything it needs, running, and taken down at the end."""

import asyncio
import gc
import os
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from uuid import UUID

import structlog

from helium.adapters.ecs import Protection, agent_of
from helium.adapters.memory.bell import LocalBell
from helium.adapters.offline import OfflineModel
from helium.adapters.prometheus import RunFigures
from helium.adapters.providers.catalog import ProviderCatalog
from helium.adapters.scripted import ScriptedModel
from helium.adapters.secrets import Secrets
from helium.api.app import build_app
from helium.api.metrics import PATH, shared_address
from helium.api.middleware import App
from helium.api.page import Page
from helium.bootstrap.metrics import (
    allow_labels,
    metrics_app,
    metrics_route,
    process_sampler,
    process_text,
)
from helium.bootstrap.observation import open_observation
from helium.bootstrap.options import engine_options, run_limits, upload_limits
from helium.bootstrap.queues import Queue, open_queue
from helium.bootstrap.running import running
from helium.bootstrap.secrets import open_secret_store
from helium.bootstrap.services import Services, open_services
from helium.db.database import CONNECTION_ERRORS, Database, open_database
from helium.db.run_store import PostgresRunStore
from helium.engine.doorbell import Doorbell
from helium.engine.lease import Lease, LeaseKeeper
from helium.engine.log_writer import LogWriter
from helium.engine.options import EngineOptions
from helium.engine.start import RunStarter
from helium.engine.sweeper import Sweeper
from helium.engine.tail import EventHub
from helium.engine.tools import BUILT_IN
from helium.engine.worker import Worker
from helium.features.files.cleanup import FileCleanup
from helium.features.files.repository import FileRepository
from helium.features.files.service import FileService
from helium.features.identity.service import Identity
from helium.features.product import Product
from helium.kit.clock import SystemClock
from helium.kit.ids import new_id
from helium.kit.metrics.instruments import PROTECTION_FAILURES
from helium.platform import Platform
from helium.ports import Model, RunStore
from helium.settings import Settings

log = structlog.get_logger()
Role = Literal["all", "api", "stream", "worker", "sweeper"]
PAGE_FOLDER = Path(__file__).resolve().parents[3] / "frontend" / "out"
EXECUTES = ("all", "worker")
# A restart of the database that is over this soon is a pause for people, and no error.
PATIENCE_SECONDS = 1.5
# Named here, so that no process without Cloud Tasks imports the adapter to know its path.
PUSH_PATH = "/internal/tasks/execute"
SWEEPS = ("all", "worker", "sweeper")


@dataclass(frozen=True, slots=True, kw_only=True)
class Helium:
    """A running process: what it serves, and how it stops."""

    app: App
    metrics: App
    """What a port for metrics alone serves."""
    product: Product
    database: Database
    doorbell: Doorbell | None
    """What answers a queue's messages, in a process that executes runs."""
    _stop_receiving: Callable[[], None] = lambda: None
    """Take no more messages from the queue."""
    _stop_accepting: list[Callable[[], None]] = field(default_factory=list[Callable[[], None]])

    def on_stop_accepting(self, stop: Callable[[], None]) -> None:
        self._stop_accepting.append(stop)

    def stop_accepting(self) -> None:
        """Take no new connections: others on the same socket do."""
        for stop in self._stop_accepting:
            stop()

    async def drain(self, seconds: float, *, linger_seconds: float = 0.0) -> None:
        """Stop claiming, bring runs to a boundary or hand them over, send the viewers elsewhere.

        For `linger_seconds` at least requests are still answered: load balancers need a moment to see
        that this process is not ready, and clients one answer to learn that they should reconnect.
        """
        self.product.hub.close()
        self._stop_receiving()
        lingering = asyncio.create_task(self.product.platform.clock.sleep(linger_seconds))
        if self.product.worker is not None:
            await self.product.worker.drain(seconds)
        await lingering


@asynccontextmanager
async def open_helium(
    settings: Settings,
    url: str,
    role: Role,
    *,
    worker_id: UUID | None = None,
    resident: bool = True,
    alone: bool = True,
) -> AsyncGenerator[Helium]:
    """Everything of one process, running, on a migrated database; taken down at the end.

    `worker_id`: the id of its leases, for whoever gives its runs back if it dies. Not `resident`: it does
    not look for work, it answers messages. Not `alone` on its address: its supervisor has its metrics.
    """
    clock = SystemClock()
    async with AsyncExitStack() as stack:
        observation = await stack.enter_async_context(open_observation(settings, clock, role))
        database = await stack.enter_async_context(
            open_pool(settings, url, patience_seconds=PATIENCE_SECONDS)
        )
        services = await stack.enter_async_context(open_services(settings, clock))
        queue = await _queue(stack, settings, role, services)
        secrets = await stack.enter_async_context(open_secret_store(settings, clock))
        models = await stack.enter_async_context(await _models(settings, clock, secrets))
        platform = _platform(settings, database, services, queue, models)
        opening = _Opening(stack, settings, url, platform, engine_options(settings, resident=resident))
        files = FileService(FileRepository(database), services.blobs, upload_limits(settings), clock)
        engine = await opening.engine(role, services, worker_id, resident=resident)
        figures = RunFigures(database, clock)
        if resident:
            upkeep = _file_cleanup(files, services, clock) if role in SWEEPS else None
            await stack.enter_async_context(running(_beside(figures, database, services, engine, upkeep)))
        stop_receiving = await _receive(stack, queue, engine) if resident else _nothing
        product = _product(platform, database, engine, services, files)
        page = await asyncio.to_thread(_page, role)
        text = process_text(figures) if alone else shared_address
        internal = {**_internal(queue, engine), PATH: metrics_route(settings, text, own_port=False)}
        internal |= observation.routes(product)
        yield Helium(
            app=build_app(product, page, role=role, internal=internal, origins=settings.page_origins),
            metrics=metrics_app(settings, text),
            product=product,
            database=database,
            doorbell=engine.doorbell,
            _stop_receiving=stop_receiving,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Engine:
    """The engine's parts of one process."""

    hub: EventHub
    starter: RunStarter
    options: EngineOptions
    worker: Worker | None = None
    doorbell: Doorbell | None = None


@dataclass(frozen=True, slots=True)
class _Opening:
    """What the engine is opened with."""

    stack: AsyncExitStack
    settings: Settings
    url: str
    platform: Platform
    options: EngineOptions

    async def engine(
        self, role: Role, services: Services, worker_id: UUID | None, *, resident: bool
    ) -> _Engine:
        """The parts that this role needs, running until the stack is left."""
        allow_labels(self.settings)
        platform, options = self.platform, self.options
        hub = EventHub(
            platform.runs,
            platform.clock,
            poll_seconds=options.tail_poll_seconds,
            buffer_events=options.viewer_buffer_events,
            bus=platform.bus,
        )
        starter = RunStarter(platform.runs, platform.bell, hub)
        work = [*services.work, hub.serve(CONNECTION_ERRORS), starter.serve()]
        sweeper = Sweeper(platform.runs, platform.bell, platform.clock, options, CONNECTION_ERRORS)
        if resident and role in SWEEPS:
            work.append(sweeper.serve())
        worker = doorbell = None
        if role in EXECUTES:
            lease = Lease(worker_id or new_id(), options.lease_ttl_seconds)
            worker = await self.worker(hub, lease, work)
            doorbell = Doorbell(worker, sweeper, platform.runs, platform.clock, options, CONNECTION_ERRORS)
        await self.stack.enter_async_context(running(work))
        return _Engine(hub=hub, starter=starter, options=options, worker=worker, doorbell=doorbell)

    async def worker(self, hub: EventHub, lease: Lease, work: list[Coroutine[None, None, None]]) -> Worker:
        """A worker with its lease, its thread that renews it, and the writer of its runs' logs."""
        platform, options = self.platform, self.options
        writer = LogWriter(platform.runs, hub, platform.clock, CONNECTION_ERRORS)
        hub.local_runs(writer.holds)
        worker = Worker(platform, writer, hub, lease, options, CONNECTION_ERRORS)
        writer.on_successor = worker.promote_soon
        platform.bus.listen("cancel", worker.cancel)
        keeper = LeaseKeeper(
            lease,
            self.lease_store,
            CONNECTION_ERRORS,
            stuck_loop_seconds=options.stuck_loop_seconds,
            on_cancels=worker.cancel,
        )
        self.stack.push_async_callback(_give_back, platform, lease)
        self.stack.push_async_callback(keeper.stop)
        keeper.start()
        work.extend([writer.serve(), worker.serve()])
        agent = agent_of(os.environ)
        if agent is not None:
            protection = Protection(agent, worker, platform.clock, PROTECTION_FAILURES.of().add)
            worker.on_change = protection.look
            work.append(protection.serve())
        return worker

    @asynccontextmanager
    async def lease_store(self) -> AsyncGenerator[RunStore]:
        """A store on a connection of its own, for the thread that renews the lease."""
        seconds = self.options.lease_ttl_seconds
        async with open_database(
            self.url,
            pool_size=1,
            pooler=self.settings.database.pooler,
            timeout_seconds=seconds,
            connect_seconds=seconds,
        ) as own:
            yield PostgresRunStore(own)


def _beside(
    figures: RunFigures,
    database: Database,
    services: Services,
    engine: _Engine,
    cleanup: FileCleanup | None,
) -> list[Coroutine[None, None, None]]:
    """What goes on beside the engine: sampling, and in a process that sweeps also tidying."""
    slots = engine.options.slots
    sampler = process_sampler(SystemClock(), database, services.cache, engine.hub, engine.worker, slots)
    tidying = [] if cleanup is None else [figures.serve(), cleanup.serve()]
    return [sampler.serve(), *tidying]


def _platform(
    settings: Settings, database: Database, services: Services, queue: Queue, models: ProviderCatalog
) -> Platform:
    return Platform(
        clock=SystemClock(),
        runs=PostgresRunStore(database, run_limits(settings)),
        bell=queue.bell,
        bus=services.bus,
        models=models,
        tools=BUILT_IN,
        files=services.files,
        blobs=services.blobs,
    )


def _file_cleanup(files: FileService, services: Services, clock: SystemClock) -> FileCleanup:
    return FileCleanup(files.repository, services.blobs, clock, services.blobs.remove_unfinished)


def _product(
    platform: Platform, database: Database, engine: _Engine, services: Services, files: FileService
) -> Product:
    # Without Redis every process remembers by itself, which is cheaper than a cache that nobody shares.
    cache = services.cache if services.redis is not None else None
    identity = Identity(database, platform.clock, cache=cache, rate_limit=services.rate_limit)
    return Product(
        database=database,
        platform=platform,
        hub=engine.hub,
        starter=engine.starter,
        identity=identity,
        files=files,
        options=engine.options,
        cache=cache,
        worker=engine.worker,
    )


async def _queue(stack: AsyncExitStack, settings: Settings, role: Role, services: Services) -> Queue:
    """Both ends of the queue; who only shows runs rings nobody, and needs no right to."""
    if role == "stream":
        return Queue(bell=LocalBell(services.bus))
    return await stack.enter_async_context(open_queue(settings, SystemClock(), services.bus))


def _nothing() -> None:
    pass


async def _receive(stack: AsyncExitStack, queue: Queue, engine: _Engine) -> Callable[[], None]:
    """Let work arrive, one way or the other; what is given back lets no more arrive."""
    if queue.listen is not None and engine.worker is not None:
        queue.listen(engine.worker.ring)
    if queue.consume is not None and engine.doorbell is not None:
        return await stack.enter_async_context(queue.consume(engine.doorbell.answer))
    return _nothing


def _internal(queue: Queue, engine: _Engine) -> dict[str, App]:
    """Routes for a queue that pushes, in a process that executes."""
    if queue.route is None or engine.doorbell is None:
        return {}
    return {PUSH_PATH: queue.route(engine.doorbell.answer)}


def open_pool(
    settings: Settings, url: str, *, size: int | None = None, patience_seconds: float = 0.0
) -> AbstractAsyncContextManager[Database]:
    return open_database(
        url,
        pool_size=size or settings.database.pool_size,
        pooler=settings.database.pooler,
        timeout_seconds=settings.database.statement_timeout_seconds,
        connect_seconds=settings.database.connect_timeout_seconds,
        patience_seconds=patience_seconds,
    )


async def _models(settings: Settings, clock: SystemClock, secrets: Secrets) -> ProviderCatalog:
    """The providers that the environment configures, and the models that need none."""
    gather_seconds = settings.stream.gather_seconds
    extra: dict[str, Model] = {"offline": OfflineModel(clock=clock, gather_seconds=gather_seconds)}
    script = os.environ.get("HELIUM_SCRIPT")
    if script:
        extra["scripted"] = await asyncio.to_thread(ScriptedModel.from_file, Path(script))
    return ProviderCatalog(os.environ, clock, extra=extra, gather_seconds=gather_seconds, keys=secrets)


def _page(role: Role) -> Page:
    """The built page, where it is built and this process serves it."""
    return Page(PAGE_FOLDER if role in ("all", "api") and PAGE_FOLDER.is_dir() else None)


async def _give_back(platform: Platform, lease: Lease) -> None:
    """Return what the worker still holds, so that nobody waits for the lease to expire."""
    try:
        async with asyncio.timeout(2):
            await platform.runs.release(lease.worker_id)
    except CONNECTION_ERRORS as error:
        log.warning("worker.release_failed", error=type(error).__name__)


def tune_garbage_collector() -> None:
    """A server holds many live objects, and next to none of them ever form a cycle: 3,000 runs leave 64.

    A look at the young ones costs 0.6 µs for each that lives, while nothing else happens. A run at work
    has 400 of them, so that a thousand that come at once stay below the first bound: looking for rubbish
    among them took an eighth of the CPU time, in pauses of 70 ms.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(500_000, 20, 100)
