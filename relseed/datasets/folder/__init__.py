"""Own data, and Gazette: a folder that holds the one record format of a task already, or nearly."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.datasets.dataset import Dataset
from relseed.datasets.folder.csv_file import scan_csv
from relseed.records.files import DataError, Located, collecting, problem_of, raise_all, read_text, scan_json_lines
from relseed.tasks.task import SPLITS, Split, Task, checked, read_schema

_CURE = "own data is a folder with {labels}train.jsonl, validation.jsonl and test.jsonl, or .csv (see docs/data.md)"


class Metadata(BaseModel):
    """The optional `about.yaml`: what the data card says of where the data come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    licence: str = "not stated"
    source: str = "not stated"


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read labels (`relations.jsonl`), `train`, `validation` and `test`, perhaps `about.yaml` and `wire.jsonl`.

    A split is a JSON Lines or a CSV file. Mentions may be tags in its texts, and ids may be left out.

    Raises:
        DataError: Files are missing or hold something that is not in the format.
    """
    about = _read_metadata(folder / "about.yaml")
    cure = _CURE.format(labels=f"{task.labels_file}, " if task.labels_file else "")
    schema = read_schema(folder / task.labels_file, task, cure=cure) if task.labels_file else task.fixed_schema
    located: dict[Split, list[Located]] = {}
    passages: list[Any] = []
    errors: list[DataError] = []
    for split in SPLITS:
        with collecting(errors):
            path = _file_of(folder, split)
            located[split] = checked(path, task, schema, _lines(path, task, cure))
    with collecting(errors):
        passages = _read_passages(folder / "wire.jsonl", task, schema)
    raise_all(errors)
    schema = task.labels_of(schema, [one.example for split in located.values() for one in split])
    name = about.name or folder.resolve().name
    return Dataset(name, about.licence, about.source, task, schema, located, passages=passages)


def _file_of(folder: Path, split: Split) -> Path:
    lines, table = folder / f"{split}.jsonl", folder / f"{split}.csv"
    if lines.exists() and table.exists():
        raise DataError(table, None, f"{lines.name} is there, too: remove the one that is not the split")
    return table if table.exists() else lines


def _lines(path: Path, task: Task, cure: str) -> Iterator[tuple[int, dict[str, Any] | DataError]]:
    scanned = scan_csv(path, task) if path.suffix == ".csv" else scan_json_lines(path, cure=cure)
    for line, found in scanned:
        if isinstance(found, DataError):
            yield line, found
            continue
        try:
            yield line, _fields({"id": f"{path.stem}-{line}", **found}, task)
        except ValueError as error:
            yield line, DataError(path, line, problem_of(error))


def _fields(values: dict[str, Any], task: Task) -> dict[str, Any]:
    """The fields of an example, its mentions as offsets."""
    if values.get("method") is not None:
        name = values["id"]
        raise ValueError(f"example {name!r} has a field `method`, which says how an example was written: rename it")
    if not task.has_mentions or {"head", "tail"} & values.keys():
        return values
    fields: dict[str, Any] = task.read_item(values).model_dump(exclude_unset=True)
    return fields


def _read_passages(path: Path, task: Task, schema: Any) -> list[Any]:
    if not path.exists():
        return []
    if not task.has_mentions:
        raise DataError(path, None, f"passages are for relations, the task is {task.name}: remove or rename the file")
    from relseed.tasks.relation.passages import read_passages

    return read_passages(path, schema)


def _read_metadata(path: Path) -> Metadata:
    if not path.exists():
        return Metadata()
    try:
        return Metadata.model_validate(yaml.safe_load(read_text(path)) or {})
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise DataError(path, line, f"not YAML ({error.problem})") from None
    except yaml.YAMLError as error:
        raise DataError(path, None, f"not YAML ({error})") from None
    except ValidationError as error:
        raise DataError(path, None, f"{problem_of(error)}. It may have: {', '.join(Metadata.model_fields)}") from None
