"""JSON Lines files of examples and relations, validated as they are read."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from stages.pipeline.errors import UserError
from stages.pipeline.outputs import output_file
from stages.records.example import Example, Relation, Schema

Record = TypeVar("Record", bound=BaseModel)


class DataError(UserError):
    """A file of data is not what it should be; the message names file, line, cause and cure."""

    def __init__(self, path: Path, line: int | None, problem: str) -> None:
        super().__init__(f"{path}:{line}: {problem}" if line else f"{path}: {problem}")


def problem_of(error: ValidationError) -> str:
    """Say in one line what pydantic found wrong with a record."""
    return "; ".join(_say(problem) for problem in error.errors())


def _say(problem: Any) -> str:
    place = ".".join(map(str, problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    return f"{place}: {message}" if place else message


def read_lines(path: Path, *, cure: str = "") -> Iterator[tuple[int, str]]:
    """Yield (line number from 1, line without its end) of a UTF-8 text file, with or without BOM.

    Only `\\n` and `\\r\\n` end a line: texts may hold other separators that Python would split at.

    Raises:
        DataError: The file is missing or not UTF-8; `cure` says what to do about a missing one.
    """
    if not path.is_file():
        raise DataError(path, None, f"file not found{': ' + cure if cure else ''}")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            content = file.read()
    except UnicodeDecodeError as error:
        raise DataError(path, None, f"not UTF-8 at byte {error.start}: save the file as UTF-8") from None
    lines = content.split("\n")
    if lines and lines[-1] == "":
        lines.pop()
    for number, line in enumerate(lines, start=1):
        yield number, line.removesuffix("\r")


def read_json_lines(path: Path, *, cure: str = "") -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSON Lines file, blank lines left out.

    Raises:
        DataError: The file is missing, or a line is not a JSON object.
    """
    for number, line in read_lines(path, cure=cure):
        if not line.strip():
            continue
        try:
            record = json.loads(line)
        except json.JSONDecodeError as error:
            raise DataError(path, number, f"not JSON ({error}): each line is one object") from None
        if not isinstance(record, dict):
            raise DataError(path, number, "not a JSON object: each line is one object")
        yield number, record


def read_records(path: Path, kind: type[Record], *, cure: str = "") -> Iterator[tuple[int, Record]]:
    """Yield (line number, validated record) of a JSON Lines file.

    Raises:
        DataError: The file is missing, or a line does not hold a valid record.
    """
    for number, values in read_json_lines(path, cure=cure):
        try:
            yield number, kind.model_validate(values)
        except ValidationError as error:
            raise DataError(path, number, problem_of(error)) from None


def read_schema(path: Path) -> Schema:
    """Read `relations.jsonl`: one relation a line.

    Raises:
        DataError: The file is missing, a line is malformed, or the relations contradict each other.
    """
    relations = tuple(relation for _, relation in read_records(path, Relation))
    try:
        return Schema(relations=relations)
    except ValidationError as error:
        raise DataError(path, None, problem_of(error)) from None


def read_examples(path: Path, schema: Schema) -> list[Example]:
    """Read a split: one example a line, each checked against the schema, ids unique in the file.

    Raises:
        DataError: The file is missing or empty, or a line does not hold an example that the schema allows.
    """
    seen: dict[str, int] = {}
    examples = []
    for number, example in read_records(path, Example):
        if problem := _misfit(example, schema):
            raise DataError(path, number, problem)
        if example.id in seen:
            raise DataError(path, number, f"id {example.id!r} was used on line {seen[example.id]}: ids must differ")
        seen[example.id] = number
        examples.append(example)
    if not examples:
        raise DataError(path, None, "holds no example")
    return examples


def _misfit(example: Example, schema: Schema) -> str | None:
    relation = schema.by_label.get(example.relation)
    if relation is None:
        return f"unknown relation {example.relation!r}: relations.jsonl has {', '.join(schema.labels)}"
    if not relation.allows(example):
        return (
            f"{example.relation} asks for {relation.head_type or 'any'} -> {relation.tail_type or 'any'}, "
            f"the mentions are {example.head.type} -> {example.tail.type}: correct the types, the relation "
            "or relations.jsonl"
        )
    return None


def write_records(path: Path, records: Iterable[BaseModel]) -> None:
    """Write records as JSON Lines, whole or not at all, each with the fields that it was given."""
    with output_file(path) as partial, partial.open("w", encoding="utf-8", newline="\n") as file:
        for record in records:
            file.write(json.dumps(record.model_dump(exclude_unset=True), ensure_ascii=False) + "\n")
