"""Train and calibrate the extractor of a system: one per random seed, the best evaluation on validation kept.

An interrupted run resumes, and ends with the bytes of an uninterrupted one: its state lies in .scratch.
"""

import json
import math
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, field_validator

from relseed.classifier.calibration import Calibrate
from relseed.classifier.checkpoint import PRETRAINING, Extractor, save_extractor
from relseed.classifier.cross_fitting import decision_of
from relseed.classifier.inference import states_of
from relseed.classifier.serving import write_mlflow_model
from relseed.classifier.trainer import EvalPoint, TrainingConfig
from relseed.classifier.training import train_extractor
from relseed.evaluation.system import System
from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params
from relseed.tasks.task import Task, identity, load_task, read_examples, read_schema
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


@dataclass(frozen=True)
class _Recipe:
    """All that the trainings of a system share."""

    system: System
    config: TrainingConfig
    task: Task
    schema: Any
    validation: list[Any]

    def train(
        self, train: Sequence[Any], seed: int, fold: int | None, on_eval: Callable[[EvalPoint], None]
    ) -> tuple[Extractor, list[EvalPoint]]:
        """Train with a random seed, the extractor itself or that of a fold."""
        chosen, folder = self.system, self._state(train, seed, fold)
        with locked([folder]):
            return train_extractor(
                chosen.encoder,
                chosen.head,
                self.config,
                self.task,
                self.schema,
                train,
                self.validation,
                seed=seed,
                folder=folder,
                on_eval=on_eval,
                loss=chosen.loss,
                negative_weight=chosen.negative_weight,
            )

    def _state(self, train: Sequence[Any], seed: int, fold: int | None) -> Path:
        """Where a training keeps its state."""
        chosen = self.system.model_dump(include={"head", "loss", "negative_weight"})
        settings = {"recipe": self.config.model_dump(), **chosen, "seed": seed, "fold": fold}
        deciding = {"labels": self.schema.model_dump(), "data": identity(train, self.validation)}
        return state_folder("finetune", self.system.encoder, **settings, **deciding)


def main(system: Entry, labels: Path, validation: Path, extractors: Path) -> None:
    """Train and calibrate one extractor per random seed, and write them side by side."""
    params = Params.read()
    config, chosen = params.section("finetune", Finetune), params.section(f"systems.{system}", System)
    calibrate = params.section("calibrate", Calibrate)
    task = load_task(params.value("task"))
    schema = read_schema(labels, task)
    train = read_examples(Path(chosen.train), task, schema, cure="build it with `dvc repro`")
    _describe(system, chosen, train)
    recipe = _Recipe(chosen, _training(config, chosen), task, schema, read_examples(validation, task, schema))
    reads = [labels, Path(chosen.train), validation, Path(chosen.encoder)]
    described = {**config.model_dump(), **calibrate.model_dump(), **chosen.model_dump(exclude_none=True)}
    with (
        tracked("finetune", params=described, reads=reads, writes=[extractors / system], system=system) as log,
        output_folder(extractors / system) as folder,
    ):
        for seed in config.seeds:
            extractor, history = recipe.train(train, seed, None, partial(_log, log, seed))
            if note := extractor.head.lacking(train, extractor.config.options):
                print(f"note: {note}")
            calibrated = _calibrated(extractor, recipe, train, calibrate, seed)
            _write(calibrated, history, Path(chosen.encoder), folder / f"seed-{seed}")
        write_mlflow_model(folder, task, chosen.head, chosen.loss)


def _training(config: Finetune, chosen: System) -> TrainingConfig:
    own = {}
    if chosen.max_steps is not None:  # as many evaluations as others have: the best of more would be a luckier one
        own = {"max_steps": chosen.max_steps, "eval_steps": chosen.max_steps * config.eval_steps // config.max_steps}
    return TrainingConfig.model_validate(config.model_dump(include=set(TrainingConfig.model_fields)) | own)


def _calibrated(extractor: Extractor, recipe: _Recipe, train: list[Any], calibrate: Calibrate, seed: int) -> Extractor:
    """The extractor with its decision, and with what it learnt from."""

    def train_fold(inside: Sequence[Any], fold: int) -> Extractor:
        # As often over its part as the extractor went over the whole.
        steps = math.ceil(recipe.config.max_steps * len(inside) / len(train))
        shorter = replace(recipe, config=recipe.config.model_copy(update={"max_steps": steps}))
        return shorter.train(inside, seed, fold, lambda point: None)[0]

    score = recipe.system.score
    decision = decision_of(extractor, train, recipe.validation, calibrate, score, seed, train_fold)
    print(f"temperature {decision.temperature:.2f}, threshold {decision.threshold:.2f}, fitted on {decision.fitted_on}")
    config = replace(extractor.config, decision=decision)
    return replace(extractor, config=config, learnt=states_of(extractor, train))


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
