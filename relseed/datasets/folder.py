"""Own data, and Gazette: a folder that holds the one record format already."""

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from relseed.datasets.dataset import Dataset
from relseed.records.files import DataError, problem_of, read_text
from relseed.tasks.relation import SPLITS
from relseed.tasks.relation.files import read_examples, read_schema

_CURE = "own data is a folder with relations.jsonl, train.jsonl, validation.jsonl and test.jsonl (see README.md)"


class About(BaseModel):
    """The optional `about.yaml`: what the data card says of where the data come from."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str | None = None
    licence: str = "not stated"
    source: str = "not stated"


def read(folder: Path) -> Dataset:
    """Read `relations.jsonl`, `train.jsonl`, `validation.jsonl`, `test.jsonl` and, where there is one, `about.yaml`.

    Raises:
        DataError: A file is missing or holds something that is not in the format.
    """
    about = _read_about(folder / "about.yaml")
    schema = read_schema(folder / "relations.jsonl", cure=_CURE)
    splits = {split: read_examples(folder / f"{split}.jsonl", schema, cure=_CURE) for split in SPLITS}
    return Dataset(about.name or folder.resolve().name, about.licence, about.source, schema, splits)


def _read_about(path: Path) -> About:
    if not path.exists():
        return About()
    try:
        return About.model_validate(yaml.safe_load(read_text(path)) or {})
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else None
        raise DataError(path, line, f"not YAML ({error.problem})") from None
    except yaml.YAMLError as error:
        raise DataError(path, None, f"not YAML ({error})") from None
    except ValidationError as error:
        raise DataError(path, None, f"{problem_of(error)}. It may have: {', '.join(About.model_fields)}") from None
