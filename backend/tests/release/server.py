"""A fake on a free port of the loopback interface."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import NamedTuple

from aiohttp import web


class Fault(NamedTuple):
    """The next call is answered with this status instead of being carried out; or the next change is
    carried out, and answered with it."""

    status: int
    carried_out: bool = False


def next_fault(faults: deque[Fault], *, changes: bool) -> Fault | None:
    return faults.popleft() if faults and (changes or not faults[0].carried_out) else None


@asynccontextmanager
async def serving(answer: Callable[[web.Request], Awaitable[web.StreamResponse]]) -> AsyncGenerator[str]:
    """The address, until the end of the block."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()
