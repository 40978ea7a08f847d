"""A value that fits a JSON schema, made of what there is to say: enough for simple schemas."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Schema = Mapping[str, Any]

_DEEPEST = 8
"""Below this only what a schema demands is made."""
_MOST_VALUES = 1_000
"""A schema that refers to itself often would otherwise grow with the power of its depth."""
_FORMATS = {
    "date": "2026-01-01",
    "date-time": "2026-01-01T00:00:00Z",
    "email": "ann@example.com",
    "time": "00:00:00Z",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the value is made of: a text for its strings, a number for its numbers."""

    text: str
    number: int | float | None = None


def example(schema: Schema, material: Material) -> Any:
    """The value. Schemas with patterns, conditions or many alternatives may not be met."""
    return _Maker(schema, material).value(schema, 0)


class _Maker:
    def __init__(self, root: Schema, material: Material) -> None:
        self._root = root
        self._material = material
        self._made = 0

    def value(self, schema: Schema, depth: int) -> Any:
        self._made += 1
        if self._made > _MOST_VALUES or depth > 2 * _DEEPEST:
            return None
        schema = self._resolved(schema, depth)
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return schema["enum"][0]
        if "default" in schema and _type_of(schema) != "string":
            return schema["default"]
        match _type_of(schema):
            case "object":
                return self._object(schema, depth)
            case "array":
                return self._array(schema, depth)
            case "string":
                return self._string(schema)
            case "integer" | "number" as kind:
                return self._number(schema, whole=kind == "integer")
            case "boolean":
                return True
            case _:
                return None

    def _resolved(self, schema: Schema, depth: int) -> Schema:
        """The schema itself, or what it points to; its first alternative, if it has some."""
        for _ in range(_DEEPEST):
            if "$ref" in schema:
                schema = self._target(str(schema["$ref"]))
            elif alternatives := schema.get("anyOf") or schema.get("oneOf") or schema.get("allOf"):
                schema = _shallowest(alternatives) if depth >= _DEEPEST else alternatives[0]
            else:
                return schema
        return {}

    def _target(self, reference: str) -> Schema:
        found: Any = self._root
        for name in reference.removeprefix("#").split("/")[1:]:
            found = found.get(name, {}) if isinstance(found, dict) else {}
        return found if isinstance(found, dict) else {}

    def _object(self, schema: Schema, depth: int) -> dict[str, Any]:
        required = schema.get("required", ())
        properties: Mapping[str, Schema] = schema.get("properties", {})
        wanted = required if depth >= _DEEPEST else properties
        return {name: self.value(properties[name], depth + 1) for name in wanted if name in properties}

    def _array(self, schema: Schema, depth: int) -> list[Any]:
        least, most = schema.get("minItems", 0), schema.get("maxItems", 1)
        length = least if depth >= _DEEPEST else max(least, min(1, most))
        item: Schema = schema.get("items") or {"type": "string"}
        return [self.value(item, depth + 1) for _ in range(min(length, 20))]

    def _string(self, schema: Schema) -> str:
        text = _FORMATS.get(str(schema.get("format")), self._material.text)
        return text[: schema.get("maxLength", len(text))].ljust(schema.get("minLength", 0), ".")

    def _number(self, schema: Schema, *, whole: bool) -> int | float:
        number = self._material.number or 0
        number = max(number, schema.get("minimum", number))
        number = min(number, schema.get("maximum", number))
        return round(number) if whole else number


def _type_of(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, str):
        return kind
    if isinstance(kind, Sequence) and kind:
        return next((str(one) for one in kind if one != "null"), "null")
    return "object" if "properties" in schema else "string"


def _shallowest(alternatives: Sequence[Schema]) -> Schema:
    """An alternative that ends here, so that a schema that contains itself has an end."""
    ends = [one for one in alternatives if _type_of(one) not in ("object", "array") and "$ref" not in one]
    return ends[0] if ends else alternatives[0]
