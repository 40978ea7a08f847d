"""What people do meanwhile: runs of several shapes at a fixed rate, each with a viewer, each remembered."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

from chaos.children import clock
from chaos.http1 import Answer, Broken, Http
from chaos.installation import Installation
from chaos.watch import Watcher

TRIES = 60
LINES = 12
GAP_SECONDS = 0.5


@dataclass(slots=True)
class Accepted:
    """A run that the API acknowledged, and what must have become of it."""

    run_id: str
    shape: str
    text: str | None = None
    """What a completed one says."""
    lines: tuple[str, ...] = ()
    """What its `once` tool wrote, each exactly once."""
    cancelled: bool = False
    waits: bool = False
    repeated: list[str] = field(default_factory=list[str])
    """Lines of which a person said: it did not happen, do it again."""


@dataclass
class Crowd:
    """All who use the installation, but for the prober."""

    here: Installation
    dice: random.Random
    accepted: list[Accepted] = field(default_factory=list[Accepted])
    watchers: list[Watcher] = field(default_factory=list[Watcher])
    shapes: Counter[str] = field(default_factory=Counter[str])
    given_up: Counter[str] = field(default_factory=Counter[str])
    tasks: "set[asyncio.Task[None]]" = field(default_factory=set["asyncio.Task[None]"])
    doubts: int = 0
    _http: Http = field(init=False)

    def __post_init__(self) -> None:
        self._http = self.here.http()

    async def come(self, rate: float) -> None:
        """Start one shape after the other at this rate, until cancelled; waits for nobody."""
        began, number = clock.monotonic(), 0
        names = list(SHAPES)
        while True:
            await clock.sleep(max(0.0, began + number / rate - clock.monotonic()))
            name = names[number % len(names)]
            self.shapes[name] += 1
            self.do(self._shape(name))
            number += 1

    def do(self, work: Awaitable[None]) -> None:
        task = asyncio.ensure_future(work)
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

    async def _shape(self, name: str) -> None:
        try:
            await SHAPES[name](self)
        except Gone as gone:
            self.given_up[f"{name}: {gone}"] += 1

    async def ask(self, method: str, path: str, body: Any = None) -> Answer:
        """Ask until it is answered, with one idempotency key. Raises `Gone` if it never is."""
        headers = {"idempotency-key": uuid4().hex} if method == "POST" else {}
        for _ in range(TRIES):
            try:
                async with asyncio.timeout(5):
                    answer = await self._http.ask(method, path, body, headers)
            except (Broken, TimeoutError):
                await clock.sleep(GAP_SECONDS * self.dice.uniform(0.5, 1.5))
                continue
            if answer.status not in (429, 500, 502, 503):
                return answer
            await clock.sleep(1.0)
        raise Gone("no answer")

    async def start(self, shape: str, text: str, **more: Any) -> Accepted:
        """Start a run and watch it."""
        answer = await self.ask("POST", "/v1/runs", {"input": text, **more})
        if answer.status != 202:
            raise Gone(f"status {answer.status}")
        return self.note(Accepted(answer.json["id"], shape))

    def note(self, accepted: Accepted) -> Accepted:
        self.accepted.append(accepted)
        watcher = Watcher(
            accepted.run_id, lambda: self.here.stream_port, self.here.token, self.dice, longest_pause=1.0
        )
        self.watchers.append(watcher)
        self.do(watcher.follow())
        return accepted

    def recent(self) -> list[str]:
        return [accepted.run_id for accepted in self.accepted[-50:]]

    async def until(self, run_id: str, *statuses: str, seconds: float = 90.0) -> Mapping[str, Any] | None:
        """The run once it is in one of these states; None if it is not within the time."""
        deadline = clock.monotonic() + seconds
        while clock.monotonic() < deadline:
            run = (await self.ask("GET", f"/v1/runs/{run_id}")).json
            if run.get("status") in statuses:
                return run
            await clock.sleep(1.0)
        return None


class Gone(Exception):
    """Somebody gave up, after a minute of trying or because the answer was no."""


ENDED = ("completed", "failed", "cancelled", "incomplete")


async def count_slowly(crowd: Crowd) -> None:
    last = crowd.dice.randint(40, 100)
    run = await crowd.start("count", f"count from 1 to {last} slowly")
    run.text = " ".join(str(number) for number in range(1, last + 1))


async def use_tools(crowd: Crowd) -> None:
    text = "calculate 6 * 7 and then save a note: milk and then what time is it in Tokyo"
    await crowd.start("tools", f"{text} and then list my notes")


async def write_once(crowd: Crowd) -> None:
    """Lines that a `once` tool appends; a person who looks into the file settles what is in doubt."""
    mark = uuid4().hex[:8]
    lines = tuple(f"{mark}-{number}" for number in range(LINES))
    run = await crowd.start("once", " and then ".join(f"append to log.txt: {line}" for line in lines))
    run.lines = lines
    for _ in range(10):
        found = await crowd.until(run.run_id, "requires_action", *ENDED)
        if found is None or found["status"] != "requires_action":
            return
        action = found["action"]
        crowd.doubts += 1
        written = await asyncio.to_thread(lines_of, crowd.here.home, mark)
        missing = [line for line in lines_in(action, lines) if line not in written]
        run.repeated.extend(missing)
        decision = {"decision": "repeat" if missing else "done"}
        await crowd.ask("POST", f"/v1/runs/{run.run_id}/actions/{action['id']}", decision)
        await clock.sleep(0.5)


def lines_in(action: Mapping[str, str], lines: tuple[str, ...]) -> list[str]:
    """The line of an action: `mark-1` is a part of `mark-10`."""
    return [
        line for line in lines if f'{line}"' in action["arguments"] or f"{line}\\n" in action["arguments"]
    ]


def lines_of(home: Path, mark: str) -> Counter[str]:
    """The lines with this mark in all logs, and how often each is there."""
    found: Counter[str] = Counter()
    for file in (home / "files").rglob("log.txt"):
        found.update(line for line in file.read_text().splitlines() if line.startswith(mark))
    return found


async def cancel_soon(crowd: Crowd) -> None:
    run = await crowd.start("cancel", "count from 1 to 200 slowly")
    await clock.sleep(crowd.dice.uniform(0.2, 3))
    run.cancelled = (await crowd.ask("POST", f"/v1/runs/{run.run_id}/cancel")).status == 202


async def several_turns(crowd: Crowd) -> None:
    first = await crowd.start("turns", "my name is Ann")
    thread_id = (await crowd.ask("GET", f"/v1/runs/{first.run_id}")).json["thread_id"]
    more = {"thread_id": thread_id, "when_busy": "enqueue"}
    second = await crowd.start("turns", "count from 1 to 20 slowly", **more)
    second.text = " ".join(str(number) for number in range(1, 21))
    third = await crowd.start("turns", "what is my name", **more)
    third.text = "Your name is Ann."


async def respond(crowd: Crowd) -> None:
    last = crowd.dice.randint(20, 50)
    body = {"model": "default", "input": f"count from 1 to {last} slowly", "background": True}
    answer = await crowd.ask("POST", "/v1/responses", body)
    if answer.status != 200:
        raise Gone(f"status {answer.status}")
    run_id = "run_" + answer.json["id"].partition("_")[2]
    crowd.note(Accepted(run_id, "respond", " ".join(str(number) for number in range(1, last + 1))))


async def ask_first(crowd: Crowd) -> None:
    """A run that waits for a person; every second time the person comes."""
    run = await crowd.start("wait", "ask me before you save a note: call Bob")
    run.waits = True
    found = await crowd.until(run.run_id, "requires_action", *ENDED)
    if found is not None and found["status"] == "requires_action" and crowd.dice.random() < 0.5:
        path = f"/v1/runs/{run.run_id}/actions/{found['action']['id']}"
        await crowd.ask("POST", path, {"decision": "approve"})


SHAPES: Mapping[str, Callable[[Crowd], Awaitable[None]]] = {
    "count": count_slowly,
    "tools": use_tools,
    "once": write_once,
    "respond": respond,
    "cancel": cancel_soon,
    "count too": count_slowly,
    "once too": write_once,
    "turns": several_turns,
    "wait": ask_first,
}
