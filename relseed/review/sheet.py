"""A sheet to review: what it says of each example, and its form as CSV, which a spreadsheet opens without harm."""

import csv
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from relseed.pipeline.outputs import output_file
from relseed.records.files import DataError
from relseed.records.reviews import Decision, hash_of
from relseed.tasks.task import Segment, Task, misfit_as

COLUMNS = ("id", "label", "text", "definition", "decision", "note", "hash")
REQUIRED = ("id", "decision", "note", "hash")  # the others are for people

# How a cell begins that a spreadsheet could take for a formula, full-width signs too. Such a cell gets an apostrophe,
# and so does one that has apostrophes before that: taking one off gives back every text. The page uses it, too.
_FORMULA = "(?:[\t\r\n]| *[=+\\-@＝＋－＠])"
RISKY = f"^'*{_FORMULA}"
_MADE_SAFE = re.compile(f"'+{_FORMULA}")


@dataclass(frozen=True, slots=True)
class Row:
    """An example as a sheet shows it, with what was decided about it before."""

    id: str
    label: str
    text: str
    segments: Sequence[Segment]
    definition: str
    choices: Sequence[str]  # decisions that are possible: keep, drop, and `relabel LABEL` as the schema allows it
    decision: str
    note: str
    hash: str


def row_of(example: Any, task: Task, schema: Any, decided: Mapping[str, Decision]) -> Row:
    """The row of an example; a decision about it stands in it as long as the example is as it was."""
    [definition] = (entry.definition for entry in schema.entries if entry.label == example.label)
    segments = task.segments(example)
    hash = hash_of(example.label, segments)
    before = decided.get(example.id)
    if before and before.hash != hash:
        before = None
    others = [label for label in schema.labels if label != example.label]
    possible = [f"relabel {label}" for label in others if not misfit_as(label, example, task, schema)]
    return Row(
        id=example.id,
        label=example.label,
        text=readable(segments),
        segments=segments,
        definition=definition,
        choices=("keep", "drop", *possible),
        decision=before.words if before else "",
        note=before.note if before else "",
        hash=hash,
    )


def readable(segments: Iterable[Segment]) -> str:
    """A text with what has a role in brackets: `[tail PERSON: Ada Holm] founded [head ORGANIZATION: Nordlys].`"""
    return "".join(
        f"[{role} {note}: {text}]" if role and note else f"[{role}: {text}]" if role else text
        for text, role, note in segments
    )


def write_csv(path: Path, rows: Iterable[Row]) -> None:
    """Write rows as CSV, whole or not at all; its mark of UTF-8 is what makes Excel read the letters right."""
    with output_file(path) as partial, partial.open("w", encoding="utf-8-sig", newline="") as file:
        table = csv.DictWriter(file, COLUMNS)
        table.writeheader()
        table.writerows({name: safe(getattr(row, name)) for name in COLUMNS} for row in rows)


def read_csv(
    path: Path, required: Sequence[str] = REQUIRED, made_by: str = "relseed review export"
) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield (line number, cells by column) of a CSV file that has the columns of a sheet; empty lines are left out.

    Raises:
        DataError: It is missing, not UTF-8, or not CSV, or lacks a column.
    """
    if not path.exists():
        raise DataError(path, None, "file not found")
    try:
        with path.open(encoding="utf-8-sig", newline="") as file:
            delimiter = max(",;\t", key=file.readline().count)  # Excel saves semicolons in half of Europe
            file.seek(0)
            cells = csv.reader(file, delimiter=delimiter, strict=True)
            yield from _cells(path, cells, required, made_by)
    except UnicodeDecodeError:
        raise DataError(path, None, "not UTF-8: save the sheet as CSV in UTF-8 (in Excel: CSV UTF-8)") from None


def _cells(path: Path, lines: Any, required: Sequence[str], made_by: str) -> Iterator[tuple[int, dict[str, str]]]:
    start = 1
    try:
        header = [name.strip() for name in next(lines, [])]
        if missing := [name for name in required if name not in header]:
            raise DataError(path, 1, f"no column {', '.join(missing)}: a sheet of `{made_by}` has them")
        start = lines.line_num + 1
        for cells in lines:
            if len(cells) > len(header):
                raise DataError(path, start, f"{len(cells)} cells under {len(header)} columns: quote cells with commas")
            if any(cells):
                padded = [*cells, *[""] * (len(header) - len(cells))]
                yield start, {name: restored(cell) for name, cell in zip(header, padded, strict=True)}
            start = lines.line_num + 1
    except csv.Error as error:
        raise DataError(path, start, f"not CSV ({error}): save the sheet as CSV again") from None


def safe(cell: str) -> str:
    """A cell that no spreadsheet takes for a formula; `restored` is its inverse."""
    return f"'{cell}" if re.match(RISKY, cell) else cell


def restored(cell: str) -> str:
    """What `safe` was given."""
    return cell[1:] if _MADE_SAFE.match(cell) else cell
