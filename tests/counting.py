"""Micro-F1 by counting, to hold quicker ways against."""

from collections.abc import Sequence

import numpy as np


def f1_by_hand(gold: Sequence[int] | np.ndarray, predicted: Sequence[int] | np.ndarray, negative: int | None) -> float:
    """Of labels and predictions, as class numbers."""
    right = proposed = actual = 0
    for label, guess in zip(gold, predicted, strict=True):
        actual += label != negative
        proposed += guess != negative
        right += label == guess and label != negative
    if right == 0:
        return 0.0
    precision, recall = right / proposed, right / actual
    return 2 * precision * recall / (precision + recall)
