"""Put an installation under load and hold it to limits: `load.py https://api.… --rate 10 --seconds 60`.

The load is open: runs are started at a fixed rate, however slow the answers are, and times count from the
moment at which a run was due. Each run is accepted, then followed to its end as a browser follows it. Exit
code 1 if a limit is broken. The API key is in HELIUM_RELEASE_TOKEN; the model costs nothing.
"""

import argparse
import asyncio
import json
import os
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import aiohttp

from helium.kit.clock import SystemClock

clock = SystemClock()
QUESTION = "calculate 6 * 7"
DELTA = b"event: response.output_text.delta"
END = b"event: response.completed"
RUN_SECONDS = 120


class Bad(Exception):
    """What was answered instead; short, for it is counted."""


@dataclass
class Seen:
    """What the runs came to, in seconds."""

    accept: list[float] = field(default_factory=list[float])
    first: list[float] = field(default_factory=list[float])
    total: list[float] = field(default_factory=list[float])
    silence: list[float] = field(default_factory=list[float])
    errors: Counter[str] = field(default_factory=Counter[str])
    started: int = 0


@dataclass(frozen=True, slots=True)
class Limit:
    name: str
    seen: float
    most: float
    unit: str

    @property
    def broken(self) -> bool:
        return not self.seen <= self.most

    @property
    def verdict(self) -> str:
        return "**broken**" if self.broken else "kept"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("address")
    parser.add_argument("--stream", default="", help="address of event streams, if it is another")
    parser.add_argument("--model", default="offline:demo")
    parser.add_argument("--rate", type=float, default=10, help="runs a second")
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--most-errors", type=float, default=0.01, help="share of the runs")
    parser.add_argument("--most-accept-ms", type=float, default=500, help="95th percentile")
    parser.add_argument("--most-first-ms", type=float, default=2000, help="95th percentile of first tokens")
    parser.add_argument(
        "--most-silence-seconds", type=float, default=20, help="the longest within a stream"
    )
    parser.add_argument("--summary", type=Path, help="a file to which the table is added")
    return parser.parse_args()


async def main(given: argparse.Namespace) -> int:
    seen = Seen()
    headers = {"Authorization": f"Bearer {os.environ['HELIUM_RELEASE_TOKEN']}"}
    timeout = aiohttp.ClientTimeout(total=RUN_SECONDS)
    connector = aiohttp.TCPConnector(limit=0)
    client = aiohttp.ClientSession(
        headers=headers, timeout=timeout, connector=connector, read_bufsize=2**20
    )
    async with client as http:
        await play(http, given, seen)
    limits = judged(seen, given)
    text = table(seen, limits)
    print(text)
    if given.summary:
        with given.summary.open("a") as file:
            file.write(text + "\n")
    return 1 if any(limit.broken for limit in limits) else 0


async def play(http: aiohttp.ClientSession, given: argparse.Namespace, seen: Seen) -> None:
    began = clock.monotonic()
    async with asyncio.TaskGroup() as group:
        for number in range(int(given.rate * given.seconds)):
            due = began + number / given.rate
            await clock.sleep(max(0.0, due - clock.monotonic()))
            seen.started += 1
            group.create_task(one(http, given, seen, due))


async def one(http: aiohttp.ClientSession, given: argparse.Namespace, seen: Seen, due: float) -> None:
    try:
        run = await accepted(http, given)
        seen.accept.append(clock.monotonic() - due)
        await followed(http, f"{given.stream or given.address}/v1/responses/{run}?stream=true", seen, due)
        seen.total.append(clock.monotonic() - due)
    except Bad as bad:
        seen.errors[str(bad)] += 1
    except (aiohttp.ClientError, TimeoutError) as error:
        seen.errors[type(error).__name__] += 1


async def accepted(http: aiohttp.ClientSession, given: argparse.Namespace) -> str:
    body = {"model": given.model, "input": QUESTION, "background": True}
    key = {"Idempotency-Key": f"load-{uuid4().hex}"}
    async with http.post(f"{given.address}/v1/responses", json=body, headers=key) as response:
        if response.status not in {200, 201, 202}:
            raise Bad(f"a run was answered with {response.status}")
        return str(json.loads(await response.read())["id"])


async def followed(http: aiohttp.ClientSession, address: str, seen: Seen, due: float) -> None:
    """Read the stream to its end. Raises `Bad` if it ends otherwise."""
    async with http.get(address) as response:
        if response.status != 200:
            raise Bad(f"a stream was answered with {response.status}")
        first, heard, longest, last = False, clock.monotonic(), 0.0, b""
        async for line in response.content:
            now = clock.monotonic()
            heard, longest = now, max(longest, now - heard)
            if line.startswith(b"event:"):
                last = line.strip()
            if not first and last == DELTA:
                first = True
                seen.first.append(now - due)
        seen.silence.append(longest)
        if last != END or not first:
            raise Bad(f"a stream ended with {last.decode(errors='replace') or 'nothing'}")


def judged(seen: Seen, given: argparse.Namespace) -> list[Limit]:
    """What is measured against what it may be. Without a single run everything is broken."""
    share = seen.errors.total() / seen.started if seen.started else float("inf")
    return [
        Limit("errors", share, given.most_errors, ""),
        Limit("accepted, 95 %", percentile(seen.accept) * 1000, given.most_accept_ms, " ms"),
        Limit("first token, 95 %", percentile(seen.first) * 1000, given.most_first_ms, " ms"),
        Limit("longest silence", max(seen.silence, default=float("inf")), given.most_silence_seconds, " s"),
    ]


def percentile(values: list[float], share: float = 0.95) -> float:
    """The value that this share does not exceed; infinite if there is none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else float("inf")


def table(seen: Seen, limits: list[Limit]) -> str:
    rows = [
        f"| {each.name} | {each.seen:.3g}{each.unit} | {each.most:g}{each.unit} | {each.verdict} |"
        for each in limits
    ]
    errors = [f"- {count} times: {what}" for what, count in seen.errors.most_common(5)]
    head = f"{seen.started} runs, {len(seen.total)} of them to their end."
    return "\n".join([head, "", "| | seen | limit | |", "| --- | ---: | ---: | --- |", *rows, "", *errors])


if __name__ == "__main__":
    sys.exit(asyncio.run(main(arguments())))
