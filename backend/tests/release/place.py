"""Releases on fakes: what conducts them, and what must hold in the end."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from helium.kit.clock import Clock, SystemClock
from helium.release import Conductor, Release, ReleaseOptions, open_release
from helium.release import amazon as amazon_api
from helium.release.conduct import plan_of
from tests.release.fake_cloud_run import PROJECT, REGION, FakeCloudRun
from tests.release.fake_ecs import FakeEcs
from tests.release.fake_helium import OLD_IMAGE
from tests.release.server import serving

IMAGE = "registry.example/helium@sha256:" + "a" * 64


@dataclass(slots=True)
class Watched:
    """What was shown."""

    states: list[str] = field(default_factory=list[str])
    seen: list[str] = field(default_factory=list[str])
    stop_at: str = ""
    """The state at which `stop` is set, with its percentage: `soaking 25`."""
    stop: asyncio.Event = field(default_factory=asyncio.Event)
    on_act: Callable[[], object] = lambda: None
    on_soak: Callable[[], object] = lambda: None

    def act(self, release: Release) -> None:
        at = (
            f"{release.state} {release.percent}"
            if release.state in {"shifting", "soaking"}
            else release.state
        )
        self.states.append(at)
        self.on_act()
        if at == self.stop_at:
            self.stop.set()

    def soak(self, share: float, seen: str) -> None:
        self.seen.append(seen)
        self.on_soak()


@dataclass(slots=True, kw_only=True)
class Installation:
    """Helium on a fake cloud, and conductors of releases of it."""

    settings: dict[str, Any]
    fake: Any

    @asynccontextmanager
    async def conductor(
        self, watched: Watched | None = None, *, clock: Clock | None = None, **given: Any
    ) -> AsyncGenerator[Conductor]:
        watched = watched or Watched()
        options = ReleaseOptions(**{**self.settings, **given})
        clock = clock or SystemClock()
        async with open_release(options, clock) as opened:
            yield Conductor(opened, options, clock, watched, stop=watched.stop)

    async def start(self, watched: Watched | None = None, **given: Any) -> Release:
        async with self.conductor(watched, **given) as conductor:
            return await conductor.start(IMAGE)

    async def read(self) -> Release:
        options = ReleaseOptions(**self.settings)
        async with open_release(options, SystemClock()) as opened:
            found = await opened.target.read()
        assert found is not None
        return found

    def environment(self) -> dict[str, str]:
        """For a process."""
        login = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
        return login | {
            f"HELIUM_RELEASE_{name.upper()}": str(value) for name, value in self.settings.items()
        }

    def ended_well(self, release: Release) -> None:
        """Exactly one of: all on new, all on old."""
        assert release.over
        assert not release.holder
        assert self.all_on(IMAGE if release.state == "promoted" else OLD_IMAGE)

    @property
    def stages(self) -> tuple[int, ...]:
        return plan_of(ReleaseOptions(**self.settings)).stages

    def shares(self) -> list[int]:
        """Percent of the traffic that the new image had, one after the other."""
        raise NotImplementedError

    def went_forward(self) -> None:
        """Every stage was reached, and none twice."""
        shares = self.shares()
        assert shares == sorted(set(shares))
        assert {0, *self.stages} <= set(shares)

    def all_on(self, image: str) -> bool:
        raise NotImplementedError


@dataclass(slots=True, kw_only=True)
class Google(Installation):
    """A fake Cloud Run."""

    fake: FakeCloudRun

    def shares(self) -> list[int]:
        return [split.get(IMAGE, 0) for split in self.fake.splits]

    def all_on(self, image: str) -> bool:
        return all(split == {image: 100} for split in self.fake.running().values()) and not self.fake.tags()


QUICK: dict[str, Any] = {
    "token": "good",
    "soak_seconds": 0,
    "patience_seconds": 0,
    "poll_seconds": 0.01,
    "wait_seconds": 0.001,
    "smoke_seconds": 0,
    "source": "prometheus",
    "cloud_patience_seconds": 5,
}

warm_opener = cache(amazon_api.sdk_opener)
"""Reads the SDK's models once for all tests: they cost a quarter of a second."""


@asynccontextmanager
async def google() -> AsyncGenerator[Google]:
    fake = FakeCloudRun()
    async with serving(fake.answer) as address:
        fake.address = address
        given = {"endpoint": address, "prometheus_url": f"{address}/prometheus"}
        where = {"stages": "25,50,100", "cloud": "gcp", "project": PROJECT, "region": REGION}
        yield Google(settings={**QUICK, **where, **given}, fake=fake)


class FastClock:
    """A clock that goes by its sleeps alone, each a hundred times too short.

    What a busy machine takes for anything else is no time, so a wait holds as many looks as it should.
    """

    FACTOR = 100.0

    def __init__(self) -> None:
        self._real = SystemClock()
        self._began_at = self._real.time()
        self._gone = 0.0

    def monotonic(self) -> float:
        return self._gone

    def time(self) -> float:
        return self._began_at + self.monotonic()

    async def sleep(self, seconds: float) -> None:
        end = self._gone + seconds
        await self._real.sleep(seconds / self.FACTOR)
        self._gone = max(self._gone, end)


@dataclass(slots=True, kw_only=True)
class Amazon(Installation):
    """A fake ECS."""

    fake: FakeEcs

    def shares(self) -> list[int]:
        return [int(share) for share in self.fake.splits]

    def all_on(self, image: str) -> bool:
        quiet = not any(
            each.under_way for service in self.fake.services.values() for each in service.deployments
        )
        return quiet and all(split == {image: 100} for split in self.fake.running().values())


@asynccontextmanager
async def amazon() -> AsyncGenerator[Amazon]:
    fake = FakeEcs()
    async with serving(fake.answer) as address:
        given = {"endpoint": address, "prometheus_url": f"{address}/prometheus", "url": f"{address}/live"}
        where = {
            "cloud": "aws",
            "cluster": "helium-prod",
            "region": "eu-central-1",
            "state": "s3://b/releases",
        }
        where["stages"] = "25,50,100"
        yield Amazon(settings={**QUICK, **where, **given}, fake=fake)
