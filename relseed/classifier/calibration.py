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
from relseed.pipeline.params import Section

_LEAST, _MOST = 0.05, 20.0  # temperatures
_STEPS = 200  # thresholds that are tried
_TOLERANCE = 0.005  # of F1, within which a threshold is as good as the best
_UNLIKE = 0.02  # share of held-out examples that pass for like nothing in training
_SHARES = (0.2, 0.5, 0.8, 0.95)  # of the negative label, at which answers are scored


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
    threshold = _best_threshold(decision, held, negative, weights(nothing, settings.threshold_negatives))
    decision = replace(decision, threshold=threshold)
    return replace(decision, held_out=_scores(decision, held, negative))


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
    """The middle of the thresholds whose F1 is nearly the best: a single peak is chance."""
    probabilities = decision.probabilities(held.read.logits, negative)
    scores = decision.scores(held.read, probabilities, negative)
    grid = np.linspace(scores.min(), scores.max(), _STEPS)
    answers = (decision.answers(held.read, probabilities, negative, threshold) for threshold in grid)
    each = np.array([_precision_and_f1(some, held.classes, negative, importance)[1] for some in answers])
    return round(float(np.median(grid[each >= each.max() - _TOLERANCE])), 4)


def _scores(decision: Decision, held: Held, negative: int) -> dict[str, float]:
    """What the answers to the held-out examples are worth, as `Decision.held_out` has it."""
    answers = decision.answers(held.read, decision.probabilities(held.read.logits, negative), negative)
    nothing = held.classes == negative
    found = {"negatives_found": float((answers[nothing] == negative).mean())}
    for share in _SHARES:
        precision, f1 = _precision_and_f1(answers, held.classes, negative, weights(nothing, share))
        found |= {f"precision_at_{100 * share:.0f}": precision, f"f1_at_{100 * share:.0f}": f1}
    return {name: round(value, 4) for name, value in found.items()}


def _precision_and_f1(
    answers: NDArray[np.int64], classes: NDArray[np.int64], negative: int, importance: NDArray[np.float64]
) -> tuple[float, float]:
    """Of all labels but the negative one, where each example counts what its importance says; 0 where there is none."""
    asserted, stated = importance[answers != negative].sum(), importance[classes != negative].sum()
    right = importance[(answers == classes) & (classes != negative)].sum()
    return float(right / max(asserted, 1e-12)), float(2 * right / max(asserted + stated, 1e-12))
