"""The pipeline's load test: it passes an installation that is well, and no other."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import web

from tests.delivery.tools import SCRIPTS
from tests.support.processes import BACKEND

GOOD = b"event: response.created\n\nevent: response.output_text.delta\n\nevent: response.completed\n\n"
CUT_OFF = b"event: response.created\n\nevent: response.output_text.delta\n\n"
FAILED = CUT_OFF + b"event: response.failed\n\n"


class Installation:
    """Accepts runs and tells how they went. Nobody is answered before `most` have asked."""

    def __init__(self, *, events: bytes = GOOD, status: int = 200, most: int = 0) -> None:
        self.asked, self.keys, self.tokens = 0, set[str](), set[str]()
        self._events, self._status, self._most = events, status, most
        self._all_asked = asyncio.Event()

    async def accept(self, request: web.Request) -> web.Response:
        self.asked += 1
        self.keys.add(request.headers["Idempotency-Key"])
        self.tokens.add(request.headers["Authorization"])
        if self.asked >= self._most:
            self._all_asked.set()
        await self._all_asked.wait()
        return web.json_response({"id": f"resp_{self.asked}"}, status=self._status)

    async def follow(self, request: web.Request) -> web.Response:
        assert request.query["stream"] == "true"
        return web.Response(body=self._events, content_type="text/event-stream")


@asynccontextmanager
async def served(installation: Installation) -> AsyncGenerator[str]:
    app = web.Application()
    app.router.add_post("/v1/responses", installation.accept)
    app.router.add_get("/v1/responses/{id}", installation.follow)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def load(address: str, *options: str) -> tuple[int, str]:
    """Ten runs within half a second; exit code and what was said."""
    environment = {**os.environ, "PYTHONPATH": str(BACKEND), "HELIUM_RELEASE_TOKEN": "secret-token"}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, SCRIPTS / "load.py", address, "--rate", "20", "--seconds", "0.5", *options),
        env=environment,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


pytestmark = pytest.mark.process


async def test_an_installation_that_is_well_passes(tmp_path: Path) -> None:
    installation, summary = Installation(), tmp_path / "summary"
    async with served(installation) as address:
        code, text = await load(address, "--summary", str(summary), "--most-accept-ms", "5000")

    assert code == 0, text
    assert (installation.asked, len(installation.keys)) == (10, 10)
    assert installation.tokens == {"Bearer secret-token"}
    assert "10 runs, 10 of them to their end." in summary.read_text()
    assert "broken" not in text
    assert "secret-token" not in text


@pytest.mark.parametrize(
    ("installation", "said"),
    [
        ({"status": 503}, "10 times: a run was answered with 503"),
        ({"events": CUT_OFF}, "10 times: a stream ended with event: response.output_text.delta"),
        ({"events": FAILED}, "10 times: a stream ended with event: response.failed"),
        ({"events": b""}, "10 times: a stream ended with nothing"),
    ],
)
async def test_errors_break_the_limit(installation: dict[str, int | bytes], said: str) -> None:
    async with served(Installation(**installation)) as address:  # pyright: ignore[reportArgumentType]
        code, text = await load(address)

    assert code == 1
    assert said in text
    assert "| errors | 1 | 0.01 | **broken** |" in text


async def test_runs_are_started_though_none_is_answered(tmp_path: Path) -> None:
    # Nobody is answered until the last one has asked: a closed load would wait for ever.
    async with served(Installation(most=10)) as address:
        code, text = await load(address, "--most-accept-ms", "5000")

    assert code == 0, text


async def test_slow_answers_break_the_limit() -> None:
    async with served(Installation(most=10)) as address:
        code, text = await load(address, "--most-accept-ms", "100")

    assert code == 1
    assert text.count("**broken**") == 1
    assert "accepted, 95 %" in text


async def test_an_address_where_nobody_is_breaks_everything() -> None:
    code, text = await load("http://127.0.0.1:9")

    assert code == 1
    assert "ClientConnectorError" in text
    assert text.count("**broken**") == 4
