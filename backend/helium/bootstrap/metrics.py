"""Metrics of a process: what its labels may say, what is sampled, and who may read them."""

from collections.abc import Callable, Iterator

from helium import __version__
from helium.adapters.cache import NAMESPACES, JsonCache
from helium.adapters.prometheus import Exposition, RunFigures
from helium.adapters.providers.library import PREFIX as LIBRARY
from helium.adapters.providers.presets import PRESETS
from helium.api.metrics import MetricsRoute, Text, guard_of
from helium.api.middleware import App, Errors, RequestId
from helium.db.database import Database
from helium.engine.tail import EventHub
from helium.engine.tools import BUILT_IN
from helium.engine.worker import Worker
from helium.kit.clock import Clock
from helium.kit.metrics import REGISTRY, HostValues, Snapshot
from helium.kit.metrics import instruments as metrics
from helium.kit.metrics.sampler import Sample, Sampler
from helium.settings import Settings

OWN_PROVIDERS = ("offline", "scripted")


def allow_labels(settings: Settings) -> None:
    """Settle what open labels may say, before anything is counted under them."""
    REGISTRY.allow(metrics.PROVIDER, (*PRESETS, LIBRARY, *OWN_PROVIDERS))
    REGISTRY.allow(metrics.MODEL, settings.metrics.model_names)
    REGISTRY.allow(metrics.TOOL, BUILT_IN)
    REGISTRY.allow(metrics.NAMESPACE, NAMESPACES)
    REGISTRY.allow(metrics.VERSION, (__version__,))
    REGISTRY.prepare()
    metrics.BUILD.of(__version__).set(1)


def process_sampler(
    clock: Clock, database: Database, cache: JsonCache, hub: EventHub, worker: Worker | None, slots: int
) -> Sampler:
    """What shows the sizes of this process's parts."""
    samples = [*_pool(database), *_cache(cache), (metrics.VIEWERS.of(), lambda: float(hub.viewers))]
    if worker is not None:
        samples.append((metrics.RUNNING.of(), lambda: float(worker.active)))
        samples.append((metrics.SLOTS.of(), lambda: float(slots)))
    return Sampler(clock, samples)


def _pool(database: Database) -> Iterator[Sample]:
    pool = database.pool

    def in_use() -> float:
        return float(pool.get_size() - pool.get_idle_size())

    yield metrics.POOL.of("idle"), lambda: float(pool.get_idle_size())
    yield metrics.POOL.of("in_use"), in_use
    yield metrics.POOL_LIMIT.of(), lambda: float(pool.get_max_size())
    yield metrics.POOL_WAITING.of(), lambda: max(0.0, database.callers - in_use())


def _cache(cache: JsonCache) -> Iterator[Sample]:
    for name, counts in cache.counts.items():
        for outcome, field in (("hit", "hits"), ("stale", "stale_hits"), ("miss", "misses")):
            yield metrics.CACHE_LOOKUPS.of(name, outcome), _reader(counts, field)
        yield metrics.CACHE_FAILURES.of(name), _reader(counts, "failures")


def _reader(counts: object, field: str) -> Callable[[], float]:
    return lambda: float(getattr(counts, field))


def process_text(figures: RunFigures) -> Text:
    """What a process that is alone on its address shows."""
    return Exposition(REGISTRY, REGISTRY.snapshot, figures.read).text


def host_text(host: HostValues, figures: RunFigures) -> Text:
    """What a supervisor shows for all its processes."""

    def counts() -> Snapshot:
        # Its own count, because a process that ends at once has counted nothing.
        return {**host.snapshot(), (metrics.PROCESS_STARTS.name, ("all",)): [float(host.opened)]}

    return Exposition(REGISTRY, counts, figures.read).text


def metrics_route(settings: Settings, text: Text, *, own_port: bool) -> MetricsRoute:
    token = settings.metrics.token
    production = settings.environment == "production"
    guard = guard_of(production=production, own_port=own_port, has_token=token is not None)
    return MetricsRoute(text, guard, token.get_secret_value() if token else "")


def metrics_app(settings: Settings, text: Text) -> App:
    """What answers on a port that is for metrics alone."""
    return RequestId(Errors(metrics_route(settings, text, own_port=True)))
