"""The agent loop, on one screen: ask the model, do what it asks for, repeat.

It stops on an answer, a call for the caller's own tools, a budget, or a decision that a person must
make. Every step goes through the journal, so the loop may be entered again from the top in any
process: recorded steps return what they gave, and the conversation grows the same way.
"""

from functools import partial

from helium.core.budget import Usage
from helium.core.events import FinalEvent, RunCompleted, RunFailed, RunIncomplete
from helium.core.history import unanswered_calls
from helium.core.items import FunctionTool
from helium.core.steps import StepResult
from helium.engine.journal import Ending, Journal
from helium.engine.model_call import call_model
from helium.engine.options import EngineOptions
from helium.engine.tool_call import run_tools
from helium.platform import Platform
from helium.ports import Close


async def run_agent(journal: Journal, platform: Platform, options: EngineOptions) -> None:
    """Execute a leased run to its end. Raises `HandOver` or `NeedsPerson` at a step boundary."""
    run = journal.run
    tools = _offered_tools(run.row.spec.tools, run.row.spec.caller_tools, platform)
    conversation = [*run.history, *run.row.input]
    while True:
        budget = journal.over_budget()
        if budget is not None:
            await journal.finish(incomplete(budget))
            return
        ask = partial(call_model, journal, platform, options, conversation, tools)
        answer = await journal.step("model", "model", ask, ending=_ending)
        if _ending(answer) is not None:
            return
        conversation.extend(answer.items)
        calls = unanswered_calls(answer.items)
        ours = [call for call in calls if not call.caller]
        conversation.extend(await run_tools(journal, platform, options, ours))
        if len(ours) < len(calls):
            await journal.finish(DONE)
            return


def _ending(answer: StepResult) -> Ending | None:
    """Whether this answer ends the run, and how; None while there are calls to carry out."""
    if answer.finish == "length":
        return incomplete("max_output_tokens")
    if answer.finish == "content_filter":
        return incomplete("content_filter")
    if any(not call.caller for call in unanswered_calls(answer.items)):
        return None
    return DONE


def _completed(usage: Usage) -> FinalEvent:
    return RunCompleted(usage=usage)


DONE = Ending(Close(status="completed"), _completed)


def incomplete(reason: str) -> Ending:
    def event(usage: Usage) -> FinalEvent:
        return RunIncomplete(reason=reason, usage=usage)

    return Ending(Close(status="incomplete", error_code=reason), event)


def failed(code: str, message: str) -> Ending:
    def event(usage: Usage) -> FinalEvent:
        return RunFailed(code=code, message=message, usage=usage)

    return Ending(Close(status="failed", error_code=code, error_message=message), event)


def _offered_tools(
    names: tuple[str, ...], caller_tools: tuple[FunctionTool, ...], platform: Platform
) -> list[FunctionTool]:
    known = [platform.tools[name].definition for name in names if name in platform.tools]
    return [*known, *caller_tools]
