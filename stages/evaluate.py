"""Score a system's extractors on the untouched test set, beside trivial baselines, and look for leaks into it.

Reads    models/extractor/<system>; data/seeds; data/synthetic/<system>.jsonl; data/dataset: relations, train (baselines
         count in it), test
Writes   results/evaluation/<system>.json: scores over training seeds, confusions, curves, predictions
Alone    python -m stages.evaluate gold models/extractor/gold data/seeds data/synthetic/gold.jsonl data/dataset
         results/evaluation/gold.json
"""

import json
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from relseed.classifier.checkpoint import PRETRAINING, About, load_extractor
from relseed.classifier.inference import probabilities
from relseed.datasets.draw import FILES, Draw
from relseed.evaluation.baselines import baseline_f1
from relseed.evaluation.f1 import score
from relseed.evaluation.record import Baseline, Evaluation, Point, Prediction, PretrainingStep
from relseed.evaluation.summary import by_relation, spread, summed_up
from relseed.generation.mixture import hybrid
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file
from relseed.pipeline.params import Section, section
from relseed.quality.duplicates import Leaks, Overlap, overlaps
from relseed.tasks.relation import Example, Schema
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tracking.run import tracked
from relseed.training.device import device


class Evaluate(Section):
    """What chance enters with."""

    resamples: int = Field(gt=0)  # bootstrap resamples of the test set
    seed: int  # of the bootstrap and of the random baseline


def main(system: str, extractor: Path, seeds: Path, synthetic: Path, dataset: Path, evaluation: Path) -> None:
    """Predict with each training seed's extractor, score, and write."""
    params = section(Evaluate)
    drawn = [seeds / name for name in FILES]
    reads = [extractor, *drawn, synthetic, *(dataset / f"{name}.jsonl" for name in ("relations", "train", "test"))]
    with tracked("evaluate", params=params.model_dump(), reads=reads, writes=[evaluation], system=system) as log:
        schema = read_schema(dataset / "relations.jsonl")
        train, test = (read_examples(dataset / f"{split}.jsonl", schema) for split in ("train", "test"))
        written = read_examples(synthetic, schema, empty=True)
        result = _evaluate(params, system, extractor, schema, train, test, seeds, written)
        log.log_metrics(result.scores.model_dump(exclude_none=True))
        with output_file(evaluation) as partial:
            partial.write_text(result.model_dump_json(indent=1) + "\n", encoding="utf-8")


def _evaluate(
    params: Evaluate,
    system: str,
    folder: Path,
    schema: Schema,
    train: list[Example],
    test: list[Example],
    seeds: Path,
    written: list[Example],
) -> Evaluation:
    folders = _one_per_seed(folder)
    drawn = Draw.model_validate(_read_json(seeds / "draw.json"))
    abouts, predicted = zip(*(_predict(one, schema, test) for one in folders.values()), strict=True)
    gold = [example.relation for example in test]
    each = [score(gold, answers, schema.labels, schema.negative) for answers in predicted]
    curves = [Point(seed=seed, **look) for seed, one in folders.items() for look in _read_json(one / "history.json")]
    return Evaluation(
        system=system,
        encoder=abouts[0].encoder,
        updates=max(point.update for point in curves),
        training_seeds=tuple(folders),
        draw=drawn,
        real=drawn.train if hybrid(system) else 0,
        written=len(written),
        test=len(test),
        labels=schema.labels,
        negative=schema.negative,
        scores=summed_up(gold, predicted, each, labels=schema.labels, negative=schema.negative, **params.model_dump()),
        per_relation=tuple(by_relation(each)),
        confusion=tuple(map(tuple, np.sum([scores.confusion for scores in each], axis=0).tolist())),
        curves=tuple(curves),
        pretraining=tuple(_pretraining(next(iter(folders.values())))),
        baselines={
            name: Baseline(micro_f1=spread([f1]))
            for name, f1 in baseline_f1(train, test, schema, seed=params.seed).items()
        },
        leaks=tuple(_leaks(seeds, schema, written, test)),
        predictions=tuple(
            Prediction(id=example.id, relation=example.relation, predicted=answers)
            for example, answers in zip(test, zip(*predicted, strict=True), strict=True)
        ),
    )


def _one_per_seed(folder: Path) -> dict[int, Path]:
    folders = {int(path.name.removeprefix("seed-")): path for path in folder.glob("seed-*")}
    if not folders:
        raise UserError(f"{folder} holds no extractor: build it with `dvc repro finetune@{folder.name}`")
    return dict(sorted(folders.items()))


def _pretraining(extractor: Path) -> list[PretrainingStep]:
    """The history of the encoder that training started from, if that was pre-trained."""
    history = extractor / PRETRAINING
    return [PretrainingStep(**step) for step in _read_json(history)] if history.exists() else []


def _predict(folder: Path, schema: Schema, test: list[Example]) -> tuple[About, list[str]]:
    """What an extractor was made from, and its answers."""
    extractor = load_extractor(folder, device())
    if extractor.schema.labels != schema.labels:
        raise UserError(f"{folder} knows other relations than the dataset: train it again with `dvc repro finetune`")
    encoded = [extractor.encode(example) for example in test]
    each = probabilities(
        extractor.model, encoded, extractor.pad, extractor.about.precision, desc=f"predict, {folder.name}"
    )
    return extractor.about, [schema.labels[number] for number in each.argmax(-1)]


def _leaks(seeds: Path, schema: Schema, written: list[Example], test: list[Example]) -> list[Overlap]:
    """What of training reaches into the test set, printed as it is found."""
    threshold = section(Leaks).near_duplicate
    sources = {
        "seeds": read_examples(seeds / "train.jsonl", schema),
        "validation": read_examples(seeds / "validation.jsonl", schema),
        "written": written,
    }
    found = []
    for name, source in sources.items():
        found += overlaps({name: source, "test": test}, threshold=threshold)
        print(found[-1].summary())
    return found


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


if __name__ == "__main__":
    run(main)
