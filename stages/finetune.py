"""Train the extractor of a system: one per random seed, the best evaluation on validation kept.

An interrupted run resumes, and ends with the bytes of an uninterrupted one: its state lies in .scratch.
"""

import json
import shutil
from collections import Counter
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, field_validator

from relseed.classifier.checkpoint import PRETRAINING, Extractor, save_extractor
from relseed.classifier.serving import write_mlflow_model
from relseed.classifier.trainer import EvalPoint, TrainingConfig
from relseed.classifier.training import train_extractor
from relseed.evaluation.system import System
from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params
from relseed.tasks.task import identity, load_task, read_examples, read_schema
from relseed.tracking.run import Run, tracked
from relseed.training.resume import locked, state_folder


class Finetune(TrainingConfig):
    """How to train each extractor, and with which random seeds."""

    seeds: list[NonNegativeInt] = Field(min_length=1)  # one extractor each

    @field_validator("seeds")
    @classmethod
    def _differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise ValueError("a seed is there twice")
        return seeds


def main(system: Entry, labels: Path, validation: Path, extractors: Path) -> None:
    """Train one extractor per random seed and write them side by side."""
    params = Params.read()
    config, chosen = params.section("finetune", Finetune), params.section(f"systems.{system}", System)
    task = load_task(params.value("task"))
    schema = read_schema(labels, task)
    cure = "build it with `dvc repro`"
    train = read_examples(Path(chosen.train), task, schema, cure=cure)
    chosen_on = read_examples(validation, task, schema)
    _describe(system, chosen, train)
    recipe = TrainingConfig.model_validate(config.model_dump(include=set(TrainingConfig.model_fields)))
    deciding = {"labels": schema.model_dump(), "data": identity(train, chosen_on)}
    states = {seed: _state(chosen, recipe, seed, deciding) for seed in config.seeds}
    start = (chosen.encoder, chosen.head, recipe, task, schema)
    reads = [labels, Path(chosen.train), validation, Path(chosen.encoder)]
    described = {**config.model_dump(), **chosen.model_dump()}
    with (
        locked(states.values()),
        tracked("finetune", params=described, reads=reads, writes=[extractors / system], system=system) as log,
        output_folder(extractors / system) as folder,
    ):
        for seed, state in states.items():
            on_eval = partial(_log, log, seed)
            extractor, history = train_extractor(*start, train, chosen_on, seed=seed, folder=state, on_eval=on_eval)
            if note := extractor.head.lacking(train, extractor.config.options):
                print(f"note: {note}")
            _write(extractor, history, Path(chosen.encoder), folder / f"seed-{seed}")
        write_mlflow_model(folder, task, chosen.head)


def _state(chosen: System, recipe: TrainingConfig, seed: int, deciding: dict[str, Any]) -> Path:
    """Where the training of one random seed keeps its state."""
    settings = {"recipe": recipe.model_dump(), "head": chosen.head, "seed": seed}
    return state_folder("finetune", chosen.encoder, **settings, **deciding)


def _describe(system: str, chosen: System, train: list[Any]) -> None:
    origins = Counter(example.method or "seeds" for example in train)
    parts = ", ".join(f"{count} {origin}" for origin, count in origins.items())
    print(f"{system} starts from {chosen.encoder} under {chosen.head} and trains on {len(train)} examples: {parts}")


def _log(log: Run, seed: int, point: EvalPoint) -> None:
    metrics = {f"loss/seed-{seed}": point.loss, f"validation_micro_f1/seed-{seed}": point.micro_f1}
    log.log_metrics(metrics, step=point.step)


def _write(extractor: Extractor, history: list[EvalPoint], encoder: Path, folder: Path) -> None:
    folder.mkdir()
    save_extractor(extractor, folder)
    text = json.dumps([asdict(point) for point in history], indent=2)
    (folder / "history.json").write_text(text + "\n", encoding="utf-8")
    if extractor.config.pretraining:
        shutil.copyfile(encoder / "history.json", folder / PRETRAINING)


if __name__ == "__main__":
    run(main)
