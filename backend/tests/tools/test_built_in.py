"""What holds for every built-in tool."""

from typing import Any

import msgspec
import pytest

from helium.core.errors import ToolError
from helium.engine.tools import BUILT_IN
from tests.tools.desk import Desk


def test_each_tool_says_what_its_calls_do() -> None:
    assert {name: (tool.effect, tool.asks_person) for name, tool in BUILT_IN.items()} == {
        "calculator": ("read", False),
        "clock": ("read", False),
        "save_note": ("idempotent", False),
        "list_notes": ("read", False),
        "list_files": ("read", False),
        "read_file": ("read", False),
        "write_file": ("idempotent", False),
        "append_file": ("once", False),
        "ask_person": ("read", True),
    }


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_schema_is_an_object_that_allows_nothing_else(name: str) -> None:
    definition = BUILT_IN[name].definition

    assert definition.description.endswith(".")
    assert definition.parameters["type"] == "object"
    assert definition.parameters["additionalProperties"] is False
    assert definition.strict is (
        sorted(definition.parameters["required"]) == sorted(definition.parameters["properties"])
    )
    assert all(field.get("description") for field in definition.parameters["properties"].values())
    assert msgspec.json.decode(msgspec.json.encode(definition.parameters)) == definition.parameters


def test_the_schema_of_a_question_is_this() -> None:
    assert BUILT_IN["ask_person"].definition.parameters == {
        "type": "object",
        "properties": {
            "question": {"type": "string", "description": "One question that the person can answer."},
            "options": {
                "type": "array",
                "items": {"type": "string"},
                "default": [],
                "description": "Answers to choose from; the person may write another.",
            },
        },
        "required": ["question"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize("name", BUILT_IN)
async def test_an_unknown_argument_is_refused(desk: Desk, name: str) -> None:
    arguments = {field: "1" for field in BUILT_IN[name].definition.parameters["required"]}
    with pytest.raises(ToolError, match=r"The arguments do not fit: .*`surprise`"):
        await desk.call(name, {**arguments, "surprise": 1})


WRONG: dict[str, tuple[str, dict[str, Any], str]] = {
    "missing": (
        "write_file",
        {"path": "a"},
        "The arguments do not fit: Object missing required field `content`. "
        "Expected: path (string), content (string).",
    ),
    "wrong type": (
        "read_file",
        {"path": "a", "start": "1"},
        "The arguments do not fit: Expected `int`, got `str` - at `$.start`. "
        "Expected: path (string), start (integer, optional).",
    ),
    "nothing expected": (
        "list_notes",
        {"a": 1},
        "The arguments do not fit: Object contains unknown field `a`. Expected: no arguments.",
    ),
}


@pytest.mark.parametrize("case", WRONG)
async def test_wrong_arguments_get_a_sentence_to_act_on(desk: Desk, case: str) -> None:
    tool, arguments, sentence = WRONG[case]
    with pytest.raises(ToolError) as refused:
        await desk.call(tool, arguments)
    assert str(refused.value) == sentence


async def test_a_question_is_never_answered_by_the_program(desk: Desk) -> None:
    with pytest.raises(ToolError, match="for a person"):
        await desk.call("ask_person", {"question": "Really?"})


async def test_the_calculator_calculates(desk: Desk) -> None:
    assert await desk.call("calculator", {"expression": "6 * 7"}) == "42"
