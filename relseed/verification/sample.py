"""Drawing a sheet and its key from what a training set holds."""

from pathlib import Path

from relseed.pipeline.errors import UserError
from relseed.records.files import read_records, write_records
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.verification.items import Item, draw_items
from relseed.verification.sheet import write_sheet


def sample(training_set: str, output: Path, data: Path, *, size: int, controls: float, seed: int) -> tuple[int, int]:
    """Write a sheet and its key; how many written sentences and how many controls it has.

    Controls are made of the dataset's training split, of examples that the training set does not hold.

    Raises:
        UserError: Files are missing, there is nothing to verify, or a sheet is there.
    """
    schema = read_schema(data / "dataset/labels.jsonl", TASK, cure="build it with `dvc repro ingest`")
    cure = f"build it with `dvc repro select@{training_set}`"
    known = read_examples(data / f"training/{training_set}.jsonl", TASK, schema, cure=cure)
    ids = {example.id for example in known}
    real = read_examples(data / "dataset/train.jsonl", TASK, schema, cure="build it with `dvc repro ingest`")
    unused = [example for example in real if example.id not in ids]
    items = draw_items(known, unused, schema, size=size, controls=controls, seed=seed)
    write_sheet(output, items, schema)
    write_records(key_of(output), items)
    written = sum(item.kind == "written" for item in items)
    return written, len(items) - written


def key_of(sheet: Path) -> Path:
    """Where the key of a sheet is."""
    return sheet.with_suffix(".key.jsonl")


def read_key(sheet: Path) -> list[Item]:
    """The items of a sheet.

    Raises:
        UserError: Its key is not there.
    """
    path = key_of(sheet)
    if not path.is_file():
        raise UserError(f"{path} is not there: name the sheet that `relseed verify sample` wrote, its key beside it")
    return [item for _, item in read_records(path, Item)]
