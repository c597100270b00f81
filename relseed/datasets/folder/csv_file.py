"""A split as a CSV file: a header, then one example a row, mentions as tags in the text or as columns of offsets."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from io import StringIO
from pathlib import Path
from typing import Any

from relseed.records.files import DataError, read_text
from relseed.tasks.task import Task

OFFSETS = ("head_start", "head_end", "tail_start", "tail_end")


def scan_csv(path: Path, task: Task) -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    """Yield (line on which a row begins, its fields, or why it has none) of a CSV file; empty cells are no fields.

    Raises:
        DataError: The file is not UTF-8, or its header is not one for the task.
    """
    rows = _rows(path)
    line, names = next(rows, (1, []))
    if isinstance(names, DataError):
        raise names
    header = [name.strip() for name in names]
    if problem := _problem_of_header(header, task):
        raise DataError(path, line, f"{problem}: the first line names the columns, with commas between them")
    for line, row in rows:
        if isinstance(row, DataError):
            yield line, row
            continue
        try:
            yield line, _fields(header, row, task)
        except ValueError as error:
            yield line, DataError(path, line, str(error))


def _rows(path: Path) -> Iterator[tuple[int, list[str] | DataError]]:
    """Every row that is not blank, with the line on which it begins: quoted cells may go over several."""
    reader = csv.reader(StringIO(read_text(path), newline=""), strict=True)
    while True:
        line = reader.line_num + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield (
                line,
                DataError(path, line, f"not CSV ({error}): quote a cell with a quote in it, and double that one"),
            )
        else:
            if any(cell.strip() for cell in row):
                yield line, row


def _problem_of_header(header: Sequence[str], task: Task) -> str | None:
    required = [name for name, field in task.example_type.model_fields.items() if field.is_required()]
    needed = [name for name in required if name not in ("id", "head", "tail")]
    if task.has_mentions and set(OFFSETS) & set(header):
        needed += OFFSETS
    if missing := [name for name in needed if name not in header]:
        return f"the header has no column {missing[0]}, it has {', '.join(header) or 'none'}"
    repeated = [name for name in header if name and header.count(name) > 1]
    return f"two columns of the header are called {repeated[0]}" if repeated else None


def _fields(header: Sequence[str], row: Sequence[str], task: Task) -> dict[str, Any]:
    if len(row) != len(header):
        raise ValueError(
            f"{len(row)} cells, the header has {len(header)}: quote a cell that holds a comma or a line end"
        )
    cells = {name: cell for name, cell in zip(header, row, strict=True) if cell}
    if "" in cells:
        raise ValueError(f"the column of {cells['']!r} has no name in the header")
    if not task.has_mentions or not set(OFFSETS) & set(header):
        return {name: _value(name, cell, task) for name, cell in cells.items()}
    mentions = {role: _mention(role, cells) for role in ("head", "tail")}
    parts = {f"{role}_{part}" for role in mentions for part in ("start", "end", "type")}
    return {name: cell for name, cell in cells.items() if name not in parts} | mentions


def _value(name: str, cell: str, task: Task) -> Any:
    """A cell as its field wants it: a truth value, or text."""
    field = task.example_type.model_fields.get(name)
    return {"true": True, "false": False}.get(cell.casefold(), cell) if field and field.annotation is bool else cell


def _mention(role: str, cells: Mapping[str, str]) -> dict[str, Any]:
    """The columns of a mention as one field."""
    mention: dict[str, Any] = {"type": cells[f"{role}_type"]} if f"{role}_type" in cells else {}
    for part in ("start", "end"):
        cell = cells.get(f"{role}_{part}", "").strip()
        if not cell.isdecimal():
            raise ValueError(f"{role}_{part} is {cell!r}: offsets are whole numbers, from 0")
        mention[part] = int(cell)
    return mention
