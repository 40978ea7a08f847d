"""One tool step: who must be asked, whether it may be repeated, and what the model reads."""

import asyncio
import hashlib
from collections.abc import Sequence
from typing import Any, Literal, NamedTuple

import msgspec
import structlog

from helium.core.budget import Usage
from helium.core.errors import ToolError
from helium.core.items import Item, ToolCall, ToolResult
from helium.core.steps import StepResult
from helium.engine.journal import Journal, NeedsPerson
from helium.engine.options import EngineOptions
from helium.kit import trace
from helium.kit.failpoint import failpoint
from helium.kit.ids import new_id
from helium.kit.metrics import instruments as metrics
from helium.platform import Platform
from helium.ports import ActionRow, EffectRow, Tool, ToolContext

log = structlog.get_logger()


class Output(NamedTuple):
    """What the model reads, and whether it is an error."""

    text: str
    is_error: bool = False


_arguments_decoder = msgspec.json.Decoder(dict[str, Any])


async def run_tools(
    journal: Journal, platform: Platform, options: EngineOptions, calls: Sequence[ToolCall]
) -> list[Item]:
    """Carry out the calls of one answer; their results in the order of the calls.

    Calls that may be repeated run side by side first; each is recorded in its turn. A call that may
    happen only once runs alone, after its intent is durable.
    """
    ahead = await _side_by_side(journal, platform, options, calls)
    results: list[Item] = []
    for call in calls:
        work = _Call(journal, platform, options, call, ahead.get(call.call_id))
        name = f"{call.name} {call.call_id}"
        result = await journal.step("tool", name, work.step, call_id=call.call_id, settles=work.settles)
        results.extend(result.items)
    return results


async def _side_by_side(
    journal: Journal, platform: Platform, options: EngineOptions, calls: Sequence[ToolCall]
) -> "dict[str, Output]":
    """The outputs of the calls that may be repeated and are not recorded yet, by call id."""
    unrecorded = calls[max(0, len(journal.run.recorded) - journal.position) :]
    free = [call for call in unrecorded if _runs_ahead(journal, platform, call)]
    if len(free) < 2:
        return {}
    journal.boundary()
    async with asyncio.TaskGroup() as group:
        tasks = {
            call.call_id: group.create_task(_Call(journal, platform, options, call).output())
            for call in free
        }
    return {call_id: task.result() for call_id, task in tasks.items()}


def _runs_ahead(journal: Journal, platform: Platform, call: ToolCall) -> bool:
    tool = platform.tools.get(call.name)
    if tool is None or tool.asks_person or tool.effect == "once":
        return False
    return call.name not in journal.run.row.spec.ask_before


class _Call:
    """One call of one tool, with everything that decides how it may be carried out."""

    def __init__(
        self,
        journal: Journal,
        platform: Platform,
        options: EngineOptions,
        call: ToolCall,
        ahead: Output | None = None,
    ) -> None:
        self._journal = journal
        self._platform = platform
        self._options = options
        self._call = call
        self._ahead = ahead
        self._began = False

    async def step(self) -> tuple[StepResult, Usage]:
        output = self._ahead or await self.output()
        result = ToolResult(
            id=self._journal.new_item_id("tr"),
            call_id=self._call.call_id,
            output=output.text,
            is_error=output.is_error,
        )
        return StepResult(items=(result,)), Usage()

    def settles(self) -> bool:
        """Whether the ledger holds an intent that this step settles."""
        return self._began

    async def output(self) -> Output:
        """What the tool says, bounded. Raises `NeedsPerson` where a person must decide first."""
        output = await self._said()
        metrics.TOOL_CALLS.of(self._call.name, "error" if output.is_error else "ok").add()
        return output

    async def _said(self) -> Output:
        try:
            async with asyncio.timeout(self._options.step_timeout_seconds):
                output = await self._decided()
        except TimeoutError:
            return Output("The tool did not finish in time.", is_error=True)
        except ToolError as error:
            return Output(_bounded(str(error), self._options.max_tool_output), is_error=True)
        except NeedsPerson:
            raise
        except Exception:
            log.exception("tool.failed", tool=self._call.name)
            return Output(f"The tool {self._call.name} failed unexpectedly.", is_error=True)
        return Output(_bounded(output, self._options.max_tool_output))

    async def _decided(self) -> str:
        """The call's result once nobody has to be asked any more."""
        tool = self._tool()
        if tool.asks_person:
            return self._answer()
        if self._call.name in self._journal.run.row.spec.ask_before:
            approval = self._decision("approval", f"Run {self._call.name}?")
            if approval.decision != "approve":
                raise _declined(approval)
        if tool.effect == "once":
            return await self._once(tool)
        return await self._carry_out(tool)

    async def _once(self, tool: Tool) -> str:
        """Never twice without a person: the intent is durable before the effect begins."""
        effect = self._journal.run.effects.get(self._call.call_id)
        if effect is not None:
            doubt = self._decision(
                "in_doubt",
                f"{self._call.name} was begun and its outcome is unknown. Did it happen?",
                not_before=effect.epoch,
            )
            if doubt.decision == "done":
                self._began = True
                return doubt.answer or "A person confirmed that this was done."
            if doubt.decision != "repeat":
                self._began = True
                raise _declined(doubt)
        await self._journal.intend(
            EffectRow(
                call_id=self._call.call_id,
                tool=self._call.name,
                arguments_hash=self._subject(),
                state="intent",
            )
        )
        self._began = True
        output = await self._carry_out(tool)
        failpoint("effect.after")
        return output

    async def _carry_out(self, tool: Tool) -> str:
        call = self._call
        with trace.span("tool", tool=call.name, call_id=call.call_id, effect=tool.effect):
            return await tool.call(self._arguments(), self._context())

    def _answer(self) -> str:
        question = str(self._arguments().get("question", "")) or "The agent asks you."
        decision = self._decision("question", question)
        if decision.answer:
            return decision.answer
        return {"approve": "yes", "deny": "no"}.get(decision.decision or "", "no answer")

    def _decision(
        self, kind: Literal["approval", "question", "in_doubt"], prompt: str, not_before: int = 0
    ) -> ActionRow:
        """What a person decided about exactly this call; asks, by parking the run, if nobody did."""
        decided = self._journal.run.decisions.get((self._call.call_id, kind))
        if decided is not None and decided.subject_hash == self._subject() and decided.epoch > not_before:
            return decided
        raise NeedsPerson(
            ActionRow(
                id=new_id(),
                run_id=self._journal.run.lease.run_id,
                workspace_id=self._journal.run.lease.workspace_id,
                call_id=self._call.call_id,
                kind=kind,
                subject_hash=self._subject(),
                prompt=prompt,
                tool=self._call.name,
                arguments=self._call.arguments,
            )
        )

    def _subject(self) -> bytes:
        """What a decision is bound to: tool, arguments, run and call."""
        digest = hashlib.sha256()
        run_id = self._journal.run.lease.run_id.hex
        for part in (self._call.name, self._call.arguments, run_id, self._call.call_id):
            encoded = part.encode()
            digest.update(len(encoded).to_bytes(8, "big") + encoded)
        return digest.digest()

    def _tool(self) -> Tool:
        spec = self._journal.run.row.spec
        tool = self._platform.tools.get(self._call.name)
        if tool is None or self._call.name not in spec.tools:
            raise ToolError(f"There is no tool {self._call.name!r}. Yours are: {', '.join(spec.tools)}.")
        return tool

    def _arguments(self) -> dict[str, Any]:
        try:
            return _arguments_decoder.decode(self._call.arguments or "{}")
        except msgspec.DecodeError as error:
            raise ToolError(f"The arguments are not a JSON object: {error}") from error

    def _context(self) -> ToolContext:
        row = self._journal.run.row
        return ToolContext(
            workspace_id=row.workspace_id,
            thread_id=row.thread_id,
            run_id=row.id,
            idempotency_key=f"{row.id.hex}-{self._call.call_id}",
            files=self._platform.files,
            clock=self._platform.clock,
        )


def _declined(decision: ActionRow) -> ToolError:
    reason = f": {decision.answer}" if decision.answer else "."
    return ToolError(f"The person declined{reason}")


def _bounded(output: str, limit: int) -> str:
    """What the log can hold: no NUL, and not more than the limit."""
    output = output.replace("\x00", "\ufffd")
    if len(output) <= limit:
        return output
    return f"{output[:limit]}\n[{len(output) - limit} more characters were left out]"
