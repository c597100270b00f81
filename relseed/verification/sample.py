"""Drawing a sheet and its key from what a training set holds, and having an LLM fill it in."""

from pathlib import Path

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.files import read_records, write_records
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.verification.ask import ask, own_methods
from relseed.verification.items import Item, draw_items
from relseed.verification.sheet import write_answers, write_sheet


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


def answer(
    params: Params, sheet: Path, llm: str, output: Path, recorded: Path, data: Path
) -> tuple[int, int, list[str]]:
    """Have an LLM fill in a sheet; how many lines it answered, of how many, and by which methods its model wrote some.

    Raises:
        UserError: The key or the LLM is not there, or not every request was answered.
    """
    items = read_key(sheet)
    schema = read_schema(data / "dataset/labels.jsonl", TASK, cure="build it with `dvc repro ingest`")
    answers = ask(params, llm, items, schema, recorded)
    write_answers(output, items, answers)
    return len(answers), len(items), own_methods(params, llm, items)


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
