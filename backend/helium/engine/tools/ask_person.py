"""A question to the person: the run waits, and the answer is the result."""

from typing import Annotated

from msgspec import Meta

from helium.core.errors import ToolError
from helium.engine.tools.definition import Arguments, tool
from helium.ports import ToolContext


class Question(Arguments, frozen=True, kw_only=True):
    question: Annotated[str, Meta(description="One question that the person can answer.")]
    options: Annotated[
        tuple[str, ...], Meta(description="Answers to choose from; the person may write another.")
    ] = ()


async def _never(arguments: Question, context: ToolContext) -> str:
    raise ToolError("This question is for a person; no program can answer it.")


ask_person = tool(
    "ask_person",
    "Ask the person a question and wait for the answer, however long it takes.",
    arguments=Question,
    run=_never,
    effect="read",
    asks_person=True,
)
