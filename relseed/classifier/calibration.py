"""Fitting a decision to examples that the extractor did not learn from (Guo et al. 2017; Saerens et al. 2002).

A few examples of each label say how sure to be of what is stated. How often nothing is stated they cannot say: that
share is a setting, and the examples are weighted to it.

There are two sources of such examples. The validation set is read by the extractor itself, and is small. The training
set is read by folds, so by extractors that learnt from less; there is more of it, and most of it is written. How sure
to be is a matter of the extractor, so each source counts half for it. A threshold needs many negatives, of which
validation has a few, so each example counts once for that.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, NonNegativeInt, field_validator
from scipy.optimize import minimize

from relseed.classifier.decision import Decision, Read, Score, softmax
from relseed.evaluation.calibration import SHARES, calibration_error, contributions, precision_and_f1
from relseed.pipeline.params import Section

_LEAST, _MOST = 0.05, 20.0  # temperatures
_STEPS = 200  # thresholds that are tried
_TOLERANCE = 0.02  # of F1, within which a threshold is as good as the best: few negatives tell no more
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
    """What was read of examples that the extractor did not learn from, their class numbers [n], and by whom."""

    read: Read
    classes: NDArray[np.int64]
    own: NDArray[np.bool_]  # [n], whether the extractor itself read it, or one that learnt from the inside of a fold

    @classmethod
    def of(cls, parts: Sequence["Held"]) -> "Held":
        """All of them together."""
        logits = np.concatenate([part.read.logits for part in parts])
        similarities = np.concatenate([part.read.similarities for part in parts])
        classes = np.concatenate([part.classes for part in parts])
        return cls(Read(logits, similarities), classes, np.concatenate([part.own for part in parts]))


def fit(held: Held, negative: int | None, score: Score, settings: Calibrate) -> Decision:
    """The temperature and the bias that make the held-out labels likeliest, then the threshold with the best F1.

    Without a negative label, or a held-out example of it, there is a temperature alone.
    """
    least = float(np.quantile(held.read.similarities, _UNLIKE))
    nothing = np.zeros(len(held.classes), bool) if negative is None else held.classes == negative
    if negative is None or not nothing.any() or nothing.all():
        temperature, _ = _likeliest(held, None, len(nothing) * _by_source(held.own))
        return Decision(temperature, least_similarity=least)
    temperature, bias = _likeliest(held, negative, weights(held, negative, settings.negatives))
    decision = Decision(temperature, bias, settings.negatives, score, least_similarity=least)
    return replace(decision, threshold=_best_threshold(decision, held, negative, settings.threshold_negatives))


def weights(held: Held, negative: int, share: float) -> NDArray[np.float64]:
    """What each example counts, [n], so that those of the negative label are this share; the mean is 1.

    Of these, and of the others, each source counts half.
    """
    nothing, counts = held.classes == negative, np.empty(len(held.classes))
    for which, part in ((nothing, share), (~nothing, 1 - share)):
        counts[which] = part * _by_source(held.own[which])
    return len(counts) * counts


def _by_source(own: NDArray[np.bool_]) -> NDArray[np.float64]:
    """What each of some examples counts, 1 in all: each source half, or all where it is the only one."""
    counts = 1 / np.where(own, own.sum(), (~own).sum())
    return counts / counts.sum()


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


def _best_threshold(decision: Decision, held: Held, negative: int, share: float) -> float:
    """The middle of the thresholds whose F1 is nearly the best: a single peak says little."""
    probabilities = decision.probabilities(held.read.logits, negative)
    scores = decision.scores(held.read, probabilities, negative)
    grid = np.linspace(scores.min(), scores.max(), _STEPS)
    answers = [decision.answers(held.read, probabilities, negative, threshold) for threshold in grid]
    each = np.array([contributions(held.classes, answer, negative).sum(axis=0) for answer in answers])
    _, f1 = precision_and_f1(each.T, share)
    return round(float(np.median(grid[f1 >= f1.max() - _TOLERANCE])), 4)


def scores_of(decision: Decision, held: Held, negative: int | None) -> dict[str, float]:
    """The share of negatives found, recall, precision and F1 at shares of negatives, expected calibration error.

    The error is that of probabilities for the share of negatives that these examples have. Without a negative label,
    or a held-out example of it, there is the error alone.
    """
    if negative is None or decision.negatives is None:
        return {"calibration_error": _error(decision.probabilities(held.read.logits, negative), held)}
    answers = decision.answers(held.read, decision.probabilities(held.read.logits, negative), negative)
    right, _, alarms, positives, negatives = counts = contributions(held.classes, answers, negative).sum(axis=0)
    scores = {"negatives_found": float(1 - alarms / negatives), "recall": float(right / positives)}
    for share in SHARES:
        precision, f1 = precision_and_f1(counts, share)
        scores |= {f"precision_at_{100 * share:.0f}": float(precision), f"f1_at_{100 * share:.0f}": float(f1)}
    at_their_share = decision.probabilities(held.read.logits, negative, float(negatives / len(answers)))
    return scores | {"calibration_error": _error(at_their_share, held)}


def _error(probabilities: NDArray[np.float64], held: Held) -> float:
    return calibration_error(probabilities.max(-1), probabilities.argmax(-1) == held.classes)
