"""JSON Lines files of examples and relations, validated as they are read."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from relseed.records.files import DataError, problem_of, read_json_lines, read_records
from relseed.tasks.relation import Example, Relation, Schema


def read_schema(path: Path, *, cure: str = "") -> Schema:
    """Read `relations.jsonl`: one relation a line.

    Raises:
        DataError: The file is missing, a line is malformed, or the relations contradict each other.
    """
    relations = tuple(relation for _, relation in read_records(path, Relation, cure=cure))
    try:
        return Schema(relations=relations)
    except ValidationError as error:
        raise DataError(path, None, problem_of(error)) from None


def read_examples(path: Path, schema: Schema, *, cure: str = "", empty: bool = False) -> list[Example]:
    """Read a split: one example a line, each checked against the schema, ids unique in the file.

    Raises:
        DataError: The file is missing, or empty though it must not be (`empty`), or a line does not hold an example
            that the schema allows.
    """
    drafts = list(read_json_lines(path, cure=cure))
    return [] if empty and not drafts else checked(path, schema, drafts)


def checked(path: Path, schema: Schema, drafts: Iterable[tuple[int | str, dict[str, Any]]]) -> list[Example]:
    """Turn drafts, pairs of the place in `path` they stand at and an example's fields, into examples.

    Raises:
        DataError: A draft is not an example, the schema does not allow it, an id repeats, or there is no draft.
    """
    places: dict[str, int | str] = {}
    examples = []
    for place, fields in drafts:
        try:
            example = Example.model_validate(fields)
        except ValidationError as error:
            raise DataError(path, place, problem_of(error)) from None
        if problem := _misfit(example, schema):
            raise DataError(path, place, problem)
        if example.id in places:
            first = places[example.id]
            where = f"line {first}" if isinstance(first, int) else first
            raise DataError(path, place, f"id {example.id!r} was used before ({where}): ids must differ")
        places[example.id] = place
        examples.append(example)
    if not examples:
        raise DataError(path, None, "holds no example")
    return examples


def _misfit(example: Example, schema: Schema) -> str | None:
    relation = schema.by_label.get(example.relation)
    if relation is None:
        return f"unknown relation {example.relation!r}: the schema has {', '.join(schema.labels)}"
    if not relation.allows(example):
        return (
            f"{example.relation} asks for {relation.head_type or 'any'} -> {relation.tail_type or 'any'}, "
            f"the mentions are {example.head.type} -> {example.tail.type}: correct the types, the relation "
            "or the schema (relations.jsonl)"
        )
    return None
