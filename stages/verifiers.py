"""Train the verifiers, whose answers are the criterion `accuracy`: extractors that learnt from the seeds alone.

They are cross-fitted: there are as many as folds, each trained on the seeds outside of its fold and chosen on those in
it. An interrupted run resumes, and ends with the bytes of an uninterrupted one: its state lies in .scratch.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt
from sklearn.model_selection import StratifiedKFold

from relseed.classifier.trainer import EvalPoint, TrainingConfig
from relseed.classifier.training import save_trained, train_extractor
from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params
from relseed.tasks.task import identity, load_task, read_examples, read_schema
from relseed.tracking.run import Run, tracked
from relseed.training.resume import locked, state_folder


class Verifiers(TrainingConfig):
    """What the verifiers are, and how each is trained."""

    encoder: str  # that they start from
    head: str  # a module of relseed.classifier.heads
    folds: int = Field(ge=2)  # of the seeds, at most sample.shots: as many verifiers
    seed: NonNegativeInt  # of the folds and the trainings

    @property
    def training(self) -> TrainingConfig:
        """How each verifier is trained."""
        return TrainingConfig.model_validate(self.model_dump(include=set(TrainingConfig.model_fields)))


def main(labels: Path, seeds: Path, verifiers: Path) -> None:
    """Train one verifier per fold, and write them side by side."""
    params = Params.read()
    settings, task = params.section("verifiers", Verifiers), load_task(params.value("task"))
    schema = read_schema(labels, task)
    examples = read_examples(seeds, task, schema)
    _check_folds(settings, examples)
    described = settings.model_dump()
    decides = {"settings": described, "labels": schema.model_dump(), "seeds": identity(examples)}
    states = [state_folder("verifiers", settings.encoder, fold=fold, **decides) for fold in range(settings.folds)]
    reads = [labels, seeds, Path(settings.encoder)]
    with (
        locked(states),
        tracked("verifiers", params=described, reads=reads, writes=[verifiers]) as log,
        output_folder(verifiers, "fold-*") as folder,
    ):
        for fold, (outside, inside) in enumerate(_folds(settings, examples)):
            verifier, history = train_extractor(
                settings.encoder,
                settings.head,
                settings.training,
                task,
                schema,
                outside,
                inside,
                seed=settings.seed,
                folder=states[fold],
                on_eval=partial(_log, log, fold),
            )
            save_trained(verifier, history, folder / f"fold-{fold}")


def _check_folds(settings: Verifiers, seeds: Sequence[Any]) -> None:
    counts = Counter(seed.label for seed in seeds)
    label, fewest = min(counts.items(), key=lambda entry: entry[1])
    if fewest < settings.folds:
        raise UserError(f"verifiers.folds is {settings.folds}, {label} has {fewest} seeds: lower it, or draw more")


def _folds(settings: Verifiers, seeds: Sequence[Any]) -> Iterator[tuple[list[Any], list[Any]]]:
    """The seeds outside of each fold, and those in it."""
    labels = [seed.label for seed in seeds]
    splitter = StratifiedKFold(settings.folds, shuffle=True, random_state=settings.seed)
    for outside, inside in splitter.split(labels, labels):
        yield [seeds[at] for at in outside], [seeds[at] for at in inside]


def _log(log: Run, fold: int, point: EvalPoint) -> None:
    metrics = {f"loss/fold-{fold}": point.loss, f"validation_micro_f1/fold-{fold}": point.micro_f1}
    log.log_metrics(metrics, step=point.step)


if __name__ == "__main__":
    run(main)
