"""Accuracy: how likely verifiers find the label of an example, extractors that learnt from the seeds alone.

The stage `verifiers` trains them. The score is the mean of their probabilities.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from relseed.classifier.checkpoint import CONFIG, load_extractor
from relseed.classifier.inference import answer
from relseed.criteria.criterion import CriterionSettings as Settings  # `reads` is the folder with the verifiers
from relseed.criteria.criterion import Score, Scoring
from relseed.pipeline.errors import UserError
from relseed.training.device import device

__all__ = ["Settings", "probabilities", "score"]


def score(scoring: Scoring) -> list[Score]:
    """The mean probability of each example's own label, and the likeliest label as a note where it is another.

    Raises:
        UserError: There are no verifiers, one is not complete, or one knows other labels than the dataset.
    """
    labels = scoring.schema.labels
    each = probabilities(scoring)
    return [_score(example.label, row, labels) for example, row in zip(scoring.examples, each, strict=True)]


def probabilities(scoring: Scoring) -> np.ndarray:
    """The probability of each label for each example, [examples, labels], the mean over the verifiers.

    Raises:
        UserError: There are no verifiers, one is not complete, or one knows other labels than the dataset.
    """
    folders, labels = _folders(Path(scoring.settings.reads)), scoring.schema.labels
    total = np.zeros((len(scoring.examples), len(labels)), dtype=np.float64)
    for folder in folders:
        verifier = load_extractor(folder, device())
        if verifier.schema.labels != labels:
            raise UserError(f"{folder} knows other labels than the dataset: train it again with `dvc repro verifiers`")
        total += answer(verifier, scoring.examples, desc=f"verify, {folder.name}").probabilities
    return total / len(folders)


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
