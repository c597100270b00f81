"""Draw the few-shot seeds: K real examples per label for training, and the validation set; never from the test set."""

from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from relseed.datasets.draw import FILES, Draw, draw, shortages
from relseed.pipeline.command import run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params, Section
from relseed.quality.duplicates import Contamination, overlaps
from relseed.records.files import write_records
from relseed.tasks.task import Task, identity, load_task, read_examples, read_schema
from relseed.tracking.run import tracked


class Sample(Section):
    """How many seeds, which draw, and what training may validate on."""

    shots: int = Field(gt=0)  # K: real examples per label
    seed: int = Field(gt=0)  # number of the draw
    negative: bool  # draw the negative label, too (else validation, a full one as well, does without it)
    validation: Literal["per_label", "full"]


def main(dataset: Path, seeds: Path) -> None:
    """Draw, look for texts that are in both, and write."""
    params = Params.read()
    settings, task = params.section("sample", Sample), load_task(params.value("task"))
    threshold = params.section("contamination", Contamination).near_duplicate
    reads = [dataset / name for name in ("labels.jsonl", "train.jsonl", "validation.jsonl")]
    writes = [seeds / name for name in FILES]
    with (
        tracked("sample", params=settings.model_dump(), reads=reads, writes=writes) as log,
        output_folder(seeds, *FILES) as folder,
    ):
        schema = read_schema(dataset / "labels.jsonl", task)
        train, validation = (
            _split(dataset / f"{name}.jsonl", task, schema, settings) for name in ("train", "validation")
        )
        train = draw(train, settings.shots, settings.seed)
        if settings.validation == "per_label":
            validation = draw(validation, settings.shots, settings.seed)
        drawn = _describe(settings, threshold, task, schema, train, validation)
        log.log_metrics({"seeds": drawn.train, "validation": drawn.validation})
        write_records(folder / "train.jsonl", train)
        write_records(folder / "validation.jsonl", validation)
        (folder / "draw.json").write_text(drawn.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _split(path: Path, task: Task, schema: Any, settings: Sample) -> list[Any]:
    examples = read_examples(path, task, schema)
    return [example for example in examples if settings.negative or example.label != schema.negative]


def _describe(
    settings: Sample, threshold: float, task: Task, schema: Any, train: list[Any], validation: list[Any]
) -> Draw:
    """Sum the draw up, for the file and for the reader of the log."""
    labels = [label for label in schema.labels if settings.negative or label != schema.negative]
    [overlap] = overlaps({"seeds": train, "validation": validation}, task.text, threshold=threshold)
    per_label = settings.validation == "per_label"
    drawn = Draw(
        hash=identity(train, validation),
        shots=settings.shots,
        seed=settings.seed,
        train=len(train),
        validation=len(validation),
        fewer_than_shots=shortages(train, labels, settings.shots),
        validation_fewer_than_shots=shortages(validation, labels, settings.shots) if per_label else {},
        contamination=overlap,
    )
    print(f"draw {drawn.hash}: {drawn.train} seeds, {drawn.validation} examples for validation")
    short = (("seeds", drawn.fewer_than_shots), ("examples for validation", drawn.validation_fewer_than_shots))
    for what, counts in short:
        for label, count in counts.items():
            print(f"  {label}: {count} of {settings.shots} {what}, the dataset has no more")
    print(overlap.summary())
    return drawn


if __name__ == "__main__":
    run(main)
