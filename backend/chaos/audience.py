"""Many viewers at once of runs that speak slowly, for what only shows with a thousand of them."""

import asyncio
import json
import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from chaos.children import clock
from chaos.http1 import Http
from chaos.watch import Watcher, differing, the_log

AT_ONCE = 100
OPEN_SECONDS = 60.0


LOUD_WIDTH, LOUD_PACE, LOUD_WORDS = 40_000, 0.4, 300
LOUD_INPUT = [{"role": "assistant", "content": "and now loud"}, {"role": "user", "content": "go"}]
"""After an answer the second turn of the script is played."""


def script(folder: Path, words: int, pace: float) -> Mapping[str, str]:
    """The environment in which `scripted:slow` says so many words, one every `pace` seconds.

    With `LOUD_INPUT` it says words of 40,000 letters, two or three a second.
    """
    text = " ".join(str(number) for number in range(1, words + 1))
    loud = " ".join(str(number).rjust(LOUD_WIDTH, "x") for number in range(1, LOUD_WORDS + 1))
    file = folder / "script.json"
    turns = [{"text": text, "pace_seconds": pace}, {"text": loud, "pace_seconds": LOUD_PACE}]
    file.write_text(json.dumps(turns))
    return {"HELIUM_SCRIPT": str(file)}


@dataclass
class Audience:
    """Runs, and who watches them. `port` gives the address of each new connection."""

    token: str
    port: Callable[[], int]
    dice: random.Random
    run_ids: list[str] = field(default_factory=list[str])
    watchers: list[Watcher] = field(default_factory=list[Watcher])
    watching: list[asyncio.Task[None]] = field(default_factory=list[asyncio.Task[None]])

    async def start_runs(self, http: Http, runs: int) -> None:
        """Start them with an agent of their own."""
        agent = {"name": f"slow-{len(self.run_ids)}", "model": "scripted:slow", "tools": []}
        assert (await http.ask("POST", "/v1/agents", agent)).status == 201
        for _ in range(runs):
            answer = await http.ask("POST", "/v1/runs", {"input": "go", "agent": agent["name"]})
            assert answer.status == 202, answer
            self.run_ids.append(answer.json["id"])

    async def open_streams(self, streams: int) -> None:
        """Open them, some at a time, and return when each has shown something."""
        gate = asyncio.Semaphore(AT_ONCE)

        async def open_one(watcher: Watcher) -> None:
            async with gate:
                self.watching.append(asyncio.create_task(watcher.follow()))
                while not watcher.last:
                    await clock.sleep(0.02)

        for number in range(streams):
            run_id = self.run_ids[number % len(self.run_ids)]
            self.watchers.append(Watcher(run_id, self.port, self.token, self.dice))
        async with asyncio.timeout(OPEN_SECONDS):
            await asyncio.gather(*(open_one(watcher) for watcher in self.watchers))

    async def finish(self, seconds: float) -> int:
        """Wait for the end of all streams; how many had none in time."""
        _, late = await asyncio.wait(self.watching, timeout=seconds)
        for task in late:
            task.cancel()
        await asyncio.gather(*self.watching, return_exceptions=True)
        return len(late)

    async def differing(self, connection: asyncpg.Connection) -> list[str]:
        """Whose events are not those of the log."""
        return await differing(self.watchers, lambda run_id: the_log(connection, run_id))
