"""Precision, recall and F1 of predicted labels, as fractions from 0 to 1.

Labels are texts or class numbers: gold, predicted, `labels` and `negative` of one call in the same form.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support
from sklearn.utils import check_consistent_length

Label = str | int


@dataclass(frozen=True, slots=True)
class Averages:
    """Precision, recall and F1 averaged over labels."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True)
class LabelScore:
    """How well one label was found; `support` counts its gold examples."""

    label: Label
    precision: float
    recall: float
    f1: float
    support: int
    negative: bool


@dataclass(frozen=True, slots=True)
class Scores:
    """Everything that one run of an extractor over one test set is scored by.

    Attributes:
        micro: Over all labels except the negative one.
        macro: Over the labels that have gold examples, except the negative one.
        accuracy: Over all examples, those of the negative label included.
        labels: Every label of the schema in its order, the negative one included and marked.
        confusion: Counts, [gold label, predicted label] in the schema's order.
    """

    micro: Averages
    macro: Averages
    accuracy: float
    labels: tuple[LabelScore, ...]
    confusion: NDArray[np.int64]


def micro_f1(gold: ArrayLike, predicted: ArrayLike, negative: Label | None) -> float:
    """F1 over all labels except the negative one, as KnowPrompt, PTR and GenPT compute it.

    0 when nothing is right. With no negative label (None) it equals the accuracy.

    Args:
        gold: The right labels, [examples].
        predicted: The predicted labels, [examples].
        negative: The label that asserts no relation.

    Raises:
        ValueError: `gold` and `predicted` differ in length.
    """
    return _averages(gold, predicted, np.union1d(gold, predicted), negative, "micro").f1


def score(gold: ArrayLike, predicted: ArrayLike, labels: Sequence[Label], negative: Label | None) -> Scores:
    """Score one prediction per example.

    A label without gold examples has no recall, so the macro average leaves it out, as SemEval's scorer does.

    Args:
        gold: The right labels, [examples].
        predicted: The predicted labels, [examples].
        labels: All labels in the schema's order.
        negative: The label that asserts no relation.

    Raises:
        ValueError: `gold` and `predicted` differ in length, or hold a label that `labels` lacks.
    """
    if unknown := set(np.union1d(gold, predicted).tolist()) - set(labels):
        raise ValueError(f"labels outside the schema: {sorted(unknown)}")
    return Scores(
        micro=_averages(gold, predicted, labels, negative, "micro"),
        macro=_averages(gold, predicted, np.unique(gold), negative, "macro"),
        accuracy=float(accuracy_score(gold, predicted)),
        labels=_per_label(gold, predicted, labels, negative),
        confusion=confusion_matrix(gold, predicted, labels=labels),
    )


def _averages(gold: ArrayLike, predicted: ArrayLike, labels: ArrayLike, negative: Label | None, over: str) -> Averages:
    check_consistent_length(gold, predicted)
    positives = [label for label in np.asarray(labels).tolist() if label != negative]
    if not positives:  # scikit-learn cannot average over nothing
        return Averages(0.0, 0.0, 0.0)
    precision, recall, f1, _ = precision_recall_fscore_support(
        gold, predicted, labels=positives, average=over, zero_division=0
    )
    return Averages(float(precision), float(recall), float(f1))


def _per_label(
    gold: ArrayLike, predicted: ArrayLike, labels: Sequence[Label], negative: Label | None
) -> tuple[LabelScore, ...]:
    columns = precision_recall_fscore_support(gold, predicted, labels=labels, zero_division=0)
    return tuple(
        LabelScore(label, float(precision), float(recall), float(f1), int(support), label == negative)
        for label, precision, recall, f1, support in zip(labels, *columns, strict=True)
    )
