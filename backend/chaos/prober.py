"""`python -m chaos.prober`: asks at a fixed rate, whatever the answers do, and writes down each one.

The latency counts from the moment at which a probe was to be sent, so a server that stands still is charged
for all whom it kept waiting. Every sample goes to `--out`, a JSON line each; SIGTERM ends it.
"""

import argparse
import asyncio
import gc
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any
from uuid import uuid4

import msgspec
import uvloop

from chaos.http1 import Answer, Broken, Http
from chaos.probes import DEADLINES, OK, Ask, Kind, Known, Sample, ask_for, mix, retry_pause, verdict


@dataclass
class Prober:
    api: Http
    streams: Http
    known: Known
    out: IO[bytes]
    under_way: "set[asyncio.Task[None]]" = field(default_factory=set["asyncio.Task[None]"])
    _encode: Any = msgspec.json.Encoder().encode

    async def run(self, rate: float, kinds: list[Kind], stop: asyncio.Event) -> None:
        """Send a probe every `1 / rate` seconds until told to stop; then wait for the last answers."""
        loop = asyncio.get_running_loop()
        began, number = loop.time(), 0
        while not stop.is_set():
            due = began + number / rate
            wait = due - loop.time()
            if wait > 0:
                await asyncio.sleep(wait)  # noqa: TID251 - a load generator's own clock
            task = asyncio.create_task(self.probe(kinds[number % len(kinds)], due))
            self.under_way.add(task)
            task.add_done_callback(self.under_way.discard)
            number += 1
        await asyncio.gather(*self.under_way)

    async def probe(self, kind: Kind, due: float) -> None:
        ask = ask_for(kind, self.known, uuid4().hex)
        loop = asyncio.get_running_loop()
        first, answer = await self.try_once(kind, ask, due)
        first_ms = (loop.time() - due) * 1e3
        resent = answer is not None and answer.resent
        final = first
        if first != OK:
            await asyncio.sleep(retry_pause(answer))  # noqa: TID251
            final, answer = await self.try_once(kind, ask, loop.time())
        run_id = answer.json["id"] if kind == "start" and final == OK and answer is not None else ""
        sample = Sample(
            time.monotonic() - (loop.time() - due),
            kind,
            first,
            round(first_ms, 2),
            final,
            round((loop.time() - due) * 1e3, 2),
            run_id,
            resent,
        )
        self.out.write(self._encode(sample) + b"\n")

    async def try_once(self, kind: Kind, ask: Ask, due: float) -> tuple[str, Answer | None]:
        http = self.streams if ask.of_stream else self.api
        try:
            async with asyncio.timeout_at(due + DEADLINES[kind]):
                answer = await http.ask(ask.method, ask.path, ask.body, ask.headers)
        except TimeoutError:
            return "timeout", None
        except Broken as broken:
            return str(broken), None
        return verdict(kind, self.known, answer), answer


async def serve(given: argparse.Namespace) -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    known = msgspec.json.decode(given.known, type=Known)
    token = given.token_file.read_text().strip()
    with given.out.open("wb") as out:
        prober = Prober(
            Http(given.port, token, resends=True), Http(given.streams, token, resends=True), known, out
        )
        gc.freeze()
        await prober.run(given.rate, mix(given.mix), stop)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m chaos.prober", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--streams", type=int, required=True)
    parser.add_argument("--known", required=True, help="the run that has ended, as JSON")
    parser.add_argument("--token-file", type=Path, required=True)
    parser.add_argument("--rate", type=float, default=40)
    parser.add_argument("--mix", default="run=8,threads=5,start=2,replay=5")
    parser.add_argument("--out", type=Path, required=True)
    uvloop.run(serve(parser.parse_args()))


if __name__ == "__main__":
    main()
