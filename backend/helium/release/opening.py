"""Wires a release: which cloud, who counts errors."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from helium.kit.clock import Clock
from helium.release.amazon import open_amazon
from helium.release.burn_cloudwatch import CloudWatchBurn
from helium.release.burn_monitoring import MonitoringBurn
from helium.release.burn_prometheus import PrometheusBurn
from helium.release.cloud_run import CloudRun, CloudRunPlace
from helium.release.ecs import Ecs, EcsPlace
from helium.release.google import open_google
from helium.release.options import ReleaseOptions, asked_for
from helium.release.ports import BurnSource, NotReleasable, ReleaseTarget
from helium.release.s3_record import S3Record

RUN = "https://run.googleapis.com"
MONITORING = "https://monitoring.googleapis.com"


@dataclass(frozen=True, slots=True)
class Opened:
    target: ReleaseTarget
    source: BurnSource


@asynccontextmanager
async def open_release(options: ReleaseOptions, clock: Clock) -> AsyncGenerator[Opened]:
    """The cloud of these options, until the end of the block. Raises `NotReleasable` for one missing."""
    opening = _google(options, clock) if options.cloud == "gcp" else _amazon(options, clock)
    async with opening as opened:
        yield opened


@asynccontextmanager
async def _google(options: ReleaseOptions, clock: Clock) -> AsyncGenerator[Opened]:
    _needs(options, "project", "region")
    services = options.services()
    place = CloudRunPlace(
        project=options.project,
        region=options.region,
        services=services,
        migration=options.migration or f"{services[options.service]}-migrate",
        endpoint=options.endpoint or RUN,
        poll_seconds=options.wait_seconds,
    )
    patience = options.cloud_patience_seconds
    async with open_google(clock, own_server=bool(options.endpoint), patience_seconds=patience) as api:
        source = _prometheus(options) or MonitoringBurn(
            api, clock, project=options.project, endpoint=options.endpoint or MONITORING
        )
        yield Opened(CloudRun(api, place, clock, shifted=options.service), source)


@asynccontextmanager
async def _amazon(options: ReleaseOptions, clock: Clock) -> AsyncGenerator[Opened]:
    _needs(options, "cluster", "state", "url")
    parts = urlsplit(options.state)
    if parts.scheme != "s3" or not parts.netloc:
        raise NotReleasable(
            "The place of the record is s3://bucket/folder: say --state or HELIUM_RELEASE_STATE."
        )
    name, _, value = options.header.partition(":")
    place = EcsPlace(
        cluster=options.cluster,
        services=options.services(),
        url=options.url.rstrip("/"),
        headers={name.strip(): value.strip()},
        poll_seconds=options.wait_seconds,
    )
    opening = open_amazon(
        clock,
        region=options.region,
        endpoint=options.endpoint,
        patience_seconds=options.cloud_patience_seconds,
    )
    async with opening as api:
        key = f"{parts.path.strip('/') or 'releases'}/{options.cluster}.json"
        record = S3Record(await api("s3"), bucket=parts.netloc, key=key)
        source = _prometheus(options) or CloudWatchBurn(await api("cloudwatch"), clock)
        yield Opened(Ecs(await api("ecs"), record, place, clock, shifted=options.service), source)


def _prometheus(options: ReleaseOptions) -> PrometheusBurn | None:
    if options.source != "prometheus":
        return None
    _needs(options, "prometheus_url")
    return PrometheusBurn(
        options.prometheus_url,
        requests=options.prometheus_requests,
        errors=options.prometheus_errors,
        token=options.prometheus_token.get_secret_value(),
    )


def _needs(options: ReleaseOptions, *names: str) -> None:
    for name in names:
        if not getattr(options, name):
            raise NotReleasable(asked_for(name))
