"""Whole conversations with the offline model and the real tools."""

import pytest

from helium.adapters.offline import plan
from helium.core.items import Item, ToolCall, ToolResult, assistant_message, user_message
from tests.offline.replies import THREAD, TOOLS, Thread

REPLIES = {
    "calculate 6 * 7": "6 * 7 = 42.",
    "what is 12 * (3 + 4)?": "12 * (3 + 4) = 84.",
    "what is 15% of 80": "15% of 80 = 12.",
    "how much is 2 times 21": "2 times 21 = 42.",
    "calculate 1/0": "I could not calculate 1/0: That divides by zero.",
    "calculate 2 +": "I could not calculate 2 +: '2 +' is not an arithmetic expression.",
    "what time is it in Tokyo": "It is 21:00 on Wednesday, 1 July 2026 in Tokyo (Asia/Tokyo, UTC+09:00).",
    "list my notes": "There are no notes yet.",
    "read file plan": "I could not read plan: There is no file 'plan'. List the files to see their names.",
    "calculate 2+2 and what time is it in Paris": (
        "2+2 = 4.\nIt is 14:00 on Wednesday, 1 July 2026 in Paris (Europe/Paris, UTC+02:00)."
    ),
    "write a.txt: hello and then read file a.txt": "Wrote 5 bytes to a.txt.\na.txt says:\n\nhello",
    "count to 3 and calculate 1+1": "1 2 3\n1+1 = 2.",
    'use calculator with {"expression": "1+1"}': "The tool calculator answered: 2",
    "think about 6*7": "6*7 = 42.",
}


@pytest.mark.parametrize(("text", "reply"), REPLIES.items())
async def test_a_request_is_carried_out(text: str, reply: str) -> None:
    assert await Thread().say(text) == reply


async def test_calls_joined_by_and_are_made_together_and_others_in_turn() -> None:
    thread = Thread()

    await thread.say("calculate 1+1 and list my notes and then list my files; what day is it")

    assert thread.called == [["calculator", "list_notes"], ["list_files"], ["clock"]]


async def test_notes_live_on_through_the_conversation() -> None:
    thread = Thread()

    saved = await thread.say("save a note: milk and eggs")
    (path,) = await thread.paths()

    assert saved == f"Saved the note as {path}."
    assert await thread.say("list my notes") == f"1 note:\n- milk and eggs ({path})"
    assert await thread.say("list my files") == f"1 file:\n- {path} (14 bytes)"


async def test_the_same_words_again_are_a_new_request() -> None:
    thread = Thread()

    for _ in range(2):
        await thread.say("append to log: x")
        await thread.say("note: x")

    assert await thread.files.get(*THREAD, "log") == b"x\nx\n"
    assert len(await thread.paths()) == 3


async def test_a_name_is_remembered() -> None:
    thread = Thread()

    await thread.say("Hello, my name is Ann and calculate 1+1")
    await thread.say("calculate 6 * 7")
    assert await thread.say("What is my name?") == "Your name is Ann."

    await thread.say("call me Bob")
    assert await thread.say("do you remember my name?") == "Your name is Bob."


@pytest.mark.parametrize("answer", ["yes", "Yes, please.", "approve", "OK!", "go ahead"])
async def test_after_a_yes_it_is_done(answer: str) -> None:
    thread = Thread(person=answer)

    reply = await thread.say("ask me before you save a note: call Ann")

    (path,) = await thread.paths()
    assert reply == f"Saved the note as {path}."
    assert thread.asked == ['Shall I save the note "call Ann"?']
    assert thread.called == [["ask_person"], ["save_note"]]


@pytest.mark.parametrize("answer", ["no", "No, thanks.", "please do not", "later", "don't", ""])
async def test_after_a_no_nothing_is_done(answer: str) -> None:
    thread = Thread(person=answer)

    reply = await thread.say("ask me before you save a note: call Ann")

    assert reply == f"I did not do it, because you answered: {answer}"
    assert await thread.paths() == []
    assert thread.called == [["ask_person"]]


async def test_a_yes_covers_what_follows_and_comes_after_what_precedes() -> None:
    thread = Thread()

    reply = await thread.say("calculate 1+1 and then ask me before you calculate 2+2 and then count to 2")

    assert reply == "1+1 = 2.\n2+2 = 4.\n1 2"
    assert thread.asked == ["Shall I calculate 2+2 and count from 1 to 2?"]
    assert thread.called == [["calculator"], ["ask_person"], ["calculator"]]


def test_the_same_conversation_gives_the_same_answer() -> None:
    items: list[Item] = [user_message("a", "1+1 and 1+1; 1+1")]

    first, again = plan(items, TOOLS), plan(list(items), TOOLS)

    assert first == again
    assert [len(call.call_id) for call in first.tool_calls] == [len("call_") + 20]


async def test_no_two_calls_of_a_thread_share_an_id() -> None:
    thread = Thread()

    for _ in range(3):
        await thread.say("1+1 and 2+2 and then 1+1; ask me before you calculate 1+1; 1+1")

    ids = [item.call_id for item in thread.items if isinstance(item, ToolCall)]
    assert len(ids) == len(set(ids)) == 3 * 6


async def test_what_another_model_left_behind_is_told() -> None:
    items: list[Item] = [
        user_message("m", "banana"),
        ToolCall(id="c", call_id="other", name="get_weather", arguments="{}"),
        ToolResult(id="r", call_id="other", output="Sunny."),
    ]

    assert plan(items, TOOLS).text == "The tool get_weather answered: Sunny."
    assert plan(items, TOOLS, tool_choice="required").tool_calls == ()


async def test_earlier_results_belong_to_earlier_messages() -> None:
    items: list[Item] = [
        user_message("m", "banana"),
        ToolCall(id="c", call_id="other", name="get_weather", arguments="{}"),
        ToolResult(id="r", call_id="other", output="Sunny."),
        assistant_message("a", "It is sunny."),
        user_message("n", "count to 2"),
    ]

    assert plan(items, TOOLS).text == "1 2"
