"""Takes a release through its states, one act after the other, until it is over."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Literal, NamedTuple, TypeVar

from helium.kit.failpoint import failpoint
from helium.release.keeper import Keeper
from helium.release.machine import Outcome, State, after
from helium.release.ports import CloudAway, Locked, NotReleasable, ReleaseTarget, StepFailed
from helium.release.record import Release
from helium.release.smoke import Smoke
from helium.release.soak import Soak

T = TypeVar("T")
OnStop = Literal["rollback", "leave"]
Tell = Callable[[Release], None]
"""Told before each act."""


class Done(NamedTuple):
    """What an act came to, and what is to be recorded with it."""

    outcome: Outcome
    changes: dict[str, Any]


class _Stopped(Exception):
    """Somebody wants this process to stop."""


class Driver:
    """One release in one process.

    `stop` is set by a signal: the act under way is abandoned, and the release is rolled back or left as it
    is. While it rolls back nothing stops it but SIGKILL.
    """

    def __init__(
        self, keeper: Keeper, target: ReleaseTarget, smoke: Smoke, soak: Soak, *, stop: asyncio.Event
    ) -> None:
        self._keeper = keeper
        self._target = target
        self._smoke = smoke
        self._soak = soak
        self._stop = stop
        self._acts: dict[State, Callable[[Release], Awaitable[Done]]] = {
            "migrating": self._migrate,
            "creating": self._create,
            "smoking": self._test,
            "shifting": self._shift,
            "soaking": self._wait,
            "promoting": self._promote,
            "rolling_back": self._restore,
        }

    async def run(self, tell: Tell, *, on_stop: OnStop = "rollback") -> Release:
        """Go on until the release is over; how it ended.

        Raises `Superseded` if another process took over, `CloudAway` if the cloud is away even for rolling
        back, `Locked` if it was stopped and is to be left. In each case the record is kept.
        """
        renewing = asyncio.create_task(self._keeper.renew())
        driving = asyncio.create_task(self._drive(tell, on_stop))
        try:
            await asyncio.wait({renewing, driving}, return_when=asyncio.FIRST_COMPLETED)
            if renewing.done() and not driving.done():
                renewing.result()  # the lock was lost
            return await driving
        finally:
            await _end(renewing, driving)

    async def _drive(self, tell: Tell, on_stop: OnStop) -> Release:
        while not (release := self._keeper.release).over:
            tell(release)
            failpoint(f"release.{release.state}.begun")
            done = await self._outcome(release, on_stop)
            failpoint(f"release.{release.state}.acted")
            await self._keeper.change(state=after(release.state, done.outcome), **done.changes)
            failpoint(f"release.{release.state}.recorded")
        tell(release)
        return release

    async def _outcome(self, release: Release, on_stop: OnStop) -> Done:
        act = self._acts[release.state](release)
        if release.state == "rolling_back":
            return await act
        try:
            return await _unless(self._stop, act)
        except (StepFailed, NotReleasable) as error:
            return Done("failed", {"reason": str(error)})
        except CloudAway as error:
            return Done("failed", {"reason": f"The cloud was away: {error}"})
        except _Stopped:
            if on_stop == "leave":
                await self._keeper.let_go()
                raise Locked(
                    f"Stopped while {release.state}; the traffic is left as it is:"
                    " go on with `helium release resume`, or say `helium release rollback`."
                ) from None
            return Done("stopped", {"reason": f"Stopped by a signal while {release.state}."})

    async def _migrate(self, release: Release) -> Done:
        await self._target.migrate(release)
        return Done("done", {})

    async def _create(self, release: Release) -> Done:
        return Done("done", {"candidate": await self._target.create(release)})

    async def _test(self, release: Release) -> Done:
        await self._smoke.test(await self._target.candidate(release))
        return Done("done", {})

    async def _shift(self, release: Release) -> Done:
        await self._target.shift(release, release.percent)
        return Done("done", {})

    async def _wait(self, release: Release) -> Done:
        changes: dict[str, Any] = {}
        if await self._soak.stage(release) == "quiet":
            # Too few requests to judge by: the smoke test makes some.
            await self._smoke.test(await self._target.candidate(release))
            few = f"fewer than {release.plan.least_requests} requests, so a smoke test"
            note = f"At {release.percent} %: {few}"
            changes["notes"] = (*release.notes, note)
        last = release.percent == 100
        return Done(
            "done" if last else "more", changes if last else {**changes, "stage": release.stage + 1}
        )

    async def _promote(self, release: Release) -> Done:
        await self._target.promote(release)
        return Done("done", {})

    async def _restore(self, release: Release) -> Done:
        await self._target.restore(release)
        return Done("done", {})


async def _unless(stop: asyncio.Event, act: Awaitable[T]) -> T:
    """The act's result, unless `stop` is set before: then it is cancelled, and `_Stopped` raised."""
    acting = asyncio.ensure_future(act)
    stopping = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait({acting, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if not acting.done():
            raise _Stopped
        return acting.result()
    finally:
        await _end(acting, stopping)


async def _end(*under_way: "asyncio.Future[Any]") -> None:
    for each in under_way:
        each.cancel()
    await asyncio.gather(*under_way, return_exceptions=True)
