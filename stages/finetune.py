"""Train and calibrate the extractor of a system: one per random seed, of the weights that validation keeps.

An interrupted run resumes, and ends with the bytes of an uninterrupted one: its state lies in .scratch.
"""

import math
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, field_validator

from relseed.classifier.calibration import Calibrate
from relseed.classifier.checkpoint import PRETRAINING, Extractor
from relseed.classifier.cross_fitting import decision_of, folds_of
from relseed.classifier.decision import Decision
from relseed.classifier.encoding import unread_share
from relseed.classifier.inference import states_of
from relseed.classifier.serving import MLFLOW_MODEL, write_mlflow_model
from relseed.classifier.trainer import EvalPoint, TrainingConfig
from relseed.classifier.training import save_trained, train_extractor
from relseed.evaluation.system import System
from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params
from relseed.tasks.task import Task, identity, load_task, read_examples, read_schema
from relseed.tracking.run import Run, tracked
from relseed.training.resume import locked, state_folder

_UNREAD = 0.01  # share of letters that an encoder does not know, from which the stage says so


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
class _Training:
    """A training with a random seed: of an extractor, or of one that labels what is outside of a fold."""

    system: System
    config: TrainingConfig
    task: Task
    schema: Any
    train: list[Any]
    validation: list[Any]
    seed: int

    @cached_property
    def state(self) -> Path:
        """Where it keeps its state."""
        chosen = self.system.model_dump(include={"head", "loss", "negative_weight"})
        settings = {"recipe": self.config.model_dump(), **chosen, "seed": self.seed}
        deciding = {"labels": self.schema.model_dump(), "data": identity(self.train, self.validation)}
        return state_folder("finetune", self.system.encoder, **settings, **deciding)

    def by_fold(self, count: int) -> "ByFold":
        """A training on the inside of each fold, which goes as often over it as this one does over the whole."""
        parts = []
        for inside, outside in folds_of(self.task, self.train, count, self.seed):
            steps = math.ceil(self.config.max_steps * len(inside) / len(self.train))
            shorter = self.config.model_copy(update={"max_steps": steps})
            parts.append((replace(self, train=inside, config=shorter), outside))
        return parts

    def run(self, on_eval: Callable[[EvalPoint], None]) -> tuple[Extractor, list[EvalPoint]]:
        """The extractor of the evaluation that is kept, which knows its training set, and all evaluations."""
        extractor, history = train_extractor(
            self.system.encoder,
            self.system.head,
            self.config,
            self.task,
            self.schema,
            self.train,
            self.validation,
            seed=self.seed,
            folder=self.state,
            on_eval=on_eval,
            loss=self.system.loss,
            negative_weight=self.system.negative_weight,
        )
        return replace(extractor, learnt=states_of(extractor, self.train)), history


ByFold = list[tuple[_Training, list[Any]]]  # trainings on the inside of a fold, and its outside


def main(system: Entry, labels: Path, validation: Path, extractors: Path) -> None:
    """Train and calibrate one extractor per random seed, and write them side by side."""
    params = Params.read()
    config, chosen = params.section("finetune", Finetune), params.section(f"systems.{system}", System)
    calibrate, task = params.section("calibrate", Calibrate), load_task(params.value("task"))
    schema = read_schema(labels, task)
    train = read_examples(Path(chosen.train), task, schema, cure="build it with `dvc repro`")
    _describe(system, chosen, train)
    shared = (chosen, _training_config(config, chosen), task, schema, train, read_examples(validation, task, schema))
    trainings = [_Training(*shared, seed) for seed in config.seeds]
    by_fold = {training.seed: training.by_fold(calibrate.folds) for training in trainings}
    states = [training.state for training in (*trainings, *(part for parts in by_fold.values() for part, _ in parts))]
    reads = [labels, Path(chosen.train), validation, Path(chosen.encoder)]
    described = {**config.model_dump(), **calibrate.model_dump(), **chosen.model_dump(exclude_none=True)}
    with (
        locked(states),
        tracked("finetune", params=described, reads=reads, writes=[extractors / system], system=system) as log,
        output_folder(extractors / system, "seed-*", *MLFLOW_MODEL) as folder,
    ):
        for training in trainings:
            extractor, history = training.run(partial(_log, log, training.seed))
            if note := extractor.head.lacking(train, extractor.config.options):
                print(f"note: {note}")
            if training.seed == config.seeds[0]:
                _describe_unread(extractor, chosen.encoder, train)
            calibrated = _calibrated(extractor, training, by_fold[training.seed], calibrate)
            _write(calibrated, history, Path(chosen.encoder), folder / f"seed-{training.seed}")
        write_mlflow_model(folder, task, chosen.head, chosen.loss)


def _training_config(config: Finetune, chosen: System) -> TrainingConfig:
    own = {}
    if chosen.max_steps is not None:  # as many evaluations as others have
        own = {"max_steps": chosen.max_steps, "eval_steps": chosen.max_steps * config.eval_steps // config.max_steps}
    return TrainingConfig.model_validate(config.model_dump(include=set(TrainingConfig.model_fields)) | own)


def _calibrated(extractor: Extractor, training: _Training, by_fold: ByFold, calibrate: Calibrate) -> Extractor:
    """The extractor with its decision."""
    others = ((part.run(lambda point: None)[0], outside) for part, outside in by_fold)
    decision = decision_of(extractor, training.validation, others, calibrate, training.system.score)
    print(f"seed {training.seed}: {_described(decision)}")
    return replace(extractor, config=replace(extractor.config, decision=decision))


def _described(decision: Decision) -> str:
    threshold = "" if decision.negatives is None else f", threshold {decision.threshold:.2f} of {decision.score}"
    examples = ", ".join(f"{count} {kind}" for kind, count in decision.fitted_on.items())
    return f"temperature {decision.temperature:.2f}{threshold}, fitted on held-out examples: {examples}"


def _describe(system: str, chosen: System, train: list[Any]) -> None:
    origins = Counter(example.method or "seeds" for example in train)
    parts = ", ".join(f"{count} {origin}" for origin, count in origins.items())
    print(f"{system} starts from {chosen.encoder} under {chosen.head} and trains on {len(train)} examples: {parts}")


def _describe_unread(extractor: Extractor, encoder: str, train: list[Any]) -> None:
    texts = [text for example in train for text in extractor.task.texts(example) if text]
    if (share := unread_share(extractor.tokenizer, texts)) >= _UNREAD:
        print(
            f"note: {share:.0%} of the letters in training are unknown to {encoder}: take an encoder of the language "
            "or of many, such as xlm-roberta-base"
        )


def _log(log: Run, seed: int, point: EvalPoint) -> None:
    metrics = {f"loss/seed-{seed}": point.loss, f"validation_micro_f1/seed-{seed}": point.micro_f1}
    log.log_metrics(metrics, step=point.step)


def _write(extractor: Extractor, history: list[EvalPoint], encoder: Path, folder: Path) -> None:
    save_trained(extractor, history, folder)
    if extractor.config.pretraining:
        shutil.copyfile(encoder / "history.json", folder / PRETRAINING)


if __name__ == "__main__":
    run(main)
