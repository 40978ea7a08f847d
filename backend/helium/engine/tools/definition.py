"""How a built-in tool is made: an async function, and a struct that says what it may be given."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

import msgspec

from helium.core.errors import ToolError
from helium.core.items import FunctionTool
from helium.ports import Effect, ToolContext

A = TypeVar("A", bound=msgspec.Struct)


class Arguments(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What all arguments share: they are values, and a name that is not theirs is an error."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StructTool(Generic[A]):
    """A tool whose arguments are a struct: the struct is the schema, and the check against it."""

    definition: FunctionTool
    effect: Effect
    arguments: type[A]
    run: Callable[[A, ToolContext], Awaitable[str]]
    asks_person: bool = False

    async def call(self, arguments: dict[str, Any], context: ToolContext) -> str:
        """Check the arguments and run. Raises `ToolError` for arguments that do not fit."""
        return await self.run(parse(self.arguments, arguments), context)


def tool(
    name: str,
    description: str,
    *,
    arguments: type[A],
    run: Callable[[A, ToolContext], Awaitable[str]],
    effect: Effect,
    asks_person: bool = False,
) -> StructTool[A]:
    """A tool from a function. The model reads `description` and the descriptions of the fields."""
    parameters = schema(arguments)
    definition = FunctionTool(
        name=name,
        description=description,
        parameters=parameters,
        strict=len(parameters["required"]) == len(parameters["properties"]),
    )
    return StructTool(
        definition=definition, effect=effect, arguments=arguments, run=run, asks_person=asks_person
    )


def parse(kind: type[A], arguments: dict[str, Any]) -> A:
    """The arguments as a struct. Raises `ToolError` with a sentence that says what is expected."""
    try:
        return msgspec.convert(arguments, kind)
    except msgspec.ValidationError as error:
        raise ToolError(f"The arguments do not fit: {error}. Expected: {_expected(kind)}.") from error


def schema(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The JSON schema of a struct, as models want it: one object, nothing beside what it names."""
    _, components = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    root = components.pop(kind.__name__)
    result: dict[str, Any] = {
        "type": "object",
        "properties": root["properties"],
        "required": root.get("required", []),
        "additionalProperties": False,
    }
    if components:
        result["$defs"] = components
    plain: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(result))
    return plain


def _expected(kind: type[msgspec.Struct]) -> str:
    """The fields and their types in words, e.g. `path (string), content (string)`."""
    described = schema(kind)
    fields = [
        f"{name} ({field.get('type', 'value')}{'' if name in described['required'] else ', optional'})"
        for name, field in described["properties"].items()
    ]
    return ", ".join(fields) or "no arguments"
