"""Labelling items with a trained extractor: a few that are given, or any number from one JSON Lines file to another."""

import sys
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.labelling import label
from relseed.pipeline.errors import UserError
from relseed.pipeline.progress import bar
from relseed.records.files import DataError, problem_of, read_json_lines, write_json_lines
from relseed.tasks.task import Task

CHUNK = 4096  # lines in memory at the same time, sorted by length together


def label_texts(
    extractor: Extractor, texts: Sequence[str], fields: Mapping[str, str], **expected: float | None
) -> list[dict[str, Any]]:
    """Items given as texts, each with the same further `fields`, with their labels.

    `expected` are the threshold and the share of negatives that `label` takes.

    Raises:
        UserError: One cannot be read, or the task has no such field.
    """
    _check_fields(extractor.task, fields)
    text_field = next(iter(extractor.task.columns))
    items = []
    for text in texts:
        try:
            items.append(extractor.task.read_item({text_field: text, **fields}))
        except ValueError as error:
            raise UserError(f"{text!r}: {_describe(error)}") from None
    _warn(extractor, items)
    return list(label(extractor, items, **expected))


def label_file(
    extractor: Extractor, source: Path, target: Path, fields: Mapping[str, str], **expected: float | None
) -> None:
    """Label every line of a JSON Lines file, in their order; memory does not grow with the file.

    `expected` are the threshold and the share of negatives that `label` takes.

    Raises:
        DataError: A line holds no item of the task, or there is no line.
        UserError: The task has no such field.
    """
    _check_fields(extractor.task, fields)
    lines = iter(bar(read_json_lines(source), desc="predict", unit="line"))
    first = _chunk(extractor.task, lines, fields, source)
    if not first:
        raise DataError(source, None, "holds no line to label")
    _warn(extractor, first)

    def labelled() -> Iterator[dict[str, Any]]:
        items = first
        while items:
            yield from label(extractor, items, **expected)
            items = _chunk(extractor.task, lines, fields, source)

    write_json_lines(target, labelled())


def _check_fields(task: Task, fields: Mapping[str, str]) -> None:
    if unknown := set(fields) - set(task.columns):
        raise UserError(f"items of the task {task.name} have no {min(unknown)}: they have {', '.join(task.columns)}")


def _chunk(task: Task, lines: Iterator[tuple[int, dict[str, Any]]], fields: Mapping[str, str], path: Path) -> list[Any]:
    items = []
    for number, values in islice(lines, CHUNK):
        try:
            items.append(task.read_item({**values, **fields}))
        except ValueError as error:
            raise DataError(path, number, _describe(error)) from None
    return items


def _describe(error: ValueError) -> str:
    return problem_of(error) if isinstance(error, ValidationError) else str(error)


def _warn(extractor: Extractor, items: Sequence[Any]) -> None:
    if note := extractor.head.lacking(items, extractor.config.options):
        print(f"note: training had entity types, but {note}", file=sys.stderr)
