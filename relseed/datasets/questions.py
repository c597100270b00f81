"""What readers of question answering sets share: the two forms of a set, and splits where no test set is public.

A set is read as its publishers wrote it, or as Lee et al. 2023 ("Making Large Language Models Better Data Creators")
cut it: `train.jsonl`, `dev.jsonl` and `test.jsonl`, whose lines have `question`, `context`, `options` and `label`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, StrictBool, StrictStr

from relseed.datasets.dataset import Dataset
from relseed.records.files import DataError, Located, collecting, problem_of, raise_all, scan_json_lines
from relseed.tasks.task import SPLITS, Split, Task, checked

Record = TypeVar("Record", bound=BaseModel)
Fields = Callable[[Record, str], dict[str, Any]]  # of an example, from a record and a name made of its file and place
Found = Iterator[tuple[int | str, dict[str, Any] | DataError]]  # a place, and the fields there or why there are none
Splits = dict[Split, list[Located]]
Read = tuple[Splits, list[str]]  # and notes on how they were read

CUT = "Lee et al. 2023, https://github.com/microsoft/llm-data-creation"

_CUT_FILES: dict[Split, str] = {"train": "train.jsonl", "validation": "dev.jsonl", "test": "test.jsonl"}
_CUT_RECORD = "a line of the cut has question, context (text or null), options, and the right one as label"
_TRUTH = ["True", "False"]
_PARTS = 10  # one of so many is held out


@dataclass(frozen=True, slots=True)
class QuestionSet:
    """What is known of a set before it is read."""

    name: str
    task: Task
    licence: str
    source: str
    files: str  # in its published form
    record: str  # what a published record has, in words
    reported: str  # sizes of train, validation and test in Table 2 of Lee et al. 2023
    notes: Sequence[str] = ()  # on both forms

    @property
    def cure(self) -> str:
        """What to do about a missing file."""
        return f"{self.name} is {self.files} ({self.source}), or {', '.join(_CUT_FILES.values())} as cut by {CUT}"


def read_set(about: QuestionSet, folder: Path, published: Callable[[], Read]) -> Dataset:
    """Read a set in the form in which it is there; `published` reads its published form.

    Raises:
        DataError: A file is missing, or has records that are none.
    """
    is_cut = _is_cut(folder)
    splits, notes = _read_cut(about, folder) if is_cut else published()
    examples = [one.example for split in SPLITS for one in splits[split]]
    train, validation, test = (f"{len(splits[split]):,}" for split in SPLITS)
    sizes = f"train, validation and test have {train}, {validation} and {test} examples"
    return Dataset(
        name=about.name,
        licence=about.licence,
        source=f"{about.source}, as cut by {CUT}" if is_cut else about.source,
        task=about.task,
        schema=about.task.labels_of(about.task.fixed_schema, examples),
        located={split: splits[split] for split in SPLITS},
        notes=[f"{sizes}; Lee et al. 2023 report {about.reported}", *notes, *about.notes],
        published=True,
    )


def _is_cut(folder: Path) -> bool:
    path = folder / _CUT_FILES["train"]
    return path.is_file() and any("options" in found for _, found in scan_json_lines(path) if isinstance(found, dict))


class _CutLine(BaseModel):
    question: StrictStr
    context: StrictStr | None
    options: list[StrictStr]
    label: StrictBool | StrictStr


def _read_cut(about: QuestionSet, folder: Path) -> Read:
    paths = {split: folder / file for split, file in _CUT_FILES.items()}
    return read_splits(about.task, {split: (path, _cut_lines(path, about)) for split, path in paths.items()})


def _cut_lines(path: Path, about: QuestionSet) -> Found:
    return read_records(path, scan_json_lines(path, cure=about.cure), _CutLine, _of_cut, cure=_CUT_RECORD)


def _of_cut(line: _CutLine, name: str) -> dict[str, Any]:
    passage = {"passage": line.context} if line.context is not None else {}
    if isinstance(line.label, str):
        return {"id": name, "question": line.question, **passage, "options": line.options, "answer": line.label}
    if line.options != _TRUTH:
        raise ValueError(f"options: {line.options} where the label is a truth value, not {_TRUTH}")
    return {"id": name, "question": line.question, **passage, "answer": line.label}


def read_records(
    path: Path, entries: Iterable[tuple[int | str, Any]], kind: type[Record], fields: Fields[Record], *, cure: str
) -> Found:
    """Turn the records of a file into fields of examples; what is wrong with one is said with the cure.

    An entry is the place of a record and its values, or an error that says why it has none.
    """
    for place, values in entries:
        if isinstance(values, DataError):
            yield place, values
            continue
        try:
            yield place, fields(kind.model_validate(values), f"{path.stem}-{place}")
        except ValueError as error:
            yield place, DataError(path, place, f"{problem_of(error)}: {cure}")


def records_of(about: QuestionSet, path: Path, kind: type[Record], fields: Fields[Record]) -> Found:
    """The same of a JSON Lines file of a set in its published form.

    Raises:
        DataError: The file is missing.
    """
    return read_records(path, scan_json_lines(path, cure=about.cure), kind, fields, cure=about.record)


def read_splits(task: Task, files: Mapping[Split, tuple[Path, Found]]) -> Read:
    """Read each file as a split of examples, of repeated options the first alone.

    Raises:
        DataError: Files are missing, or have records that are none. All files are looked at before it is raised.
    """
    splits: Splits = {}
    odd: Counter[str] = Counter()
    errors: list[DataError] = []
    for split, (path, found) in files.items():
        with collecting(errors):
            splits[split] = checked(path, task, task.fixed_schema, _with_distinct_options(found, odd))
    raise_all(errors)
    return splits, [f"{what}: {count:,}" for what, count in sorted(odd.items())]


def _with_distinct_options(found: Found, odd: Counter[str]) -> Found:
    """Give an option once that a question has twice, and leave out a question that has no other; count both."""
    for place, fields in found:
        if isinstance(fields, DataError) or "options" not in fields:
            yield place, fields
            continue
        distinct: dict[str, str] = {}
        for option in fields["options"]:
            distinct.setdefault(_plain(option), option)
        if len(distinct) == len(fields["options"]):
            yield place, fields
        elif len(distinct) < 2:
            odd["left out because all options are the same, letter case aside"] += 1
        else:
            odd["questions with an option that was there twice, and is given once"] += 1
            answer = distinct.get(_plain(fields["answer"]), fields["answer"])
            yield place, {**fields, "options": list(distinct.values()), "answer": answer}


def _plain(option: str) -> str:
    return option.strip().casefold()


def _id(example: Any) -> str:
    return str(example.id)


def without_test(
    task: Task,
    train: Path,
    development: Path,
    lines: Callable[[Path], Found],
    *,
    unit: Callable[[Any], str] = _id,
    of: str = "their ids",
) -> Read:
    """Read a set whose answers of the test set are not public, and say how it was split.

    The test set is what was published for development; validation is cut from train, by `unit`, which is `of` examples.

    Raises:
        DataError: A file is missing, or has records that are none.
    """
    splits, notes = read_splits(task, {"train": (train, lines(train)), "test": (development, lines(development))})
    splits["train"], splits["validation"] = hold_out(train, splits["train"], unit)
    note = f"no answers of the test set are public: test is {development.name}, validation a tenth of {train.name}"
    return splits, [f"{note}, with the lowest SHA-256 of {of}", *notes]


def hold_out(
    path: Path, located: Sequence[Located], unit: Callable[[Any], str] = _id
) -> tuple[list[Located], list[Located]]:
    """Cut examples of a file into those that are kept and a tenth, in their order.

    The tenth has the lowest hashes, so that it is the same in every order of the examples. Those of the same `unit`
    stay together.

    Raises:
        DataError: There are fewer than two.
    """
    units = sorted({unit(one.example) for one in located}, key=lambda name: hashlib.sha256(name.encode()).digest())
    if len(units) < 2:
        raise DataError(path, None, "has too few examples: train and validation need one each")
    held = set(units[: max(1, len(units) // _PARTS)])
    kept = [one for one in located if unit(one.example) not in held]
    return kept, [one for one in located if unit(one.example) in held]
