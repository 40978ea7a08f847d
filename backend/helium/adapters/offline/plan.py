"""What the offline model answers: a pure function of the conversation.

The last message is understood as stages of requests. Each tool call gets an id from its place in
the conversation, so the results that follow the message say how far the plan has come.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from helium.adapters.offline.conversation import Conversation, read
from helium.adapters.offline.examples import Material, example
from helium.adapters.offline.named_tool import call_of
from helium.adapters.offline.phrases import INTRODUCTION
from helium.adapters.offline.requests import AskFirst, Fail, RecallName, Request, Say, Stages, UseTool
from helium.adapters.offline.understand import understand
from helium.core.errors import ModelFailed
from helium.core.items import FunctionTool, Item

NOT_UNDERSTOOD = f"I did not understand that. {INTRODUCTION}"
_NO_IMAGES = "I cannot see images, so I go by your words alone."
_YES = frozenset(
    {"yes", "y", "yeah", "yep", "sure", "ok", "okay", "approve", "approved", "please", "go", "do", "true"}
)


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A tool call of the answer; `arguments` is JSON."""

    call_id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer of the offline model: a text, or tool calls."""

    text: str = ""
    tool_calls: tuple[PlannedCall, ...] = ()
    reasoning: str = ""
    slowly: bool = False
    """A word every tenth of a second."""


def plan(
    items: Sequence[Item],
    tools: Sequence[FunctionTool],
    *,
    tool_choice: str | None = None,
    parallel_tool_calls: bool = True,
    text_format: Mapping[str, Any] | None = None,
) -> Answer:
    """The next answer. Raises `ModelFailed` if the person asks for a failure."""
    conversation = read(items)
    offered = {} if tool_choice == "none" else {tool.name: tool for tool in tools}
    understood = understand(conversation.text, offered)
    progress = _Progress(conversation, offered, tools_withheld=tool_choice == "none")
    progress.advance(understood.stages if understood else (), "0")
    calls = _chosen(progress, conversation, offered, tool_choice)
    reasoning = _aloud(understood.topic) if understood and not conversation.results else ""
    if calls:
        some = calls if parallel_tool_calls else calls[:1]
        return Answer(tool_calls=tuple(some), reasoning=reasoning)
    text = _text(progress, conversation)
    if text_format is not None:
        text = _structured(text, conversation, text_format)
    return Answer(text=text, reasoning=reasoning, slowly=progress.slowly)


def _aloud(topic: str | None) -> str:
    if topic is None:
        return ""
    return f"I am asked to think about {topic}. Is there a tool for it, or an answer that I know by heart?"


def _chosen(
    progress: "_Progress",
    conversation: Conversation,
    offered: Mapping[str, FunctionTool],
    tool_choice: str | None,
) -> list[PlannedCall]:
    """The calls of this answer: those of the plan, unless the request's first answer must have others."""
    must_call = tool_choice not in (None, "auto", "none") and not conversation.results
    if not must_call:
        return progress.calls
    wanted = [call for call in progress.calls if tool_choice in ("required", call.name)]
    tool = (
        next(iter(offered.values()), None) if tool_choice == "required" else offered.get(tool_choice or "")
    )
    if wanted or tool is None:
        return wanted
    return [conversation_call(conversation, "forced", call_of(tool, conversation.text))]


def _text(progress: "_Progress", conversation: Conversation) -> str:
    others = [
        f"The tool {conversation.tool_name(result.call_id)} answered: {result.output}"
        for result in conversation.results.values()
        if result.call_id not in progress.used
    ]
    lines = [*progress.lines, *others] or [NOT_UNDERSTOOD]
    return "\n".join([_NO_IMAGES, *lines] if conversation.has_images else lines)


def _structured(text: str, conversation: Conversation, text_format: Mapping[str, Any]) -> str:
    schema = text_format.get("schema")
    if not isinstance(schema, dict):
        schema = {"type": "object", "properties": {"answer": {"type": "string"}}}
    value = example(schema, Material(text=text, number=conversation.number))
    return msgspec.json.encode(value).decode()


def conversation_call(conversation: Conversation, path: str, request: UseTool) -> PlannedCall:
    """The call for a request. The same place in the same conversation gives the same id."""
    arguments = msgspec.json.encode(request.arguments).decode()
    place = f"{conversation.position}|{path}|{request.tool}|{arguments}"
    call_id = f"call_{hashlib.sha256(place.encode()).hexdigest()[:20]}"
    return PlannedCall(call_id, request.tool, arguments)


@dataclass(slots=True)
class _Progress:
    """How far the results have brought the plan: sentences for what is done, calls for what is next."""

    conversation: Conversation
    offered: Mapping[str, FunctionTool]
    tools_withheld: bool
    lines: list[str] = field(default_factory=list)
    calls: list[PlannedCall] = field(default_factory=list)
    used: set[str] = field(default_factory=set)
    slowly: bool = False

    def advance(self, stages: Stages, path: str) -> None:
        """Go through the stages up to the first one that waits for a result."""
        for number, stage in enumerate(stages):
            for place, request in enumerate(stage):
                self._take(request, f"{path}.{number}.{place}")
            if self.calls:
                return

    def _take(self, request: Request, path: str) -> None:
        match request:
            case UseTool():
                self._use(request, path)
            case AskFirst():
                self._ask(request, path)
            case Say(text=text, slowly=slowly):
                self.lines.append(text)
                self.slowly = self.slowly or slowly
            case RecallName():
                name = self.conversation.name
                self.lines.append(
                    f"Your name is {name}." if name else "You have not told me your name yet."
                )
            case Fail():
                raise ModelFailed("demonstration_failure", "The offline model was asked to fail, and did.")

    def _use(self, request: UseTool, path: str) -> None:
        output = self._output(request, path)
        if output is None:
            return
        text, is_error = output
        self.lines.append(f"I could not {request.doing}: {text}" if is_error else request.sentence(text))

    def _ask(self, request: AskFirst, path: str) -> None:
        question = UseTool(
            tool="ask_person",
            arguments={"question": request.question, "options": ["yes", "no"]},
            doing="ask you first, so I did nothing",
        )
        output = self._output(question, path)
        if output is None:
            return
        text, is_error = output
        if is_error:
            self.lines.append(f"I could not {question.doing}: {text}")
        elif _is_yes(text):
            self.advance(request.then, path)
        else:
            self.lines.append(f"I did not do it, because you answered: {text}")

    def _output(self, request: UseTool, path: str) -> tuple[str, bool] | None:
        """What the tool said and whether that is an error; None (and a call) if it was not asked yet."""
        call = conversation_call(self.conversation, path, request)
        result = self.conversation.results.get(call.call_id)
        if result is not None:
            self.used.add(call.call_id)
            return result.output, result.is_error
        if self.tools_withheld:
            return "I was told to use no tools.", True
        if request.tool not in self.offered:
            return f"that needs the tool {request.tool}, which this agent does not have.", True
        self.calls.append(call)
        return None


def _is_yes(answer: str) -> bool:
    words = answer.lower().replace(",", " ").replace(".", " ").replace("!", " ").split()
    return bool(words) and words[0] in _YES and "not" not in words
