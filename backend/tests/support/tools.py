"""Tools with bad manners, for tests with real processes."""

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from helium.engine.tools.definition import Arguments, tool
from helium.ports import Tool, ToolContext


class Seconds(Arguments, frozen=True, kw_only=True):
    seconds: float


class NoArguments(Arguments, frozen=True, kw_only=True):
    pass


async def _block(arguments: Seconds, context: ToolContext) -> str:
    time.sleep(arguments.seconds)  # the event loop stands still: that is the point
    return f"blocked for {arguments.seconds} seconds"


class First(Arguments, frozen=True, kw_only=True):
    seconds: float
    marker: str


async def _block_first(arguments: First, context: ToolContext) -> str:
    try:
        Path(arguments.marker).touch(exist_ok=False)
    except FileExistsError:
        return "not blocked"
    time.sleep(arguments.seconds)
    return "blocked"


async def _crash(arguments: NoArguments, context: ToolContext) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "never said"


block = tool("block", "Block.", arguments=Seconds, run=_block, effect="read")
crash = tool("crash", "Kill.", arguments=NoArguments, run=_crash, effect="read")

block_first = tool("block_first", "Block once.", arguments=First, run=_block_first, effect="read")

TEST_TOOLS: Mapping[str, Tool] = {"block": block, "crash": crash, "block_first": block_first}
