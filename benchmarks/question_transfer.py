"""Out of distribution (Lee et al. 2023, their Table 4): classifiers of closed questions of one set, on another's test.

    QA=.../shared/data/qa python -m benchmarks.question_transfer

BoolQ without its passages and StrategyQA, as cut by Lee et al.: draw 1 of eight questions per answer, 80 that grew from
the first of them by a tree (recorded responses of Claude), and as many labelled ones. Each training takes 120 steps and
chooses its weights on the validation split of its own set. Writes benchmarks/question_transfer.json.
"""

import json
import os
import tempfile
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from benchmarks.tuned import merged, run_stage
from relseed.classifier.inference import answer
from relseed.classifier.trainer import TrainingConfig
from relseed.classifier.training import train_extractor
from relseed.datasets.draw import draw
from relseed.evaluation.bootstrap import interval
from relseed.evaluation.f1 import micro_f1
from relseed.evaluation.spread import spread
from relseed.pipeline.command import run
from relseed.pipeline.params import PARAMS, Params
from relseed.tasks.task import Task, identity, load_task, read_examples, read_schema

RESULT = Path("benchmarks/question_transfer.json")
SETS: Mapping[str, str] = {"boolq": "boolq_closed", "strategyqa": "strategyqa"}  # formats, and folders of QA
SEEDS = (1, 2, 3)
LABELLED = 48  # per answer: as many as eight and what grew
STEPS = 120
LABELS, DRAWN = "data/dataset/labels.jsonl", "data/seeds/train.jsonl"


@dataclass(frozen=True)
class Questions:
    """A set: what it is trained on, under names, and what chooses and tests."""

    schema: Any
    training: Mapping[str, Sequence[Any]]
    validation: Sequence[Any]
    test: Sequence[Any]


def main() -> None:
    """Train on each set, test on all, and write."""
    params, task = Params.read(), load_task("yes_no")
    with tempfile.TemporaryDirectory() as name:
        sets = {each: questions(Path(name) / each, params.values, task, each) for each in SETS}
        config = params.section("finetune", _Finetune).model_copy(update={"max_steps": STEPS})
        found = {
            source: {data: _measured(own, data, sets, task, config, Path(name)) for data in own.training}
            for source, own in sets.items()
        }
    majority = {
        name: max(Counter(each.label for each in own.test).values()) / len(own.test) for name, own in sets.items()
    }
    result = {"trained": found, "majority": majority, "tested": {name: len(own.test) for name, own in sets.items()}}
    RESULT.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")


class _Finetune(TrainingConfig):
    seeds: list[int]


def questions(folder: Path, values: Mapping[str, Any], task: Task, name: str) -> Questions:
    """Read a set, draw from it, and take what grew of the first seed from the recorded responses."""
    recorded = Path.cwd() / f"data/recorded/{name}/creator.jsonl"
    creator = {"reads": str(recorded), "per_label": 40, "balanced": False, "negatives": []}
    path = Path(os.environ["QA"]) / SETS[name]
    changes = {
        "task": "yes_no",
        "ingest": {"format": name, "path": str(path)},
        "sample": {"validation": "full"},
        "rules": {"min_words": 3, "max_words": 90},
        "methods": {"creator": creator},
    }
    for part in ("dataset", "seeds", "candidates", "accepted", "rejected"):
        (folder / "data" / part).mkdir(parents=True)
    (folder / PARAMS).write_text(yaml.safe_dump(merged(values, changes)), encoding="utf-8")
    shared, written = ("--labels", LABELS, "--seeds", DRAWN), ("--candidates", "data/candidates")
    run_stage(folder, "ingest", "--dataset", "data/dataset")
    run_stage(folder, "sample", "--dataset", "data/dataset", "--seeds", "data/seeds")
    run_stage(folder, "generate", "--method", "creator", *shared, *written)
    kept = ("--accepted", "data/accepted", "--rejected", "data/rejected", "--summary", ".")
    run_stage(folder, "filter", "--method", "creator", *shared, *written, *kept)
    schema = read_schema(folder / LABELS, task)
    train, validation, test, seeds, grown = (
        read_examples(folder / "data" / part, task, schema)
        for part in (
            *("dataset/train.jsonl", "seeds/validation.jsonl", "dataset/test.jsonl"),
            *("seeds/train.jsonl", "accepted/creator.jsonl"),
        )
    )
    training = {
        "seeds alone": seeds,
        "seeds and a tree": [*seeds, *grown],
        "a tree alone": grown,
        "as many labelled": draw(train, LABELLED, 1),
    }
    return Questions(schema, training, validation, test)


def _measured(
    own: Questions, data: str, sets: Mapping[str, Questions], task: Task, config: TrainingConfig, folder: Path
) -> dict[str, Any]:
    predictions: dict[str, list[list[str]]] = {name: [] for name in sets}
    for seed in SEEDS:
        extractor, _ = train_extractor(
            "models/encoders/plain",
            "first_token",
            config,
            task,
            own.schema,
            own.training[data],
            own.validation,
            seed=seed,
            folder=folder / f"state-{len(own.training[data])}-{identity(own.training[data])}-{seed}",
            on_eval=lambda _: None,
        )
        for name, each in sets.items():
            found = answer(extractor, each.test).probabilities.argmax(axis=1)
            predictions[name].append([own.schema.labels[at] for at in found])
    golds = {name: [example.label for example in each.test] for name, each in sets.items()}
    return {
        "questions": len(own.training[data]),
        "accuracy": {name: _accuracy(golds[name], each) for name, each in predictions.items()},
    }


def _accuracy(gold: Sequence[str], predicted: Sequence[Sequence[str]]) -> dict[str, float]:
    ends = interval(gold, predicted, None)
    return {
        **spread([micro_f1(gold, each, None) for each in predicted]).model_dump(),
        "low": ends.low,
        "high": ends.high,
    }


if __name__ == "__main__":
    run(main)
