"""CommonsenseQA (Talmor et al. 2019): questions about a concept, with five options that are related to it.

Published as `train_rand_split.jsonl` and `dev_rand_split.jsonl`. RiddleSense has the same format.
"""

from functools import partial
from pathlib import Path
from typing import Any

from pydantic import BaseModel, Field, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.datasets.questions import QuestionSet, read_set, records_of, without_test
from relseed.tasks.multiple_choice import TASK
from relseed.tasks.task import Task

RECORD = "a line has id, question (with stem, and choices of label and text), and the label of one as answerKey"

_COMMONSENSEQA = QuestionSet(
    name="CommonsenseQA",
    task=TASK,
    licence="MIT",
    source="Talmor et al. 2019, https://www.tau-nlp.org/commonsenseqa",
    files="train_rand_split.jsonl and dev_rand_split.jsonl",
    record=RECORD,
    reported="8,500, 1,221 and 1,241",
)


class _Choice(BaseModel):
    label: StrictStr
    text: StrictStr


class _Question(BaseModel):
    stem: StrictStr
    choices: list[_Choice]
    question_concept: StrictStr | None = None


class _Line(BaseModel):
    id: StrictStr
    question: _Question
    answer_key: StrictStr = Field(alias="answerKey")


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read `train_rand_split.jsonl` and `dev_rand_split.jsonl`: see `read_as`."""
    return read_as(_COMMONSENSEQA, folder, folder / "train_rand_split.jsonl", folder / "dev_rand_split.jsonl")


def read_as(about: QuestionSet, folder: Path, train: Path, dev: Path) -> Dataset:
    """Read a set in the format of CommonsenseQA; an example has the `concept` that it is about, if one is named.

    Raises:
        DataError: A file is missing, or has lines that are no question.
    """
    lines = partial(records_of, about, kind=_Line, fields=_fields)
    return read_set(about, folder, lambda: without_test(TASK, train, dev, lines))


def _fields(line: _Line, name: str) -> dict[str, Any]:
    texts = {choice.label: choice.text for choice in line.question.choices}
    if line.answer_key not in texts:
        raise ValueError(f"answerKey: {line.answer_key!r} is none of the labels {', '.join(texts)}")
    concept = {"concept": line.question.question_concept} if line.question.question_concept else {}
    options = [choice.text for choice in line.question.choices]
    question = {"question": line.question.stem, "options": options, "answer": texts[line.answer_key]}
    return {"id": line.id, **question, **concept}
