"""Accuracy: how likely verifiers find the label of an example, extractors that learnt from the seeds alone.

They are cross-fitted: there are as many as folds, each trained on the seeds outside of its fold and chosen on those in
it. The score is the mean of their probabilities.
"""

from collections import Counter
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field, NonNegativeInt
from sklearn.model_selection import StratifiedKFold

from relseed.classifier.inference import answer
from relseed.classifier.trainer import EvalPoint, TrainingConfig
from relseed.classifier.training import train_extractor
from relseed.criteria.criterion import CriterionSettings, Score, Scoring
from relseed.pipeline.errors import UserError
from relseed.tasks.task import identity
from relseed.training.resume import locked, state_folder


class Settings(CriterionSettings, TrainingConfig):
    """The verifiers: `reads` is the encoder that they start from."""

    head: str  # a module of relseed.classifier.heads
    folds: int = Field(ge=2)  # of the seeds, at most sample.shots: as many verifiers
    seed: NonNegativeInt  # of the folds and the trainings

    @property
    def training(self) -> TrainingConfig:
        """How each verifier is trained."""
        return TrainingConfig.model_validate(self.model_dump(include=set(TrainingConfig.model_fields)))


def score(scoring: Scoring) -> list[Score]:
    """The mean probability of each example's own label, and the likeliest label as a note where it is another.

    Raises:
        UserError: A label has fewer seeds than there are folds, or the verifiers cannot be trained.
    """
    settings: Settings = scoring.settings
    _check_folds(settings, scoring.seeds)
    folders = [_folder(scoring, fold) for fold in range(settings.folds)]
    with locked(folders):
        each = cross_validated_probabilities(scoring, folders)
    labels = scoring.schema.labels
    return [_score(example.label, row, labels) for example, row in zip(scoring.examples, each, strict=True)]


def _check_folds(settings: Settings, seeds: Sequence[Any]) -> None:
    counts = Counter(seed.label for seed in seeds)
    label, fewest = min(counts.items(), key=lambda entry: entry[1])
    if fewest < settings.folds:
        raise UserError(f"accuracy.folds is {settings.folds}, {label} has {fewest} seeds: lower it, or draw more")


def _folder(scoring: Scoring, fold: int) -> Path:
    settings = scoring.settings
    return state_folder(
        "score",
        settings.reads,
        settings=settings.model_dump(),
        fold=fold,
        labels=scoring.schema.model_dump(),
        seeds=identity(scoring.seeds),
    )


def cross_validated_probabilities(scoring: Scoring, folders: Sequence[Path]) -> np.ndarray:
    """The probability of each label for each example, [examples, labels]; a folder for the state of each training."""
    settings, seeds = scoring.settings, scoring.seeds
    total = np.zeros((len(scoring.examples), len(scoring.schema.labels)), dtype=np.float64)
    labels = [seed.label for seed in seeds]
    splits = StratifiedKFold(len(folders), shuffle=True, random_state=settings.seed).split(labels, labels)
    for fold, (inside, outside) in enumerate(splits):
        verifier, _ = train_extractor(
            settings.reads,
            settings.head,
            settings.training,
            scoring.task,
            scoring.schema,
            [seeds[at] for at in inside],
            [seeds[at] for at in outside],
            seed=settings.seed,
            folder=folders[fold],
            on_eval=partial(_log, scoring, fold),
        )
        total += answer(verifier, scoring.examples, desc=f"verify, fold {fold}").probabilities
    return total / len(folders)


def _log(scoring: Scoring, fold: int, point: EvalPoint) -> None:
    scoring.log({f"micro_f1/fold-{fold}": point.micro_f1}, point.step)


def _score(label: str, row: np.ndarray, labels: Sequence[str]) -> Score:
    own, top = labels.index(label), int(row.argmax())
    note = None if top == own else f"top: {labels[top]} p={row[top]:.2f}"
    return Score(float(row[own]), note)
