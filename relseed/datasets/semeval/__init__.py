"""SemEval-2010 Task 8 as published: `TRAIN_FILE.TXT` and `TEST_FILE_FULL.TXT` (Hendrickx et al. 2010, S10-1006).

A record is three lines and a blank one: `1<TAB>"text with <e1>..</e1> and <e2>..</e2>"`, the directed label,
`Comment:` with or without words. The files end their lines with CRLF.
"""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from relseed.datasets.dataset import Dataset
from relseed.records.files import DataError, Located, read_lines
from relseed.tasks.relation import TASK, Schema
from relseed.tasks.relation.tags import untag
from relseed.tasks.task import Task, checked, read_schema

TRAIN, TEST = "TRAIN_FILE.TXT", "TEST_FILE_FULL.TXT"

_HERE = Path(__file__).parent
_NUMBERED = re.compile(r'([1-9][0-9]*)\t"(.*)"')
_COMMENT = "Comment:"
_CURE = (
    "SemEval-2010 Task 8 is published as SemEval2010_task8_all_data.zip (see https://aclanthology.org/S10-1006); "
    "`relseed fetch semeval <folder>` gets it from the Hugging Face Hub (SemEvalWorkshop/sem_eval_2010_task_8)"
)


def read_relations() -> Schema:
    """The 18 directed relations, and `Other` as the negative label."""
    return read_schema(_HERE / "relations.jsonl", TASK)


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read the published files and cut train and validation as the standard split does (6,507 and 1,493 records).

    Train and validation keep the order of the split: the published few-shot draws start from it.
    The test set is `TEST_FILE_FULL.TXT` in file order.

    Raises:
        DataError: A file is missing or malformed, or a record of the split is not in `TRAIN_FILE.TXT`.
    """
    schema = read_relations()
    by_id = {found.example.id: found for found in read_file(folder / TRAIN, schema)}
    split = json.loads((_HERE / "split.json").read_text(encoding="utf-8"))
    return Dataset(
        name="SemEval-2010 Task 8",
        licence="CC BY 3.0",
        source="Hendrickx et al. 2010, https://aclanthology.org/S10-1006",
        task=TASK,
        schema=schema,
        located={
            "train": _pick(by_id, split["train"], folder / TRAIN),
            "validation": _pick(by_id, split["validation"], folder / TRAIN),
            "test": read_file(folder / TEST, schema),
        },
        notes=[
            f"train and validation: the 6,507 and 1,493 records of {TRAIN} that KnowPrompt, PTR and S2ynRE use, "
            "in their order",
            f"test: {TEST}, which has directions ({TEST.replace('FULL', 'KEY')} has none)",
        ],
        published=True,
    )


def _pick(by_id: dict[str, Located], numbers: list[int], path: Path) -> list[Located]:
    missing = [number for number in numbers if f"semeval-{number}" not in by_id]
    if missing:
        raise DataError(
            path,
            None,
            f"{len(missing)} records of the standard split are not here, the first is {missing[0]}: "
            f"the file as published has the records 1 to 8000. {_CURE}",
        )
    return [by_id[f"semeval-{number}"] for number in numbers]


def read_file(path: Path, schema: Schema) -> list[Located]:
    """Read one published file, in its order; `comment` holds what follows `Comment:`, where something does.

    Raises:
        DataError: The file is missing, or a record is malformed or not allowed by the schema.
    """
    return checked(path, TASK, schema, _records(path))


def _records(path: Path) -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    lines = [(number, line) for number, line in read_lines(path, cure=_CURE) if line.strip()]
    for start in range(0, len(lines), 3):
        record = lines[start : start + 3]
        number, line = record[0]
        numbered = _NUMBERED.fullmatch(line)
        whole = len(record) == 3 and record[2][1].startswith(_COMMENT)
        if numbered is None:
            yield number, DataError(path, number, f'expected `1<TAB>"a text with tags"`, found {line[:60]!r}')
        elif not whole:
            problem = f"the record of line {number} is not a text, a label and a line `{_COMMENT}`"
            yield number, DataError(path, record[-1][0], problem)
        else:
            yield number, _fields(path, number, numbered, record[1][1], record[2][1].removeprefix(_COMMENT))
        if not whole:
            return  # where the next record begins is not known


def _fields(path: Path, line: int, numbered: re.Match[str], relation: str, comment: str) -> dict[str, Any] | DataError:
    try:
        sentence = untag(numbered[2])
    except ValueError as error:
        return DataError(path, line, str(error))
    fields = {**sentence.model_dump(exclude_unset=True), "id": f"semeval-{numbered[1]}", "relation": relation}
    return {**fields, "comment": comment} if comment else fields


def published(number: str, text: str, relation: str, comment: str = "") -> str:
    """The lines of one record as published, from its tagged text."""
    return f'{number}\t"{text}"\r\n{relation}\r\n{_COMMENT}{comment}\r\n\r\n'
