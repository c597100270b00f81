"""What can be relied on: how often nothing is said where nothing is stated, and whether probabilities hold.

A test set holds negatives in whatever share it was made with. Scores at another share are those of the same answers,
each example weighted so that the negative label has that share.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from relseed.evaluation.bootstrap import COVERAGE, interval, resampled
from relseed.evaluation.calibration import SHARES, bins, calibration_error, contributions, precision_and_f1
from relseed.evaluation.record import AtShare, Bin, Reliability, RiskPoint, Spread
from relseed.evaluation.spread import spread

_POINTS = 20  # of the risk-coverage curve


def reliability(
    gold: ArrayLike,
    answers: ArrayLike,
    probabilities: Sequence[NDArray[np.float64]],
    negative: int | None,
    *,
    resamples: int,
    seed: int,
) -> Reliability:
    """Everything about negatives and probabilities, means over random seeds.

    Args:
        gold: The right class numbers, [examples].
        answers: The class numbers that were answered, [random seeds, examples].
        probabilities: Of all labels, [examples, labels] for each random seed.
        negative: The class number of the negative label.
        resamples: Of the bootstrap behind the 95 % intervals.
        seed: Of the bootstrap.
    """
    right, said = np.asarray(gold), np.asarray(answers)
    sure = np.array([each.max(-1) for each in probabilities])
    correct = np.array([each.argmax(-1) == right for each in probabilities])
    found = None if negative is None or not (right == negative).any() else _found(right, said, negative)
    return Reliability(
        negatives_found=found,
        false_alarms=None if found is None else Spread(mean=100 * (1 - found.mean), std=100 * found.std),
        at_share=() if found is None or negative is None else _at_shares(right, said, negative, resamples, seed),
        calibration_error=spread([calibration_error(*pair) for pair in zip(sure, correct, strict=True)]),
        bins=tuple(
            Bin(probability=probability, accuracy=accuracy, count=count)
            for probability, accuracy, count in bins(sure.ravel(), correct.ravel())
        ),
        risk_coverage=tuple(_risk_coverage(sure.ravel(), correct.ravel())),
    )


def natural(
    gold: NDArray[np.int64], answers: NDArray[np.int64], negative: int, *, resamples: int, seed: int
) -> dict[str, Spread]:
    """Negatives found, precision, recall and F1 (with its interval) of items in the share that they come in.

    Arguments are those of `reliability`.
    """
    share = float((gold == negative).mean())
    counts = [contributions(gold, each, negative) for each in answers]
    each = [precision_and_f1(count.sum(axis=0), share) for count in counts]
    recalls = [float(count[:, 0].sum() / max(1, count[:, 3].sum())) for count in counts]
    ends = interval(gold, answers, negative, resamples=resamples, seed=seed)
    return {
        "negatives_found": _found(gold, answers, negative),
        "precision": spread([float(precision) for precision, _ in each]),
        "recall": spread(recalls),
        "f1": spread([float(f1) for _, f1 in each]).model_copy(update={"low": ends.low, "high": ends.high}),
    }


def _found(gold: NDArray[np.int64], answers: NDArray[np.int64], negative: int) -> Spread:
    return spread([float((each[gold == negative] == negative).mean()) for each in answers])


def _risk_coverage(sure: NDArray[np.float64], correct: NDArray[np.bool_]) -> list[RiskPoint]:
    """The share of wrong answers among the surest, from few to all (El-Yaniv and Wiener 2010)."""
    wrong = ~correct[np.argsort(-sure, kind="stable")]
    sizes = np.unique(np.ceil(np.linspace(0, 1, _POINTS + 1)[1:] * len(wrong)).astype(int))
    return [RiskPoint(coverage=float(size / len(wrong)), risk=float(wrong[:size].mean())) for size in sizes]


def _at_shares(
    gold: NDArray[np.int64], answers: NDArray[np.int64], negative: int, resamples: int, seed: int
) -> tuple[AtShare, ...]:
    counts = [contributions(gold, each, negative) for each in answers]
    drawn = resampled(np.hstack(counts), resamples, seed)
    width = counts[0].shape[1]
    found = []
    for share in SHARES:
        exact = [precision_and_f1(each.sum(axis=0), share) for each in counts]
        by_seed = [precision_and_f1(drawn[:, at : at + width].T, share) for at in range(0, drawn.shape[1], width)]
        precision, f1 = (np.mean([each[part] for each in by_seed], axis=0) for part in (0, 1))
        found.append(
            AtShare(
                negatives=share,
                precision=_with_ends(spread([float(each[0]) for each in exact]), precision),
                f1=_with_ends(spread([float(each[1]) for each in exact]), f1),
            )
        )
    return tuple(found)


def _with_ends(score: Spread, drawn: NDArray[np.float64]) -> Spread:
    low, high = np.quantile(drawn, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return score.model_copy(update={"low": float(low), "high": float(high)})
