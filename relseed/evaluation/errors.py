"""What an extractor got wrong on the test set, beside the training examples that it reads as most alike."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from relseed.evaluation.record import Neighbour, TestError
from relseed.tasks.task import Task

NEAREST = 3


@dataclass(frozen=True, slots=True)
class Labelling:
    """What the extractor of one training said of the test set."""

    seed: int  # of the training
    probabilities: np.ndarray  # [test, labels]
    answers: np.ndarray  # class numbers, [test]

    def wrong(self, labels: Sequence[str], test: Sequence[Any]) -> list[int]:
        """The places of the examples that it got wrong."""
        return [at for at, answer in enumerate(self.answers) if labels[int(answer)] != test[at].label]


def errors_of(
    task: Task,
    labels: Sequence[str],
    labelling: Labelling,
    wrong: Sequence[int],
    test: Sequence[Any],
    train: Sequence[Any],
    similarities: np.ndarray,
) -> list[TestError]:
    """The test examples at the places `wrong`, each with the training examples nearest to it.

    `similarities` [wrong, train] says how much alike the extractor reads two examples.
    """
    return [
        _error(task, labels, labelling, at, test[at], train, row) for at, row in zip(wrong, similarities, strict=True)
    ]


def _error(
    task: Task,
    labels: Sequence[str],
    labelling: Labelling,
    at: int,
    example: Any,
    train: Sequence[Any],
    similarities: np.ndarray,
) -> TestError:
    row = labelling.probabilities[at]
    top, nearest = int(labelling.answers[at]), np.argsort(-similarities, kind="stable")[:NEAREST].tolist()
    return TestError(
        id=example.id,
        seed=labelling.seed,
        label=example.label,
        predicted=labels[top],
        probability=_rounded(row[top]),
        label_probability=_rounded(row[labels.index(example.label)]),
        segments=tuple(task.segments(example)),
        nearest=tuple(_neighbour(task, train[index], similarities[index]) for index in nearest),
    )


def _neighbour(task: Task, example: Any, similarity: float) -> Neighbour:
    return Neighbour(
        id=example.id,
        label=example.label,
        origin=example.method or "seed",
        similarity=_rounded(similarity),
        segments=tuple(task.segments(example)),
    )


def _rounded(value: float) -> float:
    return round(float(value), 4)
