"""How sure a share is, and how far two people agree."""

from collections.abc import Sequence

from scipy.stats import binomtest
from sklearn.metrics import cohen_kappa_score


def wilson(count: int, total: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927); 0 to 1 where nothing was counted."""
    if not total:
        return 0.0, 1.0
    found = binomtest(count, total).proportion_ci(0.95, method="wilson")
    return float(found.low), float(found.high)


def corrected(observed: float, sensitivity: float, specificity: float) -> float | None:
    """The share that is right, where `observed` was found right by somebody who errs (Rogan and Gladen 1978).

    (observed + specificity - 1) / (sensitivity + specificity - 1), 0 at least and 1 at most; None where the answers
    tell right from wrong no better than guesses.
    """
    gained = sensitivity + specificity - 1
    return None if gained <= 0 else min(1.0, max(0.0, (observed + specificity - 1) / gained))


def percent_agreement(first: Sequence[str], second: Sequence[str]) -> float:
    """The share of items with the same answer."""
    return sum(one == other for one, other in zip(first, second, strict=True)) / len(first)


def kappa(first: Sequence[str], second: Sequence[str]) -> float | None:
    """Cohen's kappa (1960); None where both always gave the same one answer, which leaves it undefined."""
    return None if len({*first, *second}) < 2 else float(cohen_kappa_score(first, second))


def ac1(first: Sequence[str], second: Sequence[str], answers: Sequence[str]) -> float:
    """Gwet's AC1 (2008), which does not collapse where nearly all answers are the same one.

    (p - e) / (1 - e), where p is the share of agreement, e = sum over the answers of s (1 - s) / (q - 1), s the share
    of an answer among those of both, q how many answers there are.
    """
    shares = [(list(first).count(answer) + list(second).count(answer)) / (2 * len(first)) for answer in answers]
    guessed = sum(share * (1 - share) for share in shares) / (len(answers) - 1)
    return (percent_agreement(first, second) - guessed) / (1 - guessed)
