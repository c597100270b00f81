"""PubMedQA (Jin et al. 2019): questions that titles of papers ask, answered by the rest of the abstract.

Published as `ori_pqal.json`, a record for each PubMed id; the ids in `test_ground_truth.json` are the test set.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.datasets.json_file import read_json_as
from relseed.datasets.questions import QuestionSet, Read, hold_out, read_records, read_set
from relseed.records.files import DataError, Located, raise_all
from relseed.tasks.task import Task, checked
from relseed.tasks.yes_no import TASK

_PUBMEDQA = QuestionSet(
    name="PubMedQA",
    task=TASK,
    licence="MIT",
    source="Jin et al. 2019, https://github.com/pubmedqa/pubmedqa",
    files="ori_pqal.json and test_ground_truth.json of the folder data",
    record="a record has QUESTION, CONTEXTS (a list of texts), and yes, no or maybe as final_decision",
    reported="450, 50 and 500",
    notes=["the decision `maybe` counts as no"],
)


class _Record(BaseModel):
    id: StrictStr
    QUESTION: StrictStr
    CONTEXTS: list[StrictStr]
    final_decision: Literal["yes", "no", "maybe"]


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read `ori_pqal.json` and `test_ground_truth.json`; an example has the `decision` that was taken.

    Raises:
        DataError: A file is missing, has records that are no question, or the two contradict each other.
    """
    return read_set(_PUBMEDQA, folder, lambda: _published(folder / "ori_pqal.json", folder / "test_ground_truth.json"))


def _published(path: Path, truth: Path) -> Read:
    records = read_records(path, _entries(path), _Record, _fields, cure=_PUBMEDQA.record)
    located = checked(path, TASK, TASK.fixed_schema, records)
    tested = read_json_as(truth, dict[str, str], cure=_PUBMEDQA.cure)
    _check(tested, located, truth, path)
    train, validation = hold_out(path, [one for one in located if one.example.id not in tested])
    test = [one for one in located if one.example.id in tested]
    note = f"test: the records in {truth.name}; validation: a tenth of the others, with the lowest SHA-256"
    return {"train": train, "validation": validation, "test": test}, [f"{note} of their ids"]


def _entries(path: Path) -> Iterator[tuple[str, Any]]:
    for id, values in read_json_as(path, dict[str, Any], cure=_PUBMEDQA.cure).items():
        yield f"id {id!r}", {**values, "id": id} if isinstance(values, dict) else values


def _fields(record: _Record, name: str) -> dict[str, Any]:
    return {
        "id": record.id,
        "question": record.QUESTION,
        "passage": " ".join(record.CONTEXTS),
        "answer": record.final_decision == "yes",
        "decision": record.final_decision,
    }


def _check(tested: dict[str, str], located: list[Located], truth: Path, path: Path) -> None:
    if not tested:
        raise DataError(truth, None, "holds no id of the test set")
    decisions = {one.example.id: one.example.decision for one in located}
    raise_all(
        DataError(truth, f"id {id!r}", f"{path.name} has not this id with {decision!r}: take both of one release")
        for id, decision in tested.items()
        if decisions.get(id) != decision
    )
