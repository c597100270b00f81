"""PIQA (Bisk et al. 2020): a goal, and two ways to reach it, one of which works.

Published as `train.jsonl` and `valid.jsonl`, with the right ones in `train-labels.lst` and `valid-labels.lst`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.datasets.questions import Found, QuestionSet, read_records, read_set, without_test
from relseed.records.files import DataError, read_lines, scan_json_lines
from relseed.tasks.multiple_choice import TASK
from relseed.tasks.task import Task

_PIQA = QuestionSet(
    name="PIQA",
    task=TASK,
    licence="Academic Free License 3.0",
    source="Bisk et al. 2020, https://yonatanbisk.com/piqa",
    files="train.jsonl, train-labels.lst, valid.jsonl and valid-labels.lst",
    record="a line has goal, sol1 and sol2",
    reported="14,113, 1,838 and 2,000",
)


class _Line(BaseModel):
    goal: StrictStr
    sol1: StrictStr
    sol2: StrictStr
    label: Literal["0", "1"]


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read `train.jsonl` and `valid.jsonl` with their labels.

    Raises:
        DataError: A file is missing, or has lines that are no question or no label.
    """
    train, valid = folder / "train.jsonl", folder / "valid.jsonl"
    return read_set(_PIQA, folder, lambda: without_test(TASK, train, valid, _lines))


def _lines(path: Path) -> Found:
    return read_records(path, _labelled(path), _Line, _fields, cure=_PIQA.record)


def _labelled(path: Path) -> Iterator[tuple[int, Any]]:
    """Each line with the label in the same line of the other file."""
    other = path.with_name(f"{path.stem}-labels.lst")
    labels = {number: line.strip() for number, line in read_lines(other, cure=_PIQA.cure) if line.strip()}
    for number, values in scan_json_lines(path, cure=_PIQA.cure):
        label = labels.pop(number, None)
        if isinstance(values, DataError):
            yield number, values
        elif label not in ("0", "1"):
            problem = f"the label of {path.name}:{number} is {label or 'missing'}, not 0 or 1"
            yield number, DataError(other, number, problem)
        else:
            yield number, {**values, "label": label}
    for number in labels:
        yield number, DataError(other, number, f"{path.name} has no such line: take both of one release")


def _fields(line: _Line, name: str) -> dict[str, Any]:
    options = [line.sol1, line.sol2]
    return {"id": name, "question": line.goal, "options": options, "answer": options[int(line.label)]}
