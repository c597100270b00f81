"""CREAK (Onoe et al. 2021): claims about entities that are true or false, published as `train.json` and `dev.json`.

A claim is the question whether it is true.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.datasets.questions import Found, QuestionSet, read_set, records_of, without_test
from relseed.tasks.task import Task
from relseed.tasks.yes_no import TASK

_CREAK = QuestionSet(
    name="CREAK",
    task=TASK,
    licence="MIT",
    source="Onoe et al. 2021, https://github.com/yasumasaonoe/creak",
    files="train.json and dev.json",
    record='a line has ex_id, sentence, explanation, entity, and "true" or "false" as label',
    reported="10,176, 685 and 686",
    notes=["questions are claims, word for word: the answer is whether they are true"],
)


class _Line(BaseModel):
    ex_id: StrictStr
    sentence: StrictStr
    explanation: StrictStr
    label: Literal["true", "false"]
    entity: StrictStr


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read `train.json` and `dev.json`; an example has the `entity` of its claim, and an `explanation` of the answer.

    Raises:
        DataError: A file is missing, or has lines that are no claim.
    """
    train, dev = folder / "train.json", folder / "dev.json"
    return read_set(_CREAK, folder, lambda: without_test(TASK, train, dev, _lines))


def _lines(path: Path) -> Found:
    return records_of(_CREAK, path, _Line, _fields)


def _fields(line: _Line, name: str) -> dict[str, Any]:
    return {
        "id": line.ex_id,
        "question": line.sentence,
        "answer": line.label == "true",
        "entity": line.entity,
        "explanation": line.explanation,
    }
