"""Work that goes on beside a process's own, and ends it if it fails: nothing fails unnoticed."""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Sequence
from contextlib import asynccontextmanager


@asynccontextmanager
async def running(work: Sequence[Coroutine[None, None, None]]) -> AsyncGenerator[None]:
    """Run these until the end of the block. If one of them fails, the block ends with its error."""
    owner = asyncio.current_task()
    assert owner is not None
    failures: list[BaseException] = []

    def ended(task: "asyncio.Task[None]") -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            failures.append(error)
            owner.cancel()

    tasks = [asyncio.create_task(coroutine) for coroutine in work]
    for task in tasks:
        task.add_done_callback(ended)
    try:
        yield
    except asyncio.CancelledError:
        if failures:
            owner.uncancel()
            raise failures[0] from None
        raise
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
