"""How sure a micro-F1 is: a percentile bootstrap over the test examples (Efron 1979)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relseed.evaluation.f1 import Label

COVERAGE = 0.95


@dataclass(frozen=True, slots=True)
class Interval:
    """The ends of a 95 % interval."""

    low: float
    high: float


def interval(
    gold: ArrayLike, predictions: ArrayLike, negative: Label | None, *, resamples: int = 2000, seed: int = 1
) -> Interval:
    """Bootstrap the micro-F1, averaged over random seeds, over the test examples.

    Every random seed is scored on the same resampled examples. The interval tells how the score would move with
    another test set of this size; the spread over random seeds and over draws comes on top.

    Args:
        gold: The right labels, [examples].
        predictions: The predicted labels, [random seeds, examples].
        negative: The label that asserts no relation.
        resamples: How many test sets to draw.
        seed: Of the draws: the same seed gives the same interval.

    Raises:
        ValueError: The shapes do not fit together, or there is no example.
    """
    right_labels, predicted = _checked(gold, predictions)
    counts = resampled(_contributions(right_labels, predicted, negative), resamples, seed)
    return _ends(_mean_f1(counts, len(predicted)))


def difference(
    gold: ArrayLike,
    ours: ArrayLike,
    theirs: ArrayLike,
    negative: Label | None,
    *,
    resamples: int = 2000,
    seed: int = 1,
) -> Interval:
    """Bootstrap by how much our micro-F1 is above theirs, both averaged over trainings, over the test examples.

    Both are scored on the same resampled examples. Arguments and errors are those of `interval`.
    """
    right_labels, mine = _checked(gold, ours)
    _, other = _checked(gold, theirs)
    both = np.hstack([_contributions(right_labels, each, negative) for each in (mine, other)])
    counts, width = resampled(both, resamples, seed), 2 * len(mine)
    return _ends(_mean_f1(counts[:, :width], len(mine)) - _mean_f1(counts[:, width:], len(other)))


def _checked(gold: ArrayLike, predictions: ArrayLike) -> tuple[NDArray[np.generic], NDArray[np.generic]]:
    right_labels, predicted = np.asarray(gold), np.asarray(predictions)
    if predicted.ndim != 2 or right_labels.shape != predicted.shape[1:] or not predicted.size:
        raise ValueError(f"gold {right_labels.shape} and predictions {predicted.shape} are not [n] and [seeds, n]")
    return right_labels, predicted


def resampled(contributions: NDArray[np.int64], resamples: int, seed: int) -> NDArray[np.int64]:
    """The counts of each resample, [resamples, counts]."""
    kinds, frequencies = np.unique(contributions, axis=0, return_counts=True)
    # Examples that add the same to every count are interchangeable, so drawing how many of each kind a resample
    # holds has the same distribution as drawing examples, and there are far fewer kinds than examples.
    size = len(contributions)
    return np.random.default_rng(seed).multinomial(size, frequencies / size, size=resamples) @ kinds


def _ends(scores: NDArray[np.float64]) -> Interval:
    low, high = np.quantile(scores, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return Interval(float(low), float(high))


def _contributions(
    gold: NDArray[np.generic], predicted: NDArray[np.generic], negative: Label | None
) -> NDArray[np.int64]:
    """What each example adds to right and to gold + proposed, [examples, 2 * random seeds]."""
    actual = _positive(gold, negative)
    right = (predicted == gold) & actual
    asserted = _positive(predicted, negative).astype(np.int64) + actual
    return np.concatenate([right.astype(np.int64), asserted]).T


def _positive(labels: NDArray[np.generic], negative: Label | None) -> NDArray[np.bool_]:
    return np.ones(labels.shape, bool) if negative is None else labels != negative


def _mean_f1(counts: NDArray[np.int64], seeds: int) -> NDArray[np.float64]:
    """F1 = 2 right / (gold + proposed), averaged over random seeds, [resamples]."""
    right, asserted = counts[:, :seeds], counts[:, seeds:]
    return (2 * right / np.maximum(asserted, 1)).mean(axis=1)
