"""Begins, resumes and takes back releases: what the commands do, without a terminal."""

import asyncio
from typing import Protocol
from uuid import uuid4

from helium.kit.clock import Clock
from helium.release.drive import Driver, OnStop
from helium.release.keeper import Keeper
from helium.release.machine import FIRST, after
from helium.release.opening import Opened
from helium.release.options import ReleaseOptions
from helium.release.ports import NotReleasable
from helium.release.record import DIGEST, Plan, Release, plan_problem
from helium.release.smoke import Smoke
from helium.release.soak import Soak


class Looks(Protocol):
    """Who watches a release."""

    def act(self, release: Release) -> None:
        """It is about to do this state's act, or it is over."""
        ...

    def soak(self, share: float, seen: str) -> None:
        """This share of a stage's time is over; what was seen of the traffic."""
        ...


class Conductor:
    """The releases of one installation, as one process conducts them.

    `stop`: set it, and the release under way is rolled back, or left as it is (`on_stop`).
    """

    def __init__(
        self, opened: Opened, options: ReleaseOptions, clock: Clock, looks: Looks, *, stop: asyncio.Event
    ) -> None:
        self._target = opened.target
        self._options = options
        self._clock = clock
        self._looks = looks
        self._keeper = Keeper(opened.target, clock, lock_seconds=options.lock_seconds)
        smoke = Smoke(
            clock,
            token=options.token.get_secret_value(),
            model=options.smoke_model,
            seconds=options.smoke_seconds,
        )
        soak = Soak(opened.target, opened.source, clock, looks.soak)
        self._driver = Driver(self._keeper, opened.target, smoke, soak, stop=stop)

    async def start(self, image: str, *, on_stop: OnStop = "rollback") -> Release:
        """A new release to its end. Raises `ReleaseError`s; see `Driver.run`."""
        if not DIGEST.fullmatch(image):
            raise NotReleasable(
                "An image is released by its digest, not by a tag: say name@sha256:… with 64 digits."
            )
        self._must_have_token()
        plan = plan_of(self._options)
        await self._keeper.begin(await self._new(image, plan))
        return await self._driver.run(self._looks.act, on_stop=on_stop)

    async def resume(self, *, take_over: bool = False, on_stop: OnStop = "rollback") -> Release:
        """Go on with the release that was begun, from the act that was not recorded as done."""
        if (stored := await self._target.read()) is not None and stored.over:
            return stored
        self._must_have_token()
        await self._keeper.take(even_if_held=take_over)
        return await self._driver.run(self._looks.act, on_stop=on_stop)

    async def roll_back(self, *, take_over: bool = False) -> Release:
        """Bring everything back to what it was before the latest release, finished or not."""
        if (stored := await self._target.read()) is not None and stored.state == "rolled_back":
            return stored
        await self._keeper.take(even_if_held=take_over)
        state = self._keeper.release.state
        if state != "rolling_back":
            outcome = "reverted" if state == "promoted" else "stopped"
            reason = f"A person took it back while it was {state}."
            await self._keeper.change(state=after(state, outcome), reason=reason)
        return await self._driver.run(self._looks.act)

    async def _new(self, image: str, plan: Plan) -> Release:
        stored = await self._target.read()
        if stored is not None and not stored.over:
            return stored  # `begin` says who holds it
        return Release(
            id=uuid4().hex[:10],
            image=image,
            service=self._options.service,
            plan=plan,
            state=FIRST,
            began_at=self._clock.time(),
            before=dict(await self._target.survey()),
        )

    def _must_have_token(self) -> None:
        if not self._options.token.get_secret_value():
            raise NotReleasable(
                "Set HELIUM_RELEASE_TOKEN to an API key: the smoke test starts a run with it."
            )


def plan_of(options: ReleaseOptions) -> Plan:
    """Raises `NotReleasable` if it is no plan."""
    try:
        stages = tuple(int(each) for each in options.stages.split(","))
    except ValueError:
        stages = ()
    plan = Plan(
        stages=stages,
        soak_seconds=options.soak_seconds,
        poll_seconds=options.poll_seconds,
        objective=options.objective,
        most_burn=options.most_burn,
        least_requests=options.least_requests,
        patience_seconds=options.patience_seconds,
    )
    if problem := plan_problem(plan):
        raise NotReleasable(problem)
    return plan
