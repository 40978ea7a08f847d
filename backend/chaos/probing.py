"""The prober, started and ended, and what it wrote down."""

import asyncio
import signal
import subprocess
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from bench.servers import BACKEND, NotReady
from chaos.probes import Known, Sample


@asynccontextmanager
async def probing(
    folder: Path, port: int, streams: int, token: str, known: Known, *, rate: float, mix: str
) -> AsyncGenerator[Path]:
    """A prober at work; its file is complete at the end of the block."""
    out, key = folder / "probes.jsonl", folder / "probe-token"
    key.write_text(token)
    process = subprocess.Popen(
        [
            *(sys.executable, "-m", "chaos.prober", "--port", str(port), "--streams", str(streams)),
            *("--known", msgspec.json.encode(known).decode(), "--token-file", str(key)),
            *("--rate", str(rate), "--mix", mix, "--out", str(out)),
        ],
        cwd=BACKEND,
        start_new_session=True,
    )
    try:
        yield out
        if process.poll() is not None:
            raise NotReady("The prober died.")
        process.send_signal(signal.SIGTERM)
        await asyncio.to_thread(process.wait, 30)
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


def read_samples(out: Path) -> list[Sample]:
    return [msgspec.json.decode(line, type=Sample) for line in out.read_bytes().splitlines()]
