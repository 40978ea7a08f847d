"""What the offline model makes of a first message: a table of words and calls."""

from typing import Any

import msgspec
import pytest

from helium.adapters.offline import Answer, plan
from helium.adapters.offline.phrases import INTRODUCTION
from helium.adapters.offline.plan import NOT_UNDERSTOOD
from helium.core.errors import ModelFailed
from helium.core.items import FunctionTool, Image, Message, Text, user_message
from tests.offline.replies import TOOLS


def answer_to(text: str) -> Answer:
    return plan([user_message("m", text)], TOOLS)


def calls_of(answer: Answer) -> list[tuple[str, Any]]:
    return [(call.name, msgspec.json.decode(call.arguments)) for call in answer.tool_calls]


def calculator(expression: str) -> tuple[str, Any]:
    return ("calculator", {"expression": expression})


def clock(place: str) -> tuple[str, Any]:
    return ("clock", {"place": place})


def note(text: str) -> tuple[str, Any]:
    return ("save_note", {"text": text})


def ask(question: str) -> tuple[str, Any]:
    return ("ask_person", {"question": question, "options": ["yes", "no"]})


CALLS: dict[str, list[tuple[str, Any]]] = {
    "calculate 6 * 7": [calculator("6 * 7")],
    "Please CALCULATE 6*7!": [calculator("6*7")],
    "what is 12 * (3 + 4)?": [calculator("12 * (3 + 4)")],
    "What’s 2^10": [calculator("2**10")],
    "how much is 6 times 7": [calculator("6 * 7")],
    "6*7": [calculator("6*7")],
    "6 x 7 =": [calculator("6 * 7")],
    "1,000,000 / 8": [calculator("1000000 / 8")],
    "what is 15% of 80": [calculator("(15/100) * 80")],
    "80 + 15%": [calculator("80 * (1 + 15/100)")],
    "what is 10 % 3": [calculator("10 % 3")],
    "what is the square root of 16?": [calculator("sqrt(16)")],
    "2 to the power of 10": [calculator("2 ** 10")],
    "what is 5 squared plus 3 divided by 2": [calculator("5 ** 2 + 3 / 2")],
    "max(3, 4)": [calculator("max(3, 4)")],
    "calculate pi": [calculator("pi")],
    "calculate 2 +": [calculator("2 +")],
    "what time is it in Tokyo": [clock("Tokyo")],
    "What is the time in New York right now?": [clock("New York")],
    "what  time is it\nin  New   York": [clock("New York")],
    "time in Paris": [clock("Paris")],
    "hey, what's the time?": [clock("UTC")],
    "what day is it": [clock("UTC")],
    "what is the time and date": [clock("UTC")],
    "what time is it in Tokyo and London": [clock("Tokyo"), clock("London")],
    "save a note: buy milk": [note("buy milk")],
    "Note: Buy MILK!": [note("Buy MILK!")],
    'write a note "buy milk"': [note("buy milk")],
    "remember to call Bob.": [note("call Bob.")],
    "please note that I like tea": [note("I like tea")],
    "save a note: milk and eggs": [note("milk and eggs")],
    "save a note: first; and then second": [note("first; and then second")],
    "list my notes": [("list_notes", {})],
    "show me all my notes please": [("list_notes", {})],
    "what notes do I have?": [("list_notes", {})],
    "list my files": [("list_files", {})],
    "read file plan": [("read_file", {"path": "plan"})],
    "show me notes/a.md": [("read_file", {"path": "notes/a.md"})],
    "write plan.md: one: two\nthree": [("write_file", {"path": "plan.md", "content": "one: two\nthree"})],
    "append to the file log: hello": [("append_file", {"path": "log", "text": "hello"})],
    "calculate 2+2 and what time is it in Tokyo": [calculator("2+2"), clock("Tokyo")],
    "note: milk and eggs and list my notes": [note("milk and eggs"), ("list_notes", {})],
    "1+1; 2+2": [calculator("1+1")],
    "calculate 1+1 and then list my notes": [calculator("1+1")],
    "ask me before you save a note: call Ann": [ask('Shall I save the note "call Ann"?')],
    "Please ask me first before saving a note: x": [ask('Shall I save the note "x"?')],
    "ask me before you calculate 1+1 and list my files": [
        ask("Shall I calculate 1+1 and list your files?")
    ],
    "list my files and ask me before you append to a: b": [("list_files", {}), ask("Shall I append to a?")],
    'use calculator with {"expression": "1+1"}': [calculator("1+1")],
    "run the tool clock for Berlin": [clock("Berlin")],
    "think about 6 * 7": [calculator("6 * 7")],
}


@pytest.mark.parametrize(("text", "calls"), CALLS.items())
def test_a_request_becomes_tool_calls(text: str, calls: list[tuple[str, Any]]) -> None:
    answer = answer_to(text)

    assert calls_of(answer) == calls
    assert answer.text == ""


TEXTS = {
    "count from 1 to 5": "1 2 3 4 5",
    "please count down to -1": "1 0 -1",
    "count to 3": "1 2 3",
    "count from 3 to 1": "3 2 1",
    "count from 1 to 1000": " ".join(map(str, range(1, 1001))),
    "count to 1001": "I count at most 1,000 numbers at a time; these would be 1,001.",
    "count to 999999999999": "I count at most 1,000 numbers at a time; these would be 999,999,999,999.",
    "say hello": f"Hello! {INTRODUCTION}",
    "Hello there!": f"Hello! {INTRODUCTION}",
    "help": INTRODUCTION,
    "what can you do?": INTRODUCTION,
    "my name is Ann": "Nice to meet you, Ann.",
    "I'm Ann Smith.": "Nice to meet you, Ann Smith.",
    "what is my name?": "You have not told me your name yet.",
    "thank you!": "You are welcome.",
    "banana": NOT_UNDERSTOOD,
    "I am hungry": NOT_UNDERSTOOD,
    "what is love?": NOT_UNDERSTOOD,
    "calculate the meaning of life": NOT_UNDERSTOOD,
    "use teleporter for Mars": NOT_UNDERSTOOD,
    "42": NOT_UNDERSTOOD,
    "": NOT_UNDERSTOOD,
    "count to 2 and then my name is Bob": "1 2\nNice to meet you, Bob.",
}


@pytest.mark.parametrize(("text", "reply"), TEXTS.items())
def test_a_request_becomes_a_text(text: str, reply: str) -> None:
    assert answer_to(text) == Answer(text=reply)


def test_slowly_is_slow() -> None:
    assert answer_to("count from 1 to 3 slowly") == Answer(text="1 2 3", slowly=True)


def test_thinking_comes_before_the_answer() -> None:
    answer = answer_to("think about the sea")

    assert answer.reasoning.startswith("I am asked to think about the sea.")
    assert answer.text.startswith("I have thought about the sea, as far as a demonstration can")
    assert answer_to("think about 6 * 7").reasoning.startswith("I am asked to think about 6 * 7.")


def test_it_says_that_it_is_a_demonstration() -> None:
    assert "offline demonstration model" in INTRODUCTION
    assert "not a language model" in INTRODUCTION


@pytest.mark.parametrize("line", [line[2:] for line in INTRODUCTION.splitlines() if line.startswith("- ")])
def test_every_example_that_it_gives_is_understood(line: str) -> None:
    assert answer_to(line).text != NOT_UNDERSTOOD


def test_it_fails_on_request() -> None:
    with pytest.raises(ModelFailed, match="was asked to fail") as failed:
        answer_to("fail please")
    assert failed.value.code == "demonstration_failure"


def test_images_are_not_seen() -> None:
    image = Image(url="https://example.com/cat.png")
    message = Message(id="m", role="user", content=(Text(text="count to 2"), image))

    assert plan([message], TOOLS) == Answer(text="I cannot see images, so I go by your words alone.\n1 2")


def test_a_missing_tool_is_named() -> None:
    assert plan([user_message("m", "6*7")], TOOLS[1:]) == Answer(
        text="I could not calculate 6*7: that needs the tool calculator, which this agent does not have."
    )
    asking = plan([user_message("m", "ask me before you count to 2")], [])
    assert asking.text == (
        "I could not ask you first, so I did nothing: "
        "that needs the tool ask_person, which this agent does not have."
    )


WEATHER = FunctionTool(
    name="get_weather",
    parameters={
        "type": "object",
        "properties": {"city": {"type": "string"}, "days": {"type": "integer", "minimum": 1}},
        "required": ["city"],
    },
)


def chosen(text: str, choice: str | None, tools: list[FunctionTool]) -> list[tuple[str, Any]]:
    return calls_of(plan([user_message("m", text)], tools, tool_choice=choice))


def test_a_tool_choice_is_respected() -> None:
    tools = [WEATHER, *TOOLS]

    assert chosen("6*7", "auto", tools) == [calculator("6*7")]
    assert chosen("6*7", "required", tools) == [calculator("6*7")]
    assert chosen("6*7 and list my notes", "list_notes", tools) == [("list_notes", {})]
    assert chosen("Paris", "get_weather", tools) == [("get_weather", {"city": "Paris", "days": 1})]
    assert chosen("Paris", "required", tools) == [("get_weather", {"city": "Paris", "days": 1})]
    assert chosen("6*7", "nonsense", tools) == []


def test_no_tool_is_used_where_none_may_be() -> None:
    assert plan([user_message("m", "6*7")], TOOLS, tool_choice="none") == Answer(
        text="I could not calculate 6*7: I was told to use no tools."
    )


def test_calls_come_one_by_one_where_they_must() -> None:
    answer = plan([user_message("m", "1+1 and 2+2")], TOOLS, parallel_tool_calls=False)

    assert calls_of(answer) == [calculator("1+1")]


HOSTILE = {
    "digits": "1" * 100_000,
    "many ands": "6*7 and " * 10_000,
    "many semicolons": ";" * 50_000,
    "nested questions": "ask me before you " * 20_000 + "list my notes",
    "spaces": "time" + " " * 100_000 + "x",
    "spaces before a text": "note" + " " * 100_000 + ":",
    "parentheses": "calculate " + "(" * 50_000,
    "almost a name": "my name is " + "A" * 100_000 + "!",
    "almost a calculation": "1 + " * 100 + "§",
    "almost a number": "1" * 400 + "§",
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.timeout(2)
def test_no_text_takes_long(case: str) -> None:
    answer_to(HOSTILE[case])
    answer_to(HOSTILE[case][:3_900])
