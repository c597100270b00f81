"""Whether probabilities hold, and what answers score at a share of the negative label other than their own."""

import numpy as np
from numpy.typing import NDArray

SHARES = (0.2, 0.5, 0.8, 0.95)  # of the negative label
BINS = 10  # of equal width, of probabilities


def bins(sure: NDArray[np.float64], correct: NDArray[np.bool_]) -> list[tuple[float, float, int]]:
    """Answers that are about as sure as each other: mean probability, share that is right, number; no empty bins.

    Args:
        sure: The probabilities of answers, [n].
        correct: Whether each is right, [n].
    """
    numbers = np.minimum((sure * BINS).astype(int), BINS - 1)
    each = (numbers == number for number in range(BINS))
    return [
        (float(sure[inside].mean()), float(correct[inside].mean()), int(inside.sum()))
        for inside in each
        if inside.any()
    ]


def calibration_error(sure: NDArray[np.float64], correct: NDArray[np.bool_]) -> float:
    """The expected calibration error of probabilities [n] over ten bins of equal width (Naeini et al. 2015)."""
    return sum(count * abs(probability - right) for probability, right, count in bins(sure, correct)) / len(sure)


def contributions(gold: NDArray[np.int64], answers: NDArray[np.int64], negative: int) -> NDArray[np.int64]:
    """What each example adds to the five counts of `precision_and_f1`, [examples, 5].

    They are: right, asserted of positives, asserted of negatives, positives, negatives.
    """
    positive, asserted = gold != negative, answers != negative
    columns = [asserted & (answers == gold), asserted & positive, asserted & ~positive, positive, ~positive]
    return np.stack(columns, axis=1).astype(np.int64)


def precision_and_f1(counts: NDArray[np.number], share: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Precision and F1 at a share of negatives, of counts [5, ...]: examples are weighted so that negatives have it."""
    right, stated, alarms, positives, negatives = counts.astype(np.float64)
    positives, negatives = (np.where(each > 0, each, 1) for each in (positives, negatives))
    right, stated, alarms = (
        (1 - share) * right / positives,
        (1 - share) * stated / positives,
        share * alarms / negatives,
    )
    asserted = stated + alarms
    precision = np.divide(right, asserted, out=np.zeros_like(right), where=asserted > 0)
    return precision, 2 * right / (asserted + 1 - share)
