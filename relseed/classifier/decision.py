"""From logits to probabilities that hold, and from those to an answer: temperature, share of negatives, threshold."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from relseed.pipeline.errors import UserError

Rows = NDArray[np.float64]
Score = Literal["probability", "energy", "distance"]


@dataclass(frozen=True, slots=True)
class Read:
    """What an extractor reads of n items: logits [n, labels], and the cosine to the nearest training example, [n]."""

    logits: Rows
    similarities: Rows


@dataclass(frozen=True, slots=True)
class Decision:
    """What turns an extractor's logits into an answer; a part of its checkpoint.

    Attributes:
        temperature: Logits are divided by it (Guo et al. 2017).
        bias: Added to the negative label's logit after that: what the training set got wrong of how often nothing is
            stated.
        negatives: The share of the negative label for which the probabilities hold; None without such a label.
        score: What the threshold is held against: the probability of the best other label, the energy of all others
            (Liu et al. 2020), or the similarity to the nearest training example.
        threshold: The least score: below it the answer is the negative label.
        least_similarity: To the nearest training example, of all but a few held-out examples: below it an item is like
            nothing in training.
        fitted_on: How many held-out examples decided all this, by what they are.
        held_out: Scores of the answers on these very examples, so a little too good; see `calibration.scores_of`.
    """

    temperature: float = 1.0
    bias: float = 0.0
    negatives: float | None = None
    score: Score = "probability"
    threshold: float = 0.0
    least_similarity: float = -1.0
    fitted_on: dict[str, int] = field(default_factory=dict)
    held_out: dict[str, float] = field(default_factory=dict)

    def probabilities(self, logits: Rows, negative: int | None, negatives: float | None = None) -> Rows:
        """Probabilities [n, labels] of logits [n, labels], for another share of the negative label if one is given.

        Raises:
            UserError: A share is given that is not between 0 and 1, or for which nothing was fitted.
        """
        scaled, shift = logits.astype(np.float64) / self.temperature, self._shift(negatives)
        if negative is not None:
            scaled[:, negative] += self.bias + shift
        return softmax(scaled)

    def _shift(self, negatives: float | None) -> float:
        """The change in log odds of the negative label with its share (Saerens et al. 2002, equation 4)."""
        if negatives is None:
            return 0.0
        if not 0 < negatives < 1:
            raise UserError(f"the share of negatives is {negatives}: give one between 0 and 1, such as 0.8")
        if self.negatives is None:
            raise UserError(
                "the extractor was calibrated without examples of a negative label, so that it cannot expect a share "
                "of them: leave the share of negatives out"
            )
        return log_odds(negatives) - log_odds(self.negatives)

    def scores(self, read: Read, probabilities: Rows, negative: int | None) -> Rows:
        """What the threshold is held against, [n]."""
        if self.score == "distance":
            return read.similarities
        if self.score == "energy":
            others = read.logits.astype(np.float64) / self.temperature
            if negative is not None:
                others = np.delete(others, negative, axis=1)
            return np.logaddexp.reduce(others, axis=1)
        return probabilities[np.arange(len(probabilities)), best_stated(probabilities, negative)]

    def answers(
        self, read: Read, probabilities: Rows, negative: int | None, threshold: float | None = None
    ) -> NDArray[np.int64]:
        """The class number of each answer, [n]: the likeliest label, or the negative one below the threshold.

        Raises:
            UserError: A threshold is given, and there is no negative label.
        """
        top = probabilities.argmax(-1)
        if negative is None:
            if threshold is not None:
                raise UserError(
                    "the extractor knows no negative label, so that it always asserts: leave the threshold out"
                )
            return top
        least = self.threshold if threshold is None else threshold
        stated = (top != negative) & (self.scores(read, probabilities, negative) >= least)
        return np.where(stated, top, negative)


def best_stated(probabilities: Rows, negative: int | None) -> NDArray[np.int64]:
    """The likeliest label other than the negative one, [n]."""
    if negative is None:
        return probabilities.argmax(-1)
    others = probabilities.copy()
    others[:, negative] = -1
    return others.argmax(-1)


def softmax(logits: Rows) -> Rows:
    """Softmax over the last axis."""
    raised = np.exp(logits - logits.max(-1, keepdims=True))
    return raised / raised.sum(-1, keepdims=True)


def log_odds(share: float) -> float:
    """The log odds of a share between 0 and 1."""
    return float(np.log(share) - np.log1p(-share))
