"""The phrases that the offline model knows, each with what it asks for."""

import re
from collections.abc import Callable

from helium.adapters.offline.expressions import as_expression, has_work
from helium.adapters.offline.requests import Fail, RecallName, Request, Say, UseTool

LONGEST_COUNT = 1_000

INTRODUCTION = """\
I am Helium's offline demonstration model: a small program, not a language model. I need no key and no \
network, and I understand simple requests. Try one of these:

- calculate 6 * 7
- what time is it in Tokyo
- save a note: buy milk
- list my notes
- write plan.md: first step
- append to plan.md: second step
- read file plan.md
- list my files
- ask me before you save a note: call Ann
- count from 1 to 40 slowly
- my name is Ann

Join requests with "and", or with "and then" for one after the other. Set a provider's key, for example \
OPENAI_API_KEY, and choose its model to talk to a language model instead."""

_POLITE = re.compile(
    r"(?:(?:please|can\s+you|could\s+you|would\s+you|will\s+you|hey|hi|hello|ok|okay|now|also)\b[,!]?\s+)+(?=\S)",
    re.IGNORECASE,
)


def plain(text: str) -> str:
    """The words without the courtesies in front."""
    return _POLITE.sub("", text.strip(), count=1) if _POLITE.match(text.strip()) else text.strip()


def bare(text: str) -> str:
    """The words without the marks at the end."""
    return text.rstrip(" \t\n?!.,")


def recognise(text: str) -> tuple[Request, ...] | None:
    """What one phrase asks for, or None."""
    words = plain(text)
    if found := _first(_WITH_TEXT, words):
        return found
    short, whole = _short(words), _short(text)
    return _first(_PATTERNS, short) or _first(_GREETINGS, whole) or _calculation(short)


def _short(words: str) -> str:
    """The words with single spaces, without marks and a `please` at the end."""
    words = bare(" ".join(words.split()))
    return bare(words[: -len(" please")]) if words.lower().endswith(" please") else words


def _first(table: "_Table", words: str) -> tuple[Request, ...] | None:
    for pattern, build in table:
        if (found := pattern.fullmatch(words)) and (requests := build(found)):
            return requests
    return None


def known_name(text: str) -> str | None:
    """The name that a person gives as theirs in this text."""
    names = [found["name"] for found in _NAME.finditer(text)]
    return names[-1] if names else None


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1].strip() if len(text) > 1 and text[0] + text[-1] in ('""', "''", "“”") else text


def _note(found: re.Match[str]) -> tuple[Request, ...]:
    text = _unquoted(found["text"])
    return (UseTool(tool="save_note", arguments={"text": text}, doing=f'save the note "{text}"'),)


def _write(found: re.Match[str]) -> tuple[Request, ...]:
    arguments = {"path": found["path"], "content": _unquoted(found["text"])}
    return (UseTool(tool="write_file", arguments=arguments, doing=f"write {found['path']}"),)


def _append(found: re.Match[str]) -> tuple[Request, ...]:
    arguments = {"path": found["path"], "text": _unquoted(found["text"])}
    return (UseTool(tool="append_file", arguments=arguments, doing=f"append to {found['path']}"),)


def _read(found: re.Match[str]) -> tuple[Request, ...]:
    path = _unquoted(found["path"])
    return (
        UseTool(
            tool="read_file", arguments={"path": path}, doing=f"read {path}", before=f"{path} says:\n\n"
        ),
    )


def _list_notes(found: re.Match[str]) -> tuple[Request, ...]:
    return (UseTool(tool="list_notes", arguments={}, doing="list your notes"),)


def _list_files(found: re.Match[str]) -> tuple[Request, ...]:
    return (UseTool(tool="list_files", arguments={}, doing="list your files"),)


def _time(found: re.Match[str]) -> tuple[Request, ...]:
    places = re.split(r",?\s+and\s+(?:in\s+)?", found["place"]) if found["place"] else ["UTC"]
    return tuple(
        UseTool(tool="clock", arguments={"place": place}, doing=f"tell the time in {place}")
        for place in places
    )


def _count(found: re.Match[str]) -> tuple[Request, ...]:
    first, last = int(found["first"] or 1), int(found["last"])
    numbers = range(first, last + 1) if first <= last else range(first, last - 1, -1)
    doing = f"count from {first} to {last}"
    if len(numbers) > LONGEST_COUNT:
        text = f"I count at most {LONGEST_COUNT:,} numbers at a time; these would be {len(numbers):,}."
        return (Say(text=text, doing=doing),)
    slowly = bool(found["slowly"] or found["slow"])
    return (Say(text=" ".join(map(str, numbers)), doing=doing, slowly=slowly),)


def _greet(found: re.Match[str]) -> tuple[Request, ...] | None:
    name = found["name"] or found["other"]
    if found["other"] and not name[0].isupper():
        return None
    return (Say(text=f"Nice to meet you, {name}.", doing="greet you"),)


def _recall(found: re.Match[str]) -> tuple[Request, ...]:
    return (RecallName(),)


def _introduce(found: re.Match[str]) -> tuple[Request, ...]:
    hello = "hello" if found["hello"] else ""
    text = f"Hello! {INTRODUCTION}" if hello else INTRODUCTION
    return (Say(text=text, doing="say what I can do"),)


def _welcome(found: re.Match[str]) -> tuple[Request, ...]:
    return (Say(text="You are welcome.", doing="say something kind"),)


def _fail(found: re.Match[str]) -> tuple[Request, ...]:
    return (Fail(),)


_QUESTION = re.compile(
    r"(?P<order>calculate|compute|evaluate|work\s+out)\s+(?P<ordered>.+)"
    r"|(?:what(?:'s|’s|\s+is|s)|how\s+much\s+is|what\s+does)\s+(?P<asked>.+?)(?:\s+(?:equal|make))?",
    re.IGNORECASE | re.DOTALL,
)


def _calculation(words: str) -> tuple[Request, ...] | None:
    """A calculation: asked for by name, or recognised because it is nothing else."""
    found = _QUESTION.fullmatch(words)
    shown = ((found["ordered"] or found["asked"]) if found else words).strip().rstrip("= ")
    expression = as_expression(shown)
    ordered = found is not None and found["order"] and any(letter.isdigit() for letter in shown)
    if ordered and not expression:
        expression = shown
    if not expression or not (found or has_work(expression)):
        return None
    return (
        UseTool(
            tool="calculator",
            arguments={"expression": expression},
            doing=f"calculate {shown}",
            before=f"{shown} = ",
            after=".",
        ),
    )


_Build = Callable[[re.Match[str]], tuple[Request, ...] | None]
_Table = tuple[tuple[re.Pattern[str], _Build], ...]
_PERSON = r"[^\W\d_][\w'’-]*(?:\s(?-i:[A-Z])[\w'’-]*){0,2}"
_NAME = re.compile(rf"\b(?:my\s+name\s+is|my\s+name['’]s|call\s+me)\s+(?P<name>{_PERSON})", re.IGNORECASE)
_FILE = r"(?:(?:the|a)\s+)?(?:file\s+)?"


def _table(*rows: tuple[str, _Build]) -> _Table:
    return tuple((re.compile(pattern, re.IGNORECASE | re.DOTALL), build) for pattern, build in rows)


_WITH_TEXT = _table(
    (
        r"(?:save|make|take|write|add|keep)\s+(?:me\s+)?(?:down\s+)?(?:a\s+|the\s+|this\s+|another\s+)?"
        r"(?:new\s+)?note(?:\s*[:,]\s*|\s+(?:that|saying)\s+|\s+)(?P<text>.*\S)",
        _note,
    ),
    (r"note(?:\s*:\s*|\s+that\s+)(?P<text>.*\S)", _note),
    (r"remember(?:\s*:\s*|\s+(?:that\s+|to\s+)?)(?P<text>.*\S)", _note),
    (rf"(?:write|create|save)\s+(?:to\s+|into\s+)?{_FILE}(?P<path>[^\s:]+)\s*:\s*(?P<text>.*\S)", _write),
    (rf"(?:append|add)\s+(?:to\s+|into\s+)?{_FILE}(?P<path>[^\s:]+)\s*:\s*(?P<text>.*\S)", _append),
)
"""Phrases that end in a text of the person's own, kept to its last letter."""

_MINE = r"(?:me\s+)?(?:all\s+)?(?:of\s+)?(?:(?:my|the|our|your)\s+)?"
_PATTERNS = _table(
    (rf"(?:(?:list|show|read|display|what\s+are)\s+{_MINE}|my\s+)notes", _list_notes),
    (r"what\s+notes\s+(?:do\s+i\s+have|are\s+there)", _list_notes),
    (rf"(?:(?:list|show|display|what\s+are)\s+{_MINE}|my\s+)files", _list_files),
    (r"what\s+files\s+(?:do\s+i\s+have|are\s+there)", _list_files),
    (r"(?:read|show|open|print)\s+(?:me\s+)?(?:the\s+)?file\s+(?P<path>\S+)", _read),
    (r"(?:read|show|open|print)\s+(?:me\s+)?(?P<path>\S+[./]\S+)", _read),
    (
        r"(?:(?:tell\s+me\s+)?(?:what(?:'s|’s|\s+is|s)?\s+)?(?:the\s+)?(?:current\s+|local\s+)?"
        r"(?:time|date)(?:\s+and\s+(?:the\s+)?(?:date|time))?|what\s+day)"
        r"(?:\s+(?:is\s+it|it\s+is|is))?(?:\s+(?:now|right\s+now|today))?"
        r"(?:\s+(?:in|at|for)\s+(?P<place>.+?))?(?:\s+(?:now|right\s+now|today))?",
        _time,
    ),
    (
        r"(?P<slow>slowly\s+)?count\s+(?:from\s+(?P<first>-?\d{1,12})\s+)?(?:up\s+|down\s+)?to\s+"
        r"(?P<last>-?\d{1,12})(?P<slowly>,?\s+(?:very\s+)?slowly)?",
        _count,
    ),
    (
        rf"(?:my\s+name\s+is|my\s+name['’]s|call\s+me)\s+(?P<name>{_PERSON})"
        rf"|(?:i\s+am|i['’]m)\s+(?P<other>{_PERSON})",
        _greet,
    ),
    (r"(?:do\s+you\s+(?:know|remember)\s+)?(?:what(?:'s|’s|\s+is|s)?\s+)?my\s+name(?:\s+is)?", _recall),
    (r"who\s+am\s+i", _recall),
    (r"thanks|thank\s+you(?:\s+very\s+much)?", _welcome),
    (r"fail(?:\s+please)?", _fail),
)

_GREETINGS = _table(
    (
        r"(?P<hello>(?:say\s+)?(?:hello|hi|hey|good\s+(?:morning|afternoon|evening))(?:,?\s+(?:there|helium))?)"
        r"|help(?:\s+me)?|what\s+can\s+(?:you|i)\s+(?:do|ask|say)|(?:who|what)\s+are\s+you",
        _introduce,
    ),
)
"""Words that are courtesies in front of anything else."""
