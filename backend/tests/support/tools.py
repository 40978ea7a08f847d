"""Tools with bad manners, for tests with real processes."""

import os
import signal
import time
from collections.abc import Mapping

from helium.engine.tools.definition import Arguments, tool
from helium.ports import Tool, ToolContext


class Seconds(Arguments, frozen=True, kw_only=True):
    seconds: float


class NoArguments(Arguments, frozen=True, kw_only=True):
    pass


async def _block(arguments: Seconds, context: ToolContext) -> str:
    time.sleep(arguments.seconds)  # the event loop stands still: that is the point
    return f"blocked for {arguments.seconds} seconds"


async def _crash(arguments: NoArguments, context: ToolContext) -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "never said"


block = tool("block", "Block.", arguments=Seconds, run=_block, effect="read")
crash = tool("crash", "Kill.", arguments=NoArguments, run=_crash, effect="read")

TEST_TOOLS: Mapping[str, Tool] = {"block": block, "crash": crash}
