"""Accuracy: how likely verifiers find the label of an example, extractors that learnt from the seeds alone.

The stage `verifiers` trains them. The score is the mean of their probabilities.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from relseed.classifier.checkpoint import CONFIG, Extractor, load_extractor
from relseed.classifier.inference import answer
from relseed.criteria.criterion import CriterionSettings as Settings  # `reads` is the folder with the verifiers
from relseed.criteria.criterion import Score, Scorer, Scoring
from relseed.pipeline.errors import UserError
from relseed.training.device import device

__all__ = ["Settings", "Verifiers", "scorer"]


def scorer(scoring: Scoring) -> Scorer:
    """The mean probability of each example's own label, and the likeliest label as a note where it is another.

    Raises:
        UserError: There are no verifiers, one is not complete, or one knows other labels than the dataset.
    """
    verifiers, labels = Verifiers(Path(scoring.settings.reads), scoring.schema.labels), scoring.schema.labels

    def score(examples: Sequence[Any]) -> list[Score]:
        each = verifiers.probabilities(examples)
        return [_score(example.label, row, labels) for example, row in zip(examples, each, strict=True)]

    return score


class Verifiers:
    """The verifiers of a folder, in memory."""

    def __init__(self, folder: Path, labels: Sequence[str]) -> None:
        """Load them; `labels` are those of the dataset.

        Raises:
            UserError: There are no verifiers, one is not complete, or one knows other labels than the dataset.
        """
        self._each = [_verifier(found, labels) for found in _folders(folder)]
        self._labels = len(labels)

    def probabilities(self, examples: Sequence[Any]) -> np.ndarray:
        """The probability of each label for each example, [examples, labels], the mean over the verifiers."""
        total = np.zeros((len(examples), self._labels), dtype=np.float64)
        for number, verifier in enumerate(self._each, 1):
            total += answer(verifier, examples, desc=f"verify, {number} of {len(self._each)}").probabilities
        return total / len(self._each)


def _verifier(folder: Path, labels: Sequence[str]) -> Extractor:
    verifier = load_extractor(folder, device())
    if verifier.schema.labels != labels:
        raise UserError(f"{folder} knows other labels than the dataset: train it again with `dvc repro verifiers`")
    return verifier


def _folders(verifiers: Path) -> list[Path]:
    """The folder of each verifier."""
    found = sorted(path.parent for path in verifiers.glob(f"*/{CONFIG}"))
    if not found:
        raise UserError(
            f"{verifiers} holds no verifiers: build them with `dvc repro verifiers`, or pull them (`dvc pull`)"
        )
    return found


def _score(label: str, row: np.ndarray, labels: Sequence[str]) -> Score:
    own, top = labels.index(label), int(row.argmax())
    note = None if top == own else f"top: {labels[top]} p={row[top]:.2f}"
    return Score(float(row[own]), note)
