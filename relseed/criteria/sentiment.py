"""Sentiment: how near the tone of an example is to that of its label's seeds, by VADER (Hutto and Gilbert 2014).

Topics have a tone: sentences on deaths are negative by their words. So it is not neutrality that scores best, but the
mean of the seeds.
"""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any

from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

from relseed.criteria.criterion import CriterionSettings as Settings  # the entry has no other settings
from relseed.criteria.criterion import Score, Scorer, Scoring

__all__ = ["Settings", "scorer"]


def scorer(scoring: Scoring) -> Scorer:
    """One less half the distance of the compound score, -1 to 1, from the mean of the label's seeds; both as a note.

    A label without seeds is compared with all.
    """
    analyzer, task = SentimentIntensityAnalyzer(), scoring.task

    def compound(example: Any) -> float:
        return float(analyzer.polarity_scores(task.text(example))["compound"])

    means = _means([(seed.label, compound(seed)) for seed in scoring.seeds])

    def score(examples: Sequence[Any]) -> list[Score]:
        return [_score(compound(example), means.get(example.label, means[""])) for example in examples]

    return score


def _means(tones: Sequence[tuple[str, float]]) -> Mapping[str, float]:
    """The mean of each label, and under no name that of all."""
    labels = {label for label, _ in tones}
    means = {label: fmean(tone for own, tone in tones if own == label) for label in labels}
    return means | {"": fmean(tone for _, tone in tones)}


def _score(tone: float, mean: float) -> Score:
    return Score(1 - abs(tone - mean) / 2, f"{tone:+.2f}, seeds {mean:+.2f}")
