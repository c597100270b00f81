"""The prompts of a labeller, from the files that they are made of."""

from pathlib import Path

from relseed.explanations.explanation import Explanation
from relseed.labelling.demonstrations import demonstrations_of
from relseed.labelling.items import stratified
from relseed.labelling.labeller import Labeller
from relseed.labelling.prompt import LabelPrompt
from relseed.records.files import read_records
from relseed.tasks.task import Task, read_examples, read_schema


def read_prompts(settings: Labeller, task: Task, *, labels: Path, test: Path, seeds: Path) -> list[LabelPrompt]:
    """A prompt for each item that is labelled.

    Raises:
        DataError: A file is missing or malformed.
    """
    schema = read_schema(labels, task, cure="build it with `dvc repro ingest`")
    items = stratified(
        read_examples(test, task, schema, cure="build it with `dvc repro ingest`"), settings.items, settings.seed
    )
    known = read_examples(seeds, task, schema, cure="build it with `dvc repro sample`")
    shown = demonstrations_of(settings, task, known, items, _reasons(settings))
    return [
        LabelPrompt(task, schema, item, each, settings.answer, f"{settings.seed}/{item.id}")
        for item, each in zip(items, shown, strict=True)
    ]


def _reasons(settings: Labeller) -> dict[str, str]:
    """Explanations by the ids of the examples that they are of; none where none are shown."""
    if not settings.reasons:
        return {}
    explained = read_records(settings.explanations, Explanation, cure="build it with `dvc repro explain`")
    return {explanation.seed: explanation.text for _, explanation in explained}
