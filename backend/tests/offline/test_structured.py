"""Answers as JSON for a schema."""

from typing import Any

import msgspec
import pytest

from helium.adapters.offline import plan
from helium.adapters.offline.examples import Material, example
from helium.core.items import Item, ToolCall, ToolResult, user_message
from tests.offline.replies import TOOLS

MATERIAL = Material(text="Hello there", number=4.5)

EXAMPLES: dict[str, tuple[dict[str, Any], Any]] = {
    "string": ({"type": "string"}, "Hello there"),
    "short string": ({"type": "string", "maxLength": 5}, "Hello"),
    "long string": ({"type": "string", "minLength": 13}, "Hello there.."),
    "date": ({"type": "string", "format": "date"}, "2026-01-01"),
    "number": ({"type": "number"}, 4.5),
    "integer": ({"type": "integer"}, 4),
    "bounded": ({"type": "integer", "minimum": 7, "maximum": 9}, 7),
    "boolean": ({"type": "boolean"}, True),
    "null": ({"type": "null"}, None),
    "enum": ({"type": "string", "enum": ["red", "blue"]}, "red"),
    "const": ({"const": 3}, 3),
    "default": ({"type": "integer", "default": 1}, 1),
    "nullable": ({"type": ["null", "string"]}, "Hello there"),
    "alternatives": ({"anyOf": [{"type": "boolean"}, {"type": "null"}]}, True),
    "array": ({"type": "array", "items": {"type": "boolean"}}, [True]),
    "pair": ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
    "empty array": ({"type": "array", "items": {"type": "boolean"}, "maxItems": 0}, []),
    "object": (
        {
            "type": "object",
            "properties": {"a": {"type": "number"}, "b": {"$ref": "#/$defs/B"}},
            "$defs": {"B": {"type": "boolean"}},
        },
        {"a": 4.5, "b": True},
    ),
    "no type": ({"properties": {"a": {}}}, {"a": "Hello there"}),
    "dangling": ({"$ref": "#/$defs/nowhere"}, "Hello there"),
    "circle": ({"$ref": "#"}, "Hello there"),
}


@pytest.mark.parametrize("case", EXAMPLES)
def test_a_value_fits_its_schema(case: str) -> None:
    schema, value = EXAMPLES[case]

    assert example(schema, MATERIAL) == value


def test_a_schema_that_contains_itself_has_an_end() -> None:
    node = {
        "type": "object",
        "properties": {
            "value": {"type": "integer"},
            "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
            "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
        },
        "required": ["value", "next"],
    }

    value = example({"$ref": "#/$defs/node", "$defs": {"node": node}}, Material(text="x"))

    assert len(msgspec.json.encode(value)) < 100_000
    while value["next"] is not None:
        value = value["next"]
    assert value["value"] == 0


def test_a_schema_that_branches_without_end_is_cut() -> None:
    names = [f"child{number}" for number in range(10)]
    optional = {"type": "object", "properties": {name: {"$ref": "#"} for name in names}}
    impossible = {**optional, "required": names}

    for schema in (optional, impossible):
        assert len(msgspec.json.encode(example(schema, MATERIAL))) < 20_000


def test_what_may_be_left_out_is_left_out_in_the_deep() -> None:
    value = example({"type": "object", "properties": {"child": {"$ref": "#"}}}, MATERIAL)

    depth = 0
    while value:
        value, depth = value["child"], depth + 1
    assert (value, depth) == ({}, 8)


FORMAT = {
    "name": "sum",
    "schema": {
        "type": "object",
        "properties": {"result": {"type": "integer"}, "sentence": {"type": "string"}},
        "required": ["result", "sentence"],
        "additionalProperties": False,
    },
    "strict": True,
}


def test_tools_are_called_before_the_json_is_made_of_their_results() -> None:
    items: list[Item] = [user_message("m", "calculate 6 * 7")]

    (call,) = plan(items, TOOLS, text_format=FORMAT).tool_calls
    items += [
        ToolCall(id="c", call_id=call.call_id, name=call.name, arguments=call.arguments),
        ToolResult(id="r", call_id=call.call_id, output="42"),
    ]

    assert plan(items, TOOLS, text_format=FORMAT).text == '{"result":42,"sentence":"6 * 7 = 42."}'


def test_without_a_schema_the_json_is_an_object() -> None:
    answer = plan([user_message("m", "count to 2")], TOOLS, text_format={"type": "json_object"})

    assert answer.text == '{"answer":"1 2"}'
