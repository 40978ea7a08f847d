"""Notes and files, through the tools that a model calls."""

import pytest

from helium.core.errors import ToolError
from helium.engine.tools.notes import note_path
from tests.tools.desk import Desk


async def test_a_note_is_kept_and_listed(desk: Desk) -> None:
    saved = await desk.call("save_note", {"text": " Buy milk!\nAnd eggs. "})

    path = "notes/buy-milk-and-eggs-2c70e12b7a06.md"
    assert saved == f"Saved the note as {path}."
    assert await desk.files.get(*desk.thread, path) == b"Buy milk!\nAnd eggs.\n"
    assert await desk.call("list_notes", {}) == f"1 note:\n- Buy milk! And eggs. ({path})"


async def test_the_same_call_again_keeps_one_note(desk: Desk) -> None:
    first = await desk.call("save_note", {"text": "milk"}, key="run-call")
    again = await desk.call("save_note", {"text": "milk"}, key="run-call")
    await desk.call("save_note", {"text": "milk"}, key="run-other-call")

    assert first == again
    assert await desk.paths() == sorted(
        [note_path("milk", "run-call"), note_path("milk", "run-other-call")]
    )


async def test_notes_are_listed_oldest_first(desk: Desk) -> None:
    for text in ("zebra", "ant"):
        await desk.call("save_note", {"text": text}, key=text)
        desk.clock.advance(1)
    await desk.call("write_file", {"path": "other.md", "content": "no note"})

    assert await desk.call("list_notes", {}) == (
        f"2 notes:\n- zebra ({note_path('zebra', 'zebra')})\n- ant ({note_path('ant', 'ant')})"
    )


async def test_many_and_long_notes_are_listed_in_short(desk: Desk) -> None:
    for number in range(52):
        await desk.call("save_note", {"text": f"{number} " + "x" * 300}, key=str(number))
        desk.clock.advance(1)

    heading, first, *_ = lines = (await desk.call("list_notes", {})).split("\n")
    assert (heading, len(lines)) == ("52 notes, the newest 50 of them:", 51)
    assert first == f"- 2 {'x' * 198}… ({note_path('2 ' + 'x' * 300, '2')})"


async def test_there_may_be_nothing_yet(desk: Desk) -> None:
    assert await desk.call("list_notes", {}) == "There are no notes yet."
    assert await desk.call("list_files", {}) == "There are no files yet."


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (" \n", "The note is empty"),
        ("x" * 20_001, "at most 20000 characters"),
        ("\ud800", "lone surrogate"),
    ],
)
async def test_a_note_that_cannot_be_kept_is_refused(desk: Desk, text: str, reason: str) -> None:
    with pytest.raises(ToolError, match=reason):
        await desk.call("save_note", {"text": text})
    assert await desk.paths() == []


@pytest.mark.parametrize(
    ("text", "start"), [("Ünïcödé & Co", "unicode-co-"), ("買い物", "note-"), ("a" * 100, "a" * 40 + "-")]
)
def test_a_notes_name_is_plain_letters(text: str, start: str) -> None:
    assert note_path(text, "k").startswith(f"notes/{start}")


async def test_a_file_is_written_read_and_listed(desk: Desk) -> None:
    assert await desk.call("write_file", {"path": "a.txt", "content": "één"}) == "Wrote 5 bytes to a.txt."
    assert await desk.call("append_file", {"path": "a.txt", "text": "two"}) == "Added 4 bytes to a.txt."
    assert await desk.call("append_file", {"path": "b/b", "text": "\n"}) == "Added 1 byte to b/b."

    assert await desk.call("read_file", {"path": "a.txt"}) == "ééntwo\n"
    assert await desk.call("list_files", {}) == "2 files:\n- a.txt (9 bytes)\n- b/b (1 byte)"


async def test_writing_twice_is_writing_once_and_appending_is_not(desk: Desk) -> None:
    for _ in range(2):
        await desk.call("write_file", {"path": "written", "content": "x"})
        await desk.call("append_file", {"path": "appended", "text": "x"})

    assert await desk.files.get(*desk.thread, "written") == b"x"
    assert await desk.files.get(*desk.thread, "appended") == b"x\nx\n"


async def test_a_long_file_is_read_in_parts(desk: Desk) -> None:
    await desk.call("write_file", {"path": "long", "content": "ä" * 20_000 + "the end"})

    first = await desk.call("read_file", {"path": "long"})
    assert first == "ä" * 20_000 + "\n[20007 characters in all; go on with start = 20000]"
    assert await desk.call("read_file", {"path": "long", "start": 20_000}) == "the end"
    for start in (-1, 20_007):
        with pytest.raises(ToolError, match="has 20007 characters"):
            await desk.call("read_file", {"path": "long", "start": start})


async def test_what_is_no_text_is_not_shown(desk: Desk) -> None:
    await desk.files.put(*desk.thread, "picture", b"\xff\xd8")
    await desk.files.put(*desk.thread, "empty", b"")

    with pytest.raises(ToolError, match="picture is not a text file"):
        await desk.call("read_file", {"path": "picture"})
    assert await desk.call("read_file", {"path": "empty"}) == "(The file is empty.)"


async def test_the_stores_refusals_reach_the_model(desk: Desk) -> None:
    with pytest.raises(ToolError, match="There is no file 'nowhere'"):
        await desk.call("read_file", {"path": "nowhere"})
    with pytest.raises(ToolError, match="must not climb"):
        await desk.call("write_file", {"path": "../a", "content": ""})
