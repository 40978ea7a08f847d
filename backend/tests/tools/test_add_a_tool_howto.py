"""The tool of `docs/howto/add-a-tool.md` works as the page says."""

import re
from pathlib import Path
from typing import Any

import pytest

from helium.core.errors import ToolError
from helium.core.items import FunctionTool
from helium.engine.tools import BUILT_IN
from helium.ports import Tool
from tests.tools.desk import Desk

PAGE = Path(__file__).parents[3] / "docs" / "howto" / "add-a-tool.md"


@pytest.fixture
def count_words() -> Tool:
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(), re.DOTALL)
    names: dict[str, Any] = {"__name__": "count_words"}
    exec(compile(code, str(PAGE), "exec"), names)
    tool: Tool = names["count_words"]
    return tool


async def test_the_tool_of_the_page_works(count_words: Tool, desk: Desk) -> None:
    assert count_words.effect == "read"
    assert count_words.definition == FunctionTool(
        name="count_words",
        description="Count the words of a text.",
        parameters={
            "type": "object",
            "properties": {"text": {"type": "string", "description": "The text whose words are counted."}},
            "required": ["text"],
            "additionalProperties": False,
        },
        strict=True,
    )
    assert await count_words.call({"text": "one two"}, desk.context()) == "2 words"
    with pytest.raises(ToolError, match="The text is empty"):
        await count_words.call({"text": " "}, desk.context())


def test_the_examples_of_the_table_have_the_effects_it_says() -> None:
    rows = re.findall(r"^\| `(\w+)` \|.*\| ([^|]*) \|$", PAGE.read_text(), re.MULTILINE)
    examples = {(name, effect) for effect, cell in rows for name in re.findall(r"`(\w+)`", cell)}

    assert examples == {
        (name, BUILT_IN[name].effect)
        for name in ("calculator", "list_notes", "save_note", "write_file", "append_file")
    }
