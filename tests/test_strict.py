"""Schemas for OpenAI's strict mode, by a validator of the rules that its documentation of structured outputs gives."""

from typing import Any

import pytest
from jsonschema import Draft202012Validator

from relseed.llm.engines.strict import strict_body, strict_schema
from relseed.tasks.structured import json_schema
from tests.boats import SHOWN, UNTYPED, prompt
from tests.scripted import request

KEYWORDS = {
    "object": {"properties", "required", "additionalProperties"},
    "array": {"items", "minItems", "maxItems"},
    "string": {"pattern", "format"},
    "integer": {"multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"},
    "number": {"multipleOf", "maximum", "exclusiveMaximum", "minimum", "exclusiveMinimum"},
    "boolean": set(),
    "null": set(),
}


def refusals(schema: Any, at: str = "$") -> list[str]:
    """Why strict mode would refuse a schema, place by place; at most ten levels deep."""
    if not isinstance(schema, dict):
        return [f"{at}: no schema"]
    if "anyOf" in schema:
        inner = [problem for number, each in enumerate(schema["anyOf"]) for problem in refusals(each, f"{at}|{number}")]
        return [*(["$: the root is anyOf"] if at == "$" else []), *inner]
    if "type" not in schema:
        return [f"{at}: no type"]
    types = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    known = {"type", "enum", "description"}.union(*(KEYWORDS[type] for type in types))
    found = [f"{at}: {key} is not supported" for key in schema.keys() - known]
    if "object" in types:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            found.append(f"{at}: not all fields are required, or others are allowed")
        found += [problem for name, each in properties.items() for problem in refusals(each, f"{at}.{name}")]
    if "array" in types:
        found += refusals(schema.get("items"), f"{at}[]")
    return [*found, *(["$: no object"] if at == "$" and types != ["object"] else [])]


def either(first: dict, second: dict) -> dict:
    places = {"type": "array", "prefixItems": [first, second], "items": False, "minItems": 2, "maxItems": 2}
    return json_schema(options={"const": ["yes", "no"]}, samples=places)


SCHEMAS = {
    "sentences": prompt().response_schema(),
    "untyped sentences": prompt("Other", UNTYPED, count=1).response_schema(),
    "near-misses": prompt("no_relation", loop="negatives", near="owner_of", kinds=("past",)).response_schema(),
    "labels": json_schema(answer={"enum": ["A", "B"]}),
    "numbers": json_schema(entity={"enum": [1, 2]}, ratio={"enum": [1, 0.5]}),
    "one value": json_schema(answer={"const": "yes"}, other={"enum": ["a", None]}),
    "places": either(json_schema(answer={"const": "yes"}), json_schema(answer={"const": "no"})),
    "same places": either(json_schema(answer={"type": "string"}), json_schema(answer={"type": "string"})),
}


@pytest.mark.parametrize("schema", SCHEMAS.values(), ids=SCHEMAS)
def test_strict_mode_takes_every_schema_on_its_way_out(schema):
    assert refusals(strict_schema(schema)) == []


@pytest.mark.parametrize("name", ["sentences", "labels", "places"])
def test_strict_mode_would_refuse_it_as_it_is(name):
    assert refusals(SCHEMAS[name])


def test_what_fits_a_schema_fits_it_in_strict_words():
    types = {"head_type": "PERSON", "tail_type": "BOAT"}
    samples = {"relation": "owner of", "samples": [{"sentence": sentence, **types} for sentence in SHOWN]}
    places = {"options": ["yes", "no"], "samples": [{"answer": "yes"}, {"answer": "no"}]}
    for name, value in (("sentences", samples), ("places", places), ("one value", {"answer": "yes", "other": None})):
        for schema in (SCHEMAS[name], strict_schema(SCHEMAS[name])):
            assert Draft202012Validator(schema).is_valid(value)


def test_a_schema_that_strict_mode_takes_goes_out_as_it_is():
    plain = json_schema(trigger={"type": "string"}, pairs={"type": "array", "items": {"type": "integer", "minimum": 1}})
    assert strict_schema(plain) == plain


def test_the_request_and_its_key_keep_the_schema_that_was_asked_with():
    asked = request(response_schema=SCHEMAS["labels"])
    key = asked.key
    sent = strict_body(asked)["response_format"]["json_schema"]["schema"]
    assert sent["properties"]["answer"] == {"type": "string", "enum": ["A", "B"]}
    assert (asked.response_schema, asked.key) == (SCHEMAS["labels"], key)
