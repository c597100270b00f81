"""The official score of SemEval-2010 Task 8, as its scorer v1.2 computes it (section iii).

Hendrickx et al. 2010, "SemEval-2010 Task 8: Multi-Way Classification of Semantic Relations Between Pairs of
Nominals". A direction is part of a label, `Cause-Effect(e1,e2)`, and the score is taken over the nine relations
without it: a right relation with the wrong direction is wrong.
"""

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from relseed.evaluation.f1 import Averages

NEGATIVE = "Other"
RELATIONS = (
    "Cause-Effect",
    "Component-Whole",
    "Content-Container",
    "Entity-Destination",
    "Entity-Origin",
    "Instrument-Agency",
    "Member-Collection",
    "Message-Topic",
    "Product-Producer",
)
LABELS = frozenset({NEGATIVE, *(f"{relation}{way}" for relation in RELATIONS for way in ("(e1,e2)", "(e2,e1)"))})


@dataclass(frozen=True, slots=True)
class Official:
    """Section (iii) of the scorer; its official score is `macro.f1`."""

    macro: Averages
    micro: Averages


def is_semeval(labels: Collection[str]) -> bool:
    """Whether a schema's labels are SemEval-2010 Task 8's, all of them or some."""
    return LABELS.issuperset(labels)


def official(gold: Sequence[str], predicted: Sequence[str]) -> Official:
    """Score directed labels over the relations that occur in `gold`, `Other` left out.

    A predicted relation that has no gold example counts as `Other`. So does an item left unanswered (the scorer's
    `skip`): predict `Other` for it.

    Raises:
        ValueError: The lengths differ, or a label is not one of the 19.
    """
    if unknown := {*gold, *predicted} - LABELS:
        raise ValueError(f"not labels of SemEval-2010 Task 8: {', '.join(sorted(unknown))}")
    actual = Counter(map(_relation, gold))
    proposed = Counter(map(_relation, predicted))
    right = Counter(_relation(label) for label, answer in zip(gold, predicted, strict=True) if label == answer)
    scored = [relation for relation in RELATIONS if actual[relation]]
    each = [_averages(right[relation], proposed[relation], actual[relation]) for relation in scored]
    return Official(
        macro=Averages(
            _mean([scores.precision for scores in each]),
            _mean([scores.recall for scores in each]),
            _mean([scores.f1 for scores in each]),
        ),
        micro=_averages(*(sum(counts[relation] for relation in scored) for counts in (right, proposed, actual))),
    )


def _relation(label: str) -> str:
    return label.partition("(")[0]


def _averages(right: int, proposed: int, actual: int) -> Averages:
    if not right:
        return Averages(0.0, 0.0, 0.0)
    return Averages(right / proposed, right / actual, 2 * right / (proposed + actual))


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
