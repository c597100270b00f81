"""Scores of several random seeds on one test set, aggregated into an `Evaluation`'s parts."""

from collections.abc import Sequence
from statistics import fmean

import numpy as np

from relseed.evaluation.bootstrap import interval
from relseed.evaluation.f1 import Scores as SeedScores
from relseed.evaluation.record import LabelScores, Scores
from relseed.evaluation.semeval import is_semeval, official
from relseed.evaluation.spread import spread


def aggregate(
    gold: Sequence[str],
    predicted: Sequence[Sequence[str]],
    each: Sequence[SeedScores],
    *,
    labels: Sequence[str],
    negative: str | None,
    resamples: int,
    seed: int,
) -> Scores:
    """The scores over the whole test set.

    Args:
        gold: The right labels, [examples].
        predicted: The predicted ones, [random seeds, examples].
        each: The scores of each random seed.
        labels: All labels of the schema.
        negative: The label that asserts nothing.
        resamples: Of the bootstrap behind the 95 % interval of micro-F1.
        seed: Of the bootstrap.
    """
    ends = interval(gold, np.array(predicted), negative, resamples=resamples, seed=seed)
    micro_f1 = spread([scores.micro.f1 for scores in each])
    return Scores(
        micro_f1=micro_f1.model_copy(update={"low": ends.low, "high": ends.high}),
        micro_precision=spread([scores.micro.precision for scores in each]),
        micro_recall=spread([scores.micro.recall for scores in each]),
        macro_f1=spread([scores.macro.f1 for scores in each]),
        accuracy=spread([scores.accuracy for scores in each]),
        semeval_macro_f1=spread([official(gold, answers).macro.f1 for answers in predicted])
        if is_semeval(labels)
        else None,
    )


def by_label(each: Sequence[SeedScores]) -> list[LabelScores]:
    """The scores of each label in the schema's order, means over random seeds."""
    return [
        LabelScores(
            label=str(seeds[0].label),
            precision=fmean(scores.precision for scores in seeds),
            recall=fmean(scores.recall for scores in seeds),
            f1=spread([scores.f1 for scores in seeds]).mean,
            f1_std=spread([scores.f1 for scores in seeds]).std,
            support=seeds[0].support,
            negative=seeds[0].negative,
        )
        for seeds in zip(*(scores.labels for scores in each), strict=True)
    ]
