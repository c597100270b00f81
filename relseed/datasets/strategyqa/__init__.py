"""StrategyQA (Geva et al. 2021): questions whose answers take several steps that the question does not name.

The authors' repository splits the published training set into `train.json` and `dev.json`, each a JSON list.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, StrictBool, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.datasets.json_file import read_json_as
from relseed.datasets.questions import Found, QuestionSet, read_records, read_set, without_test
from relseed.tasks.task import Task
from relseed.tasks.yes_no import TASK

_STRATEGYQA = QuestionSet(
    name="StrategyQA",
    task=TASK,
    licence="MIT",
    source="Geva et al. 2021, https://github.com/eladsegal/strategyqa",
    files="train.json and dev.json of the folder data/strategyqa",
    record="a record has qid, question, answer (true or false), term, description, facts and decomposition",
    reported="2,061, 114 and 115",
)


class _Record(BaseModel):
    qid: StrictStr
    term: StrictStr
    description: StrictStr
    question: StrictStr
    answer: StrictBool
    facts: list[StrictStr]
    decomposition: list[StrictStr]


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read `train.json` and `dev.json`; an example has all of its record but the evidence.

    Raises:
        DataError: A file is missing, or has records that are no question.
    """
    train, dev = folder / "train.json", folder / "dev.json"
    return read_set(_STRATEGYQA, folder, lambda: without_test(TASK, train, dev, _records))


def _records(path: Path) -> Found:
    return read_records(path, _entries(path), _Record, _fields, cure=_STRATEGYQA.record)


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    for number, values in enumerate(read_json_as(path, list[Any], cure=_STRATEGYQA.cure), start=1):
        yield f"record {number} (qid {values.get('qid') if isinstance(values, dict) else None!r})", values


def _fields(record: _Record, name: str) -> dict[str, Any]:
    return {"id": record.qid, **record.model_dump(exclude={"qid"})}
