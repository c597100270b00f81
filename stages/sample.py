"""Draw the few-shot seeds: K real examples per relation for training, and the validation set.

Reads    data/dataset: relations.jsonl, train.jsonl, validation.jsonl (never the test set)
Writes   data/seeds: train.jsonl, validation.jsonl, draw.json (what was drawn, its hash, leaks between the two)
Alone    python -m stages.sample data/dataset data/seeds
"""

from pathlib import Path
from typing import Literal

from pydantic import Field

from relseed.datasets.draw import FILES, Draw, draw, shortages
from relseed.pipeline.command import run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Section, section
from relseed.quality.duplicates import Leaks, overlaps
from relseed.records.files import write_records
from relseed.tasks.relation import Example, Schema, identity
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tracking.run import tracked


class Sample(Section):
    """How many seeds, which draw, and what training may validate on."""

    shots: int = Field(gt=0)  # K: real examples per relation
    seed: int = Field(gt=0)  # number of the draw
    negative: bool  # draw the negative label, too (else validation, a full one as well, does without it)
    validation: Literal["per_relation", "full"]


def main(dataset: Path, seeds: Path) -> None:
    """Draw, check for leaks, and write."""
    params, leaks = section(Sample), section(Leaks)
    reads = [dataset / name for name in ("relations.jsonl", "train.jsonl", "validation.jsonl")]
    writes = [seeds / name for name in FILES]
    with (
        tracked("sample", params=params.model_dump(), reads=reads, writes=writes) as log,
        output_folder(seeds) as folder,
    ):
        schema = read_schema(dataset / "relations.jsonl")
        train = draw(_pool(dataset / "train.jsonl", schema, params), params.shots, params.seed)
        validation = _pool(dataset / "validation.jsonl", schema, params)
        if params.validation == "per_relation":
            validation = draw(validation, params.shots, params.seed)
        drawn = _describe(params, leaks, schema, train, validation)
        log.log_metrics({"seeds": drawn.train, "validation": drawn.validation})
        write_records(folder / "train.jsonl", train)
        write_records(folder / "validation.jsonl", validation)
        (folder / "draw.json").write_text(drawn.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _pool(path: Path, schema: Schema, params: Sample) -> list[Example]:
    examples = read_examples(path, schema)
    return [example for example in examples if params.negative or example.relation != schema.negative]


def _describe(params: Sample, leaks: Leaks, schema: Schema, train: list[Example], validation: list[Example]) -> Draw:
    """Sum the draw up, for the file and for the reader of the log."""
    labels = [label for label in schema.labels if params.negative or label != schema.negative]
    [overlap] = overlaps({"seeds": train, "validation": validation}, threshold=leaks.near_duplicate)
    drawn = Draw(
        hash=identity(train, validation),
        shots=params.shots,
        seed=params.seed,
        train=len(train),
        validation=len(validation),
        fewer_than_shots=shortages(train, labels, params.shots),
        validation_fewer_than_shots=(
            shortages(validation, labels, params.shots) if params.validation == "per_relation" else {}
        ),
        leaks=overlap,
    )
    print(f"draw {drawn.hash}: {drawn.train} seeds, {drawn.validation} examples for validation")
    for what, short in (
        ("seeds", drawn.fewer_than_shots),
        ("examples for validation", drawn.validation_fewer_than_shots),
    ):
        for label, count in short.items():
            print(f"  {label}: {count} of {params.shots} {what}, the dataset has no more")
    print(overlap.summary())
    return drawn


if __name__ == "__main__":
    run(main)
