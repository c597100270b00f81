"""JSON schemas as OpenAI's strict mode takes them: the part of JSON Schema that its structured outputs document.

Each place has a `type`; `const` is a list of one value, and a list whose items differ place by place is one of any of
them. What an answer must hold beyond that, its parser says.
"""

from collections.abc import Sequence
from typing import Any

from relseed.llm.request import Request

_TYPES = {str: "string", bool: "boolean", int: "integer", float: "number", type(None): "null"}


def strict_body(request: Request) -> dict[str, Any]:
    """The body of a chat completion, its schema in strict mode's words."""
    body = request.body()
    if "response_format" in body:
        held = body["response_format"]["json_schema"]
        held["schema"] = strict_schema(held["schema"])
    return body


def strict_schema(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema with the same meaning, or a wider one, in strict mode's words."""
    own = {key: value for key, value in schema.items() if key not in ("const", "prefixItems")}
    if "const" in schema:
        return own | _constant(schema["const"])
    if "enum" in own:
        return {"type": _type_of(own["enum"])} | own
    if "prefixItems" in schema:
        own["items"] = _any_of([strict_schema(item) for item in schema["prefixItems"]])
    elif isinstance(own.get("items"), dict):
        own["items"] = strict_schema(own["items"])
    if "properties" in own:
        own["properties"] = {name: strict_schema(value) for name, value in own["properties"].items()}
    if "anyOf" in own:
        own["anyOf"] = [strict_schema(each) for each in own["anyOf"]]
    return own


def _constant(value: Any) -> dict[str, Any]:
    if not isinstance(value, list):
        return {"type": _type_of([value]), "enum": [value]}
    items = {"type": _type_of(value), "enum": list(dict.fromkeys(value))}
    return {"type": "array", "items": items, "minItems": len(value), "maxItems": len(value)}


def _type_of(values: Sequence[Any]) -> str | list[str]:
    types = list(dict.fromkeys(_TYPES[type(value)] for value in values))
    return types[0] if len(types) == 1 else types


def _any_of(schemas: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """A schema of what one of them allows."""
    different = [schema for at, schema in enumerate(schemas) if schema not in schemas[:at]]
    return different[0] if len(different) == 1 else {"anyOf": different}
