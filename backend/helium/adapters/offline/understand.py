"""From a person's words to requests. Pure, forgiving, and bounded.

A message is cut at "and then" and ";" (one after the other) and at "and" (together). A piece that
means nothing by itself belongs to the piece before it: "save a note: milk and eggs" is one note. "Ask
me before" covers all that follows: better one question too many than one act.
"""

import re
from collections.abc import Callable, Mapping
from typing import TypeVar

from helium.adapters.offline.named_tool import use_named_tool
from helium.adapters.offline.phrases import bare, plain, recognise
from helium.adapters.offline.requests import AskFirst, Request, Say, Stages, Understood
from helium.core.items import FunctionTool

Tools = Mapping[str, FunctionTool]
T = TypeVar("T")

_LONGEST_CUT = 4_000
"""Characters; a longer message is one request, so that reading it stays quick."""

_THEN = re.compile(r"(\s*;\s*|,?\s+and\s+then\s+|[,.]?\s+then\s+)", re.IGNORECASE)
_AND = re.compile(r"(,?\s+and\s+(?:also\s+)?)", re.IGNORECASE)
_THINK = re.compile(
    r"think\s+(?:\w+ly\s+|hard\s+)?(?:about|over)\s+(?P<topic>.+)", re.IGNORECASE | re.DOTALL
)
_ASK = re.compile(
    r"(?:(?:please\s+)?(?:ask|check\s+with)\s+me\s+(?:first\s+)?before\s+(?:you\s+)?)+(?P<inner>.+)",
    re.IGNORECASE | re.DOTALL,
)
_ASKS = re.compile(
    r"(?:^|\band\s+)(?:please\s+)?(?:ask|check\s+with)\s+me\s+(?:first\s+)?before\s", re.IGNORECASE
)
_GERUNDS = re.compile(
    r"(?P<verb>sav|calculat|writ|append|add|read|list|count|remember|tak|mak|show|tell|not|comput)ing\b"
)
_VERBS_WITH_E = frozenset({"sav", "calculat", "writ", "tak", "mak", "not", "comput"})


def understand(text: str, tools: Tools) -> Understood | None:
    """What a message asks for, or None if nothing is known that it could mean."""
    if thought := _THINK.fullmatch(plain(text)):
        topic = bare(thought["topic"])
        return Understood(_stages(topic, tools) or _thoughts(topic), topic)
    stages = _stages(text, tools)
    return Understood(stages) if stages else None


def _thoughts(topic: str) -> Stages:
    text = (
        f"I have thought about {topic}, as far as a demonstration can: I have no knowledge of my "
        "own, so this only shows where reasoning appears."
    )
    return ((Say(text=text, doing=f"think about {topic}"),),)


def _stages(text: str, tools: Tools) -> Stages | None:
    """Everything the text asks for, in order."""
    if asked := _asked(text, tools):
        return ((asked,),)
    pieces = _pieces(text, _THEN, lambda piece: _stage(piece, tools))
    return tuple(pieces) if pieces else None


def _stage(text: str, tools: Tools) -> tuple[Request, ...] | None:
    """Requests that can be carried out together."""
    if asked := _asked(text, tools):
        return (asked,)
    pieces = _pieces(text, _AND, lambda piece: _together(piece, tools))
    requests: list[Request] = []
    for piece in pieces or ():
        requests.extend(request for request in piece if request not in requests)
    return tuple(requests) or None


def _together(text: str, tools: Tools) -> tuple[Request, ...] | None:
    if asked := _asked(text, tools):
        return (asked,)
    return recognise(text) or use_named_tool(text, tools)


def _asked(text: str, tools: Tools) -> AskFirst | None:
    """A request that needs a yes first: it covers all that follows it."""
    found = _ASK.fullmatch(plain(text))
    then = _stages(_GERUNDS.sub(_infinitive, found["inner"], count=1), tools) if found else None
    return AskFirst(then=then) if then else None


def _infinitive(found: re.Match[str]) -> str:
    verb = found["verb"]
    return f"{verb}e" if verb in _VERBS_WITH_E else verb


def _pieces(text: str, separator: re.Pattern[str], meaning: Callable[[str], T | None]) -> list[T] | None:
    """The meanings of the text's pieces; None if not every piece of it means something."""
    cuts = separator.split(text) if len(text) <= _LONGEST_CUT else [text]
    pieces = [cuts[0]]
    for glue, piece in zip(cuts[1::2], cuts[2::2], strict=True):
        if _ASKS.search(plain(pieces[-1])) or meaning(piece) is None:
            pieces[-1] += glue + piece
        else:
            pieces.append(piece)
    meanings = [meaning(piece) for piece in pieces]
    understood = [found for found in meanings if found is not None]
    if len(understood) == len(pieces):
        return understood
    whole = meaning(text) if len(pieces) > 1 else None
    return None if whole is None else [whole]
