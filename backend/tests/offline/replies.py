"""The loop of a run, without the run: the offline model answers and the real tools work."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from helium.adapters.memory.files import MemoryFiles
from helium.adapters.offline import Answer, plan
from helium.core.errors import ToolError
from helium.core.items import (
    FunctionTool,
    Item,
    ToolCall,
    ToolResult,
    assistant_message,
    user_message,
)
from helium.engine.tools import BUILT_IN
from helium.kit.clock import ManualClock
from helium.ports import ToolContext

TOOLS: Sequence[FunctionTool] = [tool.definition for tool in BUILT_IN.values()]
THREAD = (UUID(int=1), UUID(int=2))
WEDNESDAY_NOON = 1_782_907_200.0


@dataclass
class Thread:
    """A conversation with the offline model. `person` answers its questions."""

    person: str = "yes"
    items: list[Item] = field(default_factory=list[Item])
    asked: list[str] = field(default_factory=list[str])
    called: list[list[str]] = field(default_factory=list[list[str]])
    """The names of the tools that each answer called, since the last message."""

    def __post_init__(self) -> None:
        self.clock = ManualClock(WEDNESDAY_NOON)
        self.files = MemoryFiles(self.clock)

    async def say(self, text: str) -> str:
        """Send a message; what the model says in the end."""
        self.items.append(user_message(f"m{len(self.items)}", text))
        self.called.clear()
        while True:
            answer = plan(self.items, TOOLS)
            if not answer.tool_calls:
                self.items.append(assistant_message(f"m{len(self.items)}", answer.text))
                return answer.text
            await self._carry_out(answer)

    async def _carry_out(self, answer: Answer) -> None:
        self.called.append([call.name for call in answer.tool_calls])
        for call in answer.tool_calls:
            item_id = f"c{len(self.items)}"
            self.items.append(
                ToolCall(id=item_id, call_id=call.call_id, name=call.name, arguments=call.arguments)
            )
        for call in answer.tool_calls:
            output, is_error = await self._result(call.name, call.arguments, call.call_id)
            self.items.append(
                ToolResult(id=f"r{len(self.items)}", call_id=call.call_id, output=output, is_error=is_error)
            )

    async def _result(self, name: str, arguments: str, call_id: str) -> tuple[str, bool]:
        decoded = msgspec.json.decode(arguments, type=dict[str, object])
        if BUILT_IN[name].asks_person:
            self.asked.append(str(decoded["question"]))
            return self.person, False
        workspace_id, thread_id = THREAD
        context = ToolContext(
            workspace_id=workspace_id,
            thread_id=thread_id,
            run_id=UUID(int=3),
            idempotency_key=call_id,
            files=self.files,
            clock=self.clock,
        )
        try:
            return await BUILT_IN[name].call(decoded, context), False
        except ToolError as error:
            return str(error), True

    async def paths(self) -> list[str]:
        return [file.path for file in await self.files.list(*THREAD)]
