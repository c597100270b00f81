"""Own data, and Gazette: a folder that holds the one record format of a task already."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.datasets.dataset import Dataset
from relseed.records.files import DataError, problem_of, read_text
from relseed.tasks.task import SPLITS, Task, read_examples, read_schema

_CURE = "own data is a folder with {labels}train.jsonl, validation.jsonl and test.jsonl (see docs/data.md)"


class Metadata(BaseModel):
    """The optional `about.yaml`: what the data card says of where the data come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    licence: str = "not stated"
    source: str = "not stated"


def read(folder: Path, *, task: Task, domain: str | None) -> Dataset:
    """Read the labels (`relations.jsonl`), `train.jsonl`, `validation.jsonl`, `test.jsonl` and perhaps `about.yaml`.

    Raises:
        DataError: A file is missing or holds something that is not in the format.
    """
    about = _read_metadata(folder / "about.yaml")
    cure = _CURE.format(labels=f"{task.labels_file}, " if task.labels_file else "")
    schema = read_schema(folder / task.labels_file, task, cure=cure) if task.labels_file else task.fixed_schema
    splits = {split: read_examples(folder / f"{split}.jsonl", task, schema, cure=cure) for split in SPLITS}
    for split, examples in splits.items():
        if marked := next((example for example in examples if example.method is not None), None):
            problem = f"example {marked.id!r} has a field `method`, which says how an example was written: rename it"
            raise DataError(folder / f"{split}.jsonl", None, problem)
    return Dataset(about.name or folder.resolve().name, about.licence, about.source, task, schema, splits)


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
