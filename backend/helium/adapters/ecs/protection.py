"""Asks for protection while a worker holds runs, and gives it back when it holds none or drains.

It is a convenience: who is stopped all the same hands over its runs (the drain), and who is killed loses
its lease. So nothing here may ever stop or slow the work that it protects.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from helium.adapters.ecs.agent import Agent, Unanswered
from helium.kit.clock import Clock
from helium.kit.outage import Outage
from helium.kit.retry import backoff

MINUTES = 10
"""A process that hangs holds up a deployment for so long at most."""
RENEW_SECONDS = 240.0
"""Two renewals may fail before protection ends."""
IDLE_SECONDS = 15.0
"""Runs come and go; each change is a call of an interface that all containers of the account share."""
LONGEST_WAIT_SECONDS = 60.0
FINAL_WAIT_SECONDS = 600.0
NOTHING_TO_DO_SECONDS = 3600.0


class Holder(Protocol):
    """What is protected."""

    @property
    def active(self) -> int:
        """Runs that it holds."""
        ...

    @property
    def draining(self) -> bool: ...


class Protection:
    """Keeps the container protected while `holder` holds a run.

    `failed` is called once for each question that the agent did not answer as it should; the log says it
    once until it works again.
    """

    def __init__(self, agent: Agent, holder: Holder, clock: Clock, failed: Callable[[], None]) -> None:
        self._agent = agent
        self._holder = holder
        self._clock = clock
        self._failed = failed
        self._changed = asyncio.Event()
        self._protected = False
        """Whether the agent may believe that we want protection."""
        self._renew_at = float("-inf")
        self._idle_since: float | None = None
        self._ask_after = float("-inf")
        self._outage = Outage("protection")
        self._failures = 0

    def look(self) -> None:
        """The holder took or left a run, or began to drain. Never raises, never waits."""
        if self._wanted:
            self._idle_since = None
            if self._protected or self._clock.monotonic() < self._ask_after:
                return
        elif not self._protected:
            return
        self._changed.set()

    async def serve(self) -> None:
        """Ask what is to be asked, until it is cancelled."""
        while True:
            self._changed.clear()
            await self._wait(await self._act())

    @property
    def _wanted(self) -> bool:
        return self._holder.active > 0 and not self._holder.draining

    async def _act(self) -> float:
        """Do what is due now. Seconds until the next thing is."""
        now = self._clock.monotonic()
        due_at = self._due_at(now)
        if due_at is None:
            return NOTHING_TO_DO_SECONDS
        if due_at > now:
            return due_at - now
        await self._ask()
        return 0.0

    def _due_at(self, now: float) -> float | None:
        """When the agent is to be asked next, as far as is known; None: not before something changes."""
        if self._wanted:
            return max(self._renew_at, self._ask_after)
        if not self._protected:
            return None
        if self._holder.draining:
            return self._ask_after
        if self._idle_since is None:
            self._idle_since = now
        return max(self._idle_since + IDLE_SECONDS, self._ask_after)

    async def _ask(self) -> None:
        wanted = self._wanted
        self._protected = self._protected or wanted
        try:
            await (self._agent.protect(MINUTES) if wanted else self._agent.release())
        except Unanswered as error:
            self._not_done(error)
            return
        self._outage.worked()
        self._failures, self._ask_after = 0, float("-inf")
        self._protected = wanted
        self._renew_at = self._clock.monotonic() + RENEW_SECONDS if wanted else float("-inf")

    def _not_done(self, error: Unanswered) -> None:
        self._outage.failed(error)
        self._failures += 1
        self._failed()
        # What got no answer may have been done; what was refused was not.
        self._protected = self._protected and not error.final
        wait = FINAL_WAIT_SECONDS if error.final else backoff(self._failures, cap=LONGEST_WAIT_SECONDS)
        self._ask_after = self._clock.monotonic() + wait

    async def _wait(self, seconds: float) -> None:
        """Until something changes, so many seconds at most."""
        if seconds <= 0:
            return
        waits = [
            asyncio.ensure_future(self._changed.wait()),
            asyncio.ensure_future(self._clock.sleep(seconds)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
