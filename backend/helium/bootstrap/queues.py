"""How workers learn of runs: by looking, or by a queue that delivers."""

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from helium.adapters.memory.bell import LocalBell
from helium.api.middleware import App
from helium.bootstrap.running import running
from helium.bootstrap.services import redis_url
from helium.kit.clock import Clock
from helium.ports import Bell, Bus, Execute
from helium.settings import Settings, SettingsInvalid

Stop = Callable[[], None]

# Of the drain's time; what is still under way then is given back.
STOP_SHARE = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Queue:
    """Both ends of the installation's queue, as one process has them."""

    bell: Bell
    listen: Callable[[Callable[[], None]], None] | None = None
    """Where no queue delivers: call this worker when there may be work."""
    consume: Callable[[Execute], AbstractAsyncContextManager[Stop]] | None = None
    """Deliver to this worker until the block ends, or until what it gives is called, for a drain."""
    route: Callable[[Execute], App] | None = None
    """What a worker serves to a queue that pushes."""


@asynccontextmanager
async def open_queue(settings: Settings, clock: Clock, bus: Bus) -> AsyncGenerator[Queue]:
    """The queue of these settings. Raises `SettingsInvalid` for settings that do not make one."""
    async with AsyncExitStack() as stack:
        match settings.queue.kind:
            case "dramatiq":
                queue = await _dramatiq(stack, settings, clock)
            case "cloud_tasks":
                queue = await _cloud_tasks(stack, settings, clock)
            case "sqs":
                queue = await _sqs(stack, settings, clock)
            case "local":
                bell = LocalBell(bus)
                queue = Queue(bell=bell, listen=bell.listen)
        yield queue


async def _dramatiq(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Queue:
    if settings.redis_url is None:
        raise SettingsInvalid("HELIUM_QUEUE__KIND is dramatiq, which needs HELIUM_REDIS_URL.")
    from helium.adapters.dramatiq.bell import open_bell  # who has another queue does not pay for it
    from helium.adapters.dramatiq.broker import DramatiqOptions
    from helium.adapters.dramatiq.consumer import DramatiqConsumer

    options = DramatiqOptions(
        url=await redis_url(settings, clock),
        queue=settings.queue.name,
        prefix=settings.redis.prefix,
        timeout_seconds=settings.redis.timeout_seconds,
        ca_file=settings.redis.ca_file,
    )
    consumer = DramatiqConsumer(
        options,
        concurrency=settings.queue.concurrency,
        max_failures=settings.queue.max_deliveries,
        stop_seconds=settings.worker.drain_seconds * STOP_SHARE,
    )

    @asynccontextmanager
    async def consume(execute: Execute) -> AsyncGenerator[Stop]:
        async with consumer.consume(execute):
            yield lambda: None  # what it fetches while the worker drains is refused, and comes again

    return Queue(bell=await stack.enter_async_context(open_bell(options)), consume=consume)


async def _sqs(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Queue:
    from helium.adapters.sqs import AwsAccess, SqsConsumer, open_bell, open_queue

    options = settings.queue
    access = AwsAccess(region=options.aws_region, endpoint=options.aws_endpoint)
    queue = await stack.enter_async_context(
        open_queue(access, clock, name=options.name, url=options.sqs_url)
    )

    @asynccontextmanager
    async def consume(execute: Execute) -> AsyncGenerator[Stop]:
        consumer = SqsConsumer(
            queue,
            execute,
            clock,
            concurrency=options.concurrency,
            visibility_seconds=options.visibility_seconds,
            max_deliveries=options.max_deliveries,
        )
        async with running([consumer.serve()]):
            yield consumer.stop

    return Queue(bell=await stack.enter_async_context(open_bell(queue)), consume=consume)


async def _cloud_tasks(stack: AsyncExitStack, settings: Settings, clock: Clock) -> Queue:
    from google.auth.exceptions import DefaultCredentialsError

    from helium.adapters.cloud_tasks import Place, Target, open_cloud_tasks

    options = settings.queue
    place = Place(
        project=options.gcp_project,
        location=options.gcp_location,
        name=options.name,
        endpoint=options.gcp_endpoint,
    )
    target = Target(url=options.push_url, account=options.push_account, seconds=options.push_seconds)
    production = settings.environment == "production"
    try:
        tasks = await stack.enter_async_context(
            open_cloud_tasks(place, target, clock, production=production)
        )
    except DefaultCredentialsError:
        raise SettingsInvalid(
            "Cloud Tasks needs Google's credentials: a service account on Google Cloud, elsewhere"
            " GOOGLE_APPLICATION_CREDENTIALS."
        ) from None
    except ValueError as error:
        raise SettingsInvalid(str(error)) from None
    return Queue(bell=tasks.bell, route=lambda execute: tasks.route(execute, options.push_keys_url))
