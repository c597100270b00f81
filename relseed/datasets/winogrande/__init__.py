"""WinoGrande (Sakaguchi et al. 2020): a sentence with a blank, and two names or nouns to fill it.

Published as `dev.jsonl`, and `train_xs.jsonl` to `train_xl.jsonl`, of which a larger one holds the smaller.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.datasets.questions import Found, QuestionSet, Read, read_set, records_of, without_test
from relseed.records.files import DataError
from relseed.tasks.multiple_choice import TASK
from relseed.tasks.task import Task

_TRAIN = [f"train_{size}.jsonl" for size in ("xs", "s", "m", "l", "xl")]
_WINOGRANDE = QuestionSet(
    name="WinoGrande",
    task=TASK,
    licence="CC BY",
    source="Sakaguchi et al. 2020, https://github.com/allenai/winogrande",
    files=f"dev.jsonl, and one of {', '.join(_TRAIN)}",
    record="a line has qID, sentence (with _ as the blank), option1, option2, and 1 or 2 as answer",
    reported="160 (the size XS), 633 and 634",
)


class _Line(BaseModel):
    qid: StrictStr = Field(alias="qID")
    sentence: StrictStr = Field(pattern="_")
    option1: StrictStr
    option2: StrictStr
    answer: Literal["1", "2"]


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read the training set that is there, and `dev.jsonl`.

    Raises:
        DataError: A file is missing, there are several training sets, or lines are no question.
    """
    return read_set(_WINOGRANDE, folder, lambda: _published(folder))


def _published(folder: Path) -> Read:
    found = [name for name in _TRAIN if (folder / name).exists()]
    if len(found) > 1:
        raise DataError(folder, None, f"holds {', '.join(found)}: leave the one to train on, and move the others away")
    train, of = folder / (found or _TRAIN)[0], "their ids up to the last hyphen, which twin sentences share"
    return without_test(TASK, train, folder / "dev.jsonl", _lines, unit=_twins, of=of)


def _twins(example: Any) -> str:
    """What the ids of two sentences share that differ in a word or two, and in the answer."""
    return str(example.id).rpartition("-")[0] or str(example.id)


def _lines(path: Path) -> Found:
    return records_of(_WINOGRANDE, path, _Line, _fields)


def _fields(line: _Line, name: str) -> dict[str, Any]:
    options = [line.option1, line.option2]
    return {"id": line.qid, "question": line.sentence, "options": options, "answer": options[int(line.answer) - 1]}
