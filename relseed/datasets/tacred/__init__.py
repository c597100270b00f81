"""TACRED (LDC2018T24) from a user's own copy, and the two public corrections of its labels.

TACREV (Alt et al. 2020) replaces labels of dev and test; Re-TACRED (Stoica et al. 2021) gives a label to each
record that it keeps, in all three splits, and leaves out the rest. Both are published as ids and labels.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from relseed.datasets.dataset import Dataset
from relseed.datasets.json_file import read_json_as
from relseed.records.files import DataError, problem_of
from relseed.tasks.relation import TASK, Schema
from relseed.tasks.relation.tags import detokenize, token_to_char_span
from relseed.tasks.task import Split, Task, checked, read_schema

Variant = Literal["tacred", "tacrev", "retacred"]

_NAMES: dict[Variant, str] = {"tacred": "TACRED", "tacrev": "TACREV", "retacred": "Re-TACRED"}
_FILES: dict[Split, str] = {"train": "train", "validation": "dev", "test": "test"}
_LICENCE = "LDC User Agreement: no redistribution"
_SOURCE = "https://catalog.ldc.upenn.edu/LDC2018T24"
_CURE = f"TACRED is published by the LDC ({_SOURCE}); put its train.json, dev.json and test.json into this folder"
_PATCHES: dict[Variant, str] = {
    "tacrev": "https://github.com/DFKI-NLP/tacrev",
    "retacred": "https://github.com/gstoica27/Re-TACRED",
}


class _Record(BaseModel):
    """What is read of a record; spans are inclusive tokens."""

    model_config = ConfigDict(strict=True)

    id: str
    relation: str
    token: list[str]
    subj_start: int
    subj_end: int
    subj_type: str
    obj_start: int
    obj_end: int
    obj_type: str


class _Correction(BaseModel):
    """An entry of a TACREV patch."""

    id: str
    relation: str


@dataclass(frozen=True, slots=True)
class _Patch:
    path: Path
    labels: dict[str, str]
    prunes: bool


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read TACRED as it was published: see `read_variant`."""
    return read_variant(folder, "tacred")


def read_variant(folder: Path, variant: Variant) -> Dataset:
    """Read `train.json`, `dev.json` and `test.json`, and the variant's patches from the same folder.

    TACREV: `dev_patch.json`, `test_patch.json`. Re-TACRED: `{train,dev,test}_id2label.json`.

    Raises:
        DataError: A file is missing or malformed, a record is not what the schema allows, or a patch names an
            id that is not in the data.
    """
    name = "retacred" if variant == "retacred" else "tacred"
    schema = read_schema(Path(__file__).parents[1] / name / "relations.jsonl", TASK)
    patches = {split: _read_patch(folder, file, variant, schema) for split, file in _FILES.items()}
    located = {
        split: checked(folder / f"{file}.json", TASK, schema, _records(folder / f"{file}.json", patches[split]))
        for split, file in _FILES.items()
    }
    source = f"{_SOURCE}, labels of {_PATCHES[variant]}" if variant in _PATCHES else _SOURCE
    notes = _notes(variant, patches)
    return Dataset(_NAMES[variant], _LICENCE, source, TASK, schema, located, notes, published=True)


def _notes(variant: Variant, patches: dict[Split, _Patch | None]) -> list[str]:
    counts = ", ".join(f"{split} {len(patch.labels):,}" for split, patch in patches.items() if patch)
    if variant == "tacrev":
        return [f"labels replaced by the patches: {counts}; train is TACRED's"]
    if variant == "retacred":
        return [f"kept and relabelled: {counts}; records without a Re-TACRED label are left out"]
    return []


def _records(path: Path, patch: _Patch | None) -> Iterator[tuple[str, dict[str, Any] | DataError]]:
    labels = dict(patch.labels) if patch else {}
    for number, values in enumerate(read_json_as(path, list[Any], cure=_CURE), start=1):
        place = f"record {number} (id {values.get('id') if isinstance(values, dict) else None!r})"
        try:
            record = _Record.model_validate(values)
            fields = _fields(record)
        except ValueError as error:
            yield place, DataError(path, place, problem_of(error))
            continue
        label = labels.pop(record.id, None)
        if label is not None:
            yield place, {**fields, "relation": label}
        elif patch is None or not patch.prunes:
            yield place, fields
    if patch and labels:
        problem = f"{len(labels)} ids are not in {path.name}, the first is {next(iter(labels))!r}"
        problem = f"{problem}: patch and data must be of the same split and release"
        yield "its patch", DataError(patch.path, None, problem)


def _fields(record: _Record) -> dict[str, Any]:
    head = token_to_char_span(record.token, (record.subj_start, record.subj_end))
    tail = token_to_char_span(record.token, (record.obj_start, record.obj_end))
    return {
        "id": record.id,
        "text": detokenize(record.token),
        "head": {"start": head[0], "end": head[1], "type": record.subj_type},
        "tail": {"start": tail[0], "end": tail[1], "type": record.obj_type},
        "relation": record.relation,
    }


def _read_patch(folder: Path, file: str, variant: Variant, schema: Schema) -> _Patch | None:
    if variant == "tacred" or (variant == "tacrev" and file == "train"):
        return None
    cure = f"{_NAMES[variant]} is published at {_PATCHES[variant]}; put its patches beside train.json"
    if variant == "tacrev":
        path = folder / f"{file}_patch.json"
        corrections = [(entry.id, entry.relation) for entry in read_json_as(path, list[_Correction], cure=cure)]
    else:
        path = folder / f"{file}_id2label.json"
        corrections = list(read_json_as(path, dict[str, str], cure=cure).items())
    for record, label in corrections:
        if label not in schema.by_label:
            raise DataError(
                path, f"id {record!r}", f"unknown label {label!r}: the schema has {', '.join(schema.labels)}"
            )
    if len(labels := dict(corrections)) < len(corrections):
        raise DataError(path, None, f"{len(corrections) - len(labels)} ids are listed twice")
    return _Patch(path, labels, prunes=variant == "retacred")
