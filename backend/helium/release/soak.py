"""Waits at a stage, and says whether the error budget holds."""

from collections.abc import Callable, Mapping
from typing import Literal

from helium.kit.clock import Clock
from helium.release.ports import BurnSource, ReleaseTarget, Seen, StepFailed, Unanswered
from helium.release.record import Plan, Release

LEAST_WINDOW_SECONDS = 60.0
"""Metrics come in steps of a minute."""

Verdict = Literal["healthy", "quiet"]
Watch = Callable[[float, str], None]
"""Told the share of the soak that is over, and what was seen."""


def burn(seen: Seen, objective: float) -> float:
    """How many times too fast errors spend the budget; 1 spends exactly the budget."""
    if seen.requests <= 0:
        return 0.0
    return (seen.errors / seen.requests) / (1 - objective / 100)


def judge(plan: Plan, seen: Seen) -> Literal["burning", "healthy", "quiet"]:
    """With a handful of requests one error says nothing."""
    if seen.requests < plan.least_requests:
        return "quiet"
    return "burning" if burn(seen, plan.objective) > plan.most_burn else "healthy"


class Soak:
    """One stage. It is over when its time is, and the last look was answered."""

    def __init__(self, target: ReleaseTarget, source: BurnSource, clock: Clock, watch: Watch) -> None:
        self._target = target
        self._source = source
        self._clock = clock
        self._watch = watch

    async def stage(self, release: Release) -> Verdict:
        """Raises `StepFailed` if the budget burns, the split is not ours, or nobody can say too long."""
        plan = release.plan
        names = await self._target.names(release)
        began = answered = self._clock.monotonic()
        while True:
            await self._target.verify(release, release.percent)
            passed = self._clock.monotonic() - began
            verdict = await self._look(release, names, passed)
            now = self._clock.monotonic()
            if verdict is not None:
                answered = now
            elif now - answered >= plan.patience_seconds:
                raise StepFailed(
                    f"Nobody could say for {plan.patience_seconds:.0f} s how many requests fail:"
                    " see why the metrics are away."
                )
            if verdict is not None and now - began >= plan.soak_seconds:
                return verdict
            await self._clock.sleep(_pause(plan, now - began))

    async def _look(self, release: Release, names: Mapping[str, str], passed: float) -> Verdict | None:
        share = min(passed / release.plan.soak_seconds, 1.0) if release.plan.soak_seconds else 1.0
        window = max(passed, LEAST_WINDOW_SECONDS)
        try:
            seen = await self._source.read(names, window)
        except Unanswered as error:
            self._watch(share, f"no answer: {error}")
            return None
        said = f"{seen.errors:.0f} of {seen.requests:.0f} requests failed"
        self._watch(share, f"{said}, burn {burn(seen, release.plan.objective):.1f}")
        verdict = judge(release.plan, seen)
        if verdict == "burning":
            rate = burn(seen, release.plan.objective)
            raise StepFailed(
                f"At {release.percent} % {said}: the budget burns {rate:.1f} times too fast,"
                f" and {release.plan.most_burn:g} is the limit."
            )
        return verdict


def _pause(plan: Plan, passed: float) -> float:
    left = plan.soak_seconds - passed
    return min(plan.poll_seconds, left) if left > 0 else plan.poll_seconds
