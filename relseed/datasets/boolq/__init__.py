"""BoolQ (Clark et al. 2019): questions that people asked, each with a passage of Wikipedia that answers it.

Published as `train.jsonl` and `dev.jsonl`; Lee et al. 2023 cut it with passages and without.
"""

from pathlib import Path
from typing import Any

from pydantic import BaseModel, StrictBool, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.datasets.questions import Found, QuestionSet, read_set, records_of, without_test
from relseed.tasks.task import Task
from relseed.tasks.yes_no import TASK

_BOOLQ = QuestionSet(
    name="BoolQ",
    task=TASK,
    licence="CC BY-SA 3.0",
    source="Clark et al. 2019, https://github.com/google-research-datasets/boolean-questions",
    files="train.jsonl and dev.jsonl",
    record="a line has question, title, passage and answer (true or false)",
    reported="9,427, 1,635 and 1,365 (1,635 in their repository)",
)


class _Line(BaseModel):
    question: StrictStr
    title: StrictStr
    passage: StrictStr
    answer: StrictBool


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read `train.jsonl` and `dev.jsonl`; an example has the `title` of its passage.

    Raises:
        DataError: A file is missing, or has lines that are no question.
    """
    train, dev = folder / "train.jsonl", folder / "dev.jsonl"
    return read_set(_BOOLQ, folder, lambda: without_test(TASK, train, dev, _lines))


def _lines(path: Path) -> Found:
    return records_of(_BOOLQ, path, _Line, _fields)


def _fields(line: _Line, name: str) -> dict[str, Any]:
    return {"id": name, **line.model_dump()}
