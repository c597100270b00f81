"""Whether probabilities hold, and the shares of the negative label at which scores are told."""

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
