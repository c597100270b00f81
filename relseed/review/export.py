"""Write a sheet of what a method wrote, for people to review."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.reviews import read_decisions, reviews_of
from relseed.review.argilla import write_dataset
from relseed.review.page import write_page
from relseed.review.sheet import row_of, write_csv
from relseed.tasks.task import Task, load_task, read_examples, read_schema


def export(params: Params, method: str, training_set: str | None, output: Path, data: Path) -> int:
    """Write the accepted examples of a method, or those of them that a training set holds; return how many.

    The form is that of the name: CSV (`.csv`), a page (`.html`), or the folder of a dataset of Argilla.

    Raises:
        UserError: There is no such method or no such form, nothing to review, or something at `output`, whose decisions
            would be lost.
    """
    if output.suffix not in (".csv", ".html", ""):
        raise UserError(f"{output}: a sheet is a .csv or .html file, or for Argilla a folder, a name without ending")
    if output.exists():
        raise UserError(f"{output} is already there, perhaps with decisions: import it and remove it, or name another")
    task = load_task(params.value("task"))
    schema = read_schema(data / "dataset/labels.jsonl", task, cure="build it with `dvc repro ingest`")
    examples = _examples(params, method, training_set, data, task, schema)
    decided = read_decisions(reviews_of(data / "reviews", method))
    rows = [row_of(example, task, schema, decided) for example in examples]
    if output.suffix == ".csv":
        write_csv(output, rows)
    elif output.suffix == ".html":
        write_page(output, method, rows)
    else:
        write_dataset(output, method, rows)
    return len(rows)


def _examples(
    params: Params, method: str, training_set: str | None, data: Path, task: Task, schema: Any
) -> Sequence[Any]:
    params.value(f"methods.{method}")  # an error lists those that there are
    cure = f"build it with `dvc repro filter@{method}`"
    examples = read_examples(data / f"accepted/{method}.jsonl", task, schema, cure=cure, empty=True)
    where = "there is no accepted example"
    if training_set:
        params.value(f"training_sets.{training_set}")
        cure = f"build it with `dvc repro select@{training_set}`"
        taken = read_examples(data / f"training/{training_set}.jsonl", task, schema, cure=cure)
        ids = {example.id for example in taken}
        examples = [example for example in examples if example.id in ids]
        where = f"the training set {training_set} holds no example"
    if not examples:
        raise UserError(f"nothing to review: {where} of the method {method}")
    return examples
