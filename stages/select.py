"""Select what a training set holds: the seeds, and of the accepted examples those that are good enough, in turn."""

from collections.abc import Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from relseed.generation.card import Origin, card_of
from relseed.generation.listed import Listed
from relseed.generation.reviews import describe_reviews
from relseed.generation.selection import Repetition, negative_shortages, select, shortages
from relseed.generation.training_set import Available, TrainingSet, read_available
from relseed.llm.llm import llms_of
from relseed.pipeline.command import Entry, run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import Params
from relseed.quality.rules import RuleSettings
from relseed.records.files import read_json, write_records
from relseed.records.scores import BLEND
from relseed.tasks.task import Task, load_task, read_examples, read_schema
from relseed.tracking.run import tracked


def main(training_set: Entry, labels: Path, seeds: Path, dataset_card: Path, reviews: Path, training: Path) -> None:
    """Select, and write the data and its card."""
    params = Params.read()
    task, settings = load_task(params.value("task")), params.section(f"training_sets.{training_set}", TrainingSet)
    data, card = training / f"{training_set}.jsonl", training / f"{training_set}.md"
    _check_scored(params, settings)
    reads = [Path(settings.reads), labels, seeds, dataset_card, reviews]
    with tracked("select", params=settings.model_dump(), reads=reads, writes=[data, card]) as log:
        schema = read_schema(labels, task)
        real = read_examples(seeds, task, schema) if settings.seeds else []
        rules = params.section("rules", RuleSettings)
        available = read_available(settings, task, schema, reviews)
        written = select(settings, available, schema, rules.near_duplicate)
        _describe(settings, written, available, schema)
        origin = _origin(params, settings, task, schema, rules, read_json(dataset_card, stage="ingest"))
        repetition = Repetition.of(list(filter(origin.by_llm, written)), rules.near_duplicate, available.store)
        _warn(repetition)
        log.log_metrics({"seeds": len(real), "written": len(written), "masked_copies": repetition.every.copies})
        write_records(data, chain(real, map(available.store.whole, written)))
        with output_file(card) as partial:
            text = card_of(training_set, data, settings, [*real, *written], available, repetition, origin)
            partial.write_text(text.strip() + "\n", encoding="utf-8")


def _check_scored(params: Params, settings: TrainingSet) -> None:
    """Raises UserError where the set takes examples from scores, and a criterion scores none of a method of it."""
    if not settings.reads_scores:
        return
    for criterion in settings.criteria or params.names("criteria"):
        scored = params.value(f"criteria.{criterion}")["methods"]
        if unscored := [method for method in settings.sources if method not in scored]:
            raise UserError(
                f"{params.path}: a training set that reads {settings.reads} takes the method {unscored[0]}, which "
                f"criteria.{criterion}.methods does not name: name it there, or leave it out here"
            )


def _describe(settings: TrainingSet, written: Sequence[Listed], available: Available, schema: Any) -> None:
    for line in describe_reviews(available.reviews):
        print(line)
    print(f"{len(written)} written examples of {len({example.label for example in written})} labels")
    for label, count in shortages(settings, written, available, schema).items():
        print(f"  {label}: {count} of {settings.per_label}, no more were good enough")
    for method, unit, count, wanted in negative_shortages(settings, written, schema):
        print(f"  {unit} by {method}: {count} of {wanted}, no more were good enough")


def _warn(repetition: Repetition) -> None:
    every, labels = repetition.every, repetition.templates
    if not every.most and not labels:
        return
    print(
        f"warning: {'this set is' if every.most else 'these labels are'} mostly templates. Once names and numbers are "
        f"masked, {every.copies} of {every.texts} texts by LLMs are like another one (different: {every.different}). "
        "Which of them are rejected is up to rules.near_duplicate_masked in params.yaml"
    )
    for label, copies in labels.items():
        print(f"  {label}: {copies.copies} of {copies.texts} (different: {copies.different})")


def _origin(
    params: Params, settings: TrainingSet, task: Task, schema: Any, rules: RuleSettings, dataset: dict[str, Any]
) -> Origin:
    methods = {name: _entry(params, settings, name) for name in settings.sources}
    names = dict.fromkeys(str(method.get("llm")) for method in methods.values())
    llms = llms_of(params, [name for name in names if params.value(f"llms.{name}") is not None])
    return Origin(dataset, methods, llms, rules, task.rules(schema, [], rules).names)


def _entry(params: Params, settings: TrainingSet, method: str) -> Any:
    """What params.yaml says of a method; of blends, the ranking that they are of."""
    if method == BLEND and settings.top is not None:
        ranking = f"rankings.{Path(settings.reads).stem}"
        if (blend := params.value(ranking)["blend"]) is None:
            raise UserError(
                f"a training set takes {BLEND}, and {ranking}.blend is null: leave {BLEND} out of its methods"
            )
        return {"loop": BLEND, **blend}
    return params.value(f"methods.{method}")


if __name__ == "__main__":
    run(main)
