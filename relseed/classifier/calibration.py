"""Fitting a decision to examples that the extractor did not learn from (Guo et al. 2017; Saerens et al. 2002).

A few examples of each label say how sure to be of what is stated. How often nothing is stated they cannot say: that
share is a setting, and the examples are weighted to it.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, field_validator
from scipy.optimize import minimize

from relseed.classifier.decision import Decision, Read, Score, softmax
from relseed.evaluation.calibration import SHARES, calibration_error
from relseed.pipeline.params import Section

_LEAST, _MOST = 0.05, 20.0  # temperatures
_STEPS = 200  # thresholds that are tried
_TOLERANCE = 0.005  # of F1, within which a threshold is as good as the best
_UNLIKE = 0.02  # share of held-out examples that pass for like nothing in training


class Calibrate(Section):
    """How logits become probabilities and an answer."""

    folds: NonNegativeInt  # of the training set, each labelled by an extractor that learnt from the others; 0: none
    negatives: float = Field(gt=0, lt=1)  # share of the negative label for which probabilities hold
    threshold_negatives: float = Field(gt=0, lt=1)  # share of the negative label at which the threshold is best

    @field_validator("folds")
    @classmethod
    def _more_than_one(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("one fold leaves nothing to learn from: give 0 or at least 2")
        return folds


@dataclass(frozen=True, slots=True)
class Held:
    """What was read of examples that the extractor did not learn from, and their class numbers [n]."""

    read: Read
    classes: NDArray[np.int64]

    @classmethod
    def of(cls, parts: Sequence["Held"]) -> "Held":
        """All of them together."""
        logits = np.concatenate([part.read.logits for part in parts])
        similarities = np.concatenate([part.read.similarities for part in parts])
        return cls(Read(logits, similarities), np.concatenate([part.classes for part in parts]))


def fit(held: Held, negative: int | None, score: Score, settings: Calibrate) -> Decision:
    """The temperature and the bias that make the held-out labels likeliest, then the threshold with the best F1.

    Without a negative label, or a held-out example of it, there is a temperature alone.
    """
    least = float(np.quantile(held.read.similarities, _UNLIKE))
    nothing = np.zeros(len(held.classes), bool) if negative is None else held.classes == negative
    if negative is None or not nothing.any() or nothing.all():
        temperature, _ = _likeliest(held, None, np.ones(len(nothing)))
        return Decision(temperature, least_similarity=least)
    temperature, bias = _likeliest(held, negative, weights(nothing, settings.negatives))
    decision = Decision(temperature, bias, settings.negatives, score, least_similarity=least)
    importance = weights(nothing, settings.threshold_negatives)
    return replace(decision, threshold=_best_threshold(decision, held, negative, importance))


def weights(nothing: NDArray[np.bool_], share: float) -> NDArray[np.float64]:
    """What each example counts, [n], so that those of the negative label (`nothing`) are this share; the mean is 1."""
    return np.where(nothing, share / nothing.mean(), (1 - share) / (1 - nothing.mean()))


def _likeliest(held: Held, negative: int | None, importance: NDArray[np.float64]) -> tuple[float, float]:
    rows = np.arange(len(held.classes))

    def loss(values: NDArray[np.float64]) -> float:
        logits = held.read.logits / np.exp(values[0])
        if negative is not None:
            logits[:, negative] += values[1]
        return float(-(importance * np.log(softmax(logits)[rows, held.classes] + 1e-12)).mean())

    bounds = [(np.log(_LEAST), np.log(_MOST)), (-20, 20) if negative is not None else (0, 0)]
    found = minimize(loss, np.zeros(2), method="L-BFGS-B", bounds=bounds)
    return float(np.exp(found.x[0])), float(found.x[1])


def _best_threshold(decision: Decision, held: Held, negative: int, importance: NDArray[np.float64]) -> float:
    """The middle of the thresholds whose F1 is nearly the best: a single peak says little."""
    probabilities = decision.probabilities(held.read.logits, negative)
    scores = decision.scores(held.read, probabilities, negative)
    grid = np.linspace(scores.min(), scores.max(), _STEPS)
    each = np.array(
        [
            _precision_and_f1(
                decision.answers(held.read, probabilities, negative, threshold), held, negative, importance
            )[1]
            for threshold in grid
        ]
    )
    return round(float(np.median(grid[each >= each.max() - _TOLERANCE])), 4)


def scores_of(decision: Decision, held: Held, negative: int | None) -> dict[str, float]:
    """The share of negatives found, recall, precision and F1 at shares of negatives, expected calibration error.

    Without a negative label, or a held-out example of it, there is the calibration error alone.
    """
    probabilities = decision.probabilities(held.read.logits, negative)
    error = calibration_error(probabilities.max(-1), probabilities.argmax(-1) == held.classes)
    if negative is None or decision.negatives is None:
        return {"calibration_error": error}
    answers, nothing = decision.answers(held.read, probabilities, negative), held.classes == negative
    scores = {
        "negatives_found": float((answers[nothing] == negative).mean()),
        "recall": float((answers == held.classes)[~nothing].mean()),
    }
    for share in SHARES:
        precision, f1 = _precision_and_f1(answers, held, negative, weights(nothing, share))
        scores |= {f"precision_at_{100 * share:.0f}": precision, f"f1_at_{100 * share:.0f}": f1}
    return scores | {"calibration_error": error}


def _precision_and_f1(
    answers: NDArray[np.int64], held: Held, negative: int, importance: NDArray[np.float64]
) -> tuple[float, float]:
    stated = answers != negative
    right, said = (float(importance[which].sum()) for which in (stated & (answers == held.classes), stated))
    gold = float(importance[held.classes != negative].sum())
    return right / max(said, 1e-12), 2 * right / max(said + gold, 1e-12)
