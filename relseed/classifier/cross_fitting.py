"""What extractors say of examples that they did not learn from: those of validation, and the training set by folds."""

import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from relseed.classifier.calibration import Calibrate, Held, fit, scores_of
from relseed.classifier.checkpoint import Extractor
from relseed.classifier.decision import Decision, Score
from relseed.classifier.inference import read
from relseed.pipeline.errors import UserError
from relseed.tasks.task import Task

Fold = tuple[list[Any], list[Any]]  # examples inside, which an extractor learns from, and those outside


def folds_of(task: Task, train: Sequence[Any], count: int, seed: int) -> list[Fold]:
    """The folds of a training set; none if `count` is 0.

    Examples of one text are in one fold: an extractor that learnt one of them is too sure of the others. As far as that
    allows, real and written examples of each label are in all folds.

    Raises:
        UserError: There are fewer texts, or fewer examples of every label, than folds.
    """
    if not count:
        return []
    sources = [task.source(example) for example in train]
    strata = [f"{example.label}, {_origin(example)}" for example in train]
    if max(Counter(strata).values()) < count or len(set(sources)) < count:
        raise UserError(
            f"calibrate.folds is {count}, and no label has so many examples to train on, or there are no more than "
            f"{len(set(sources))} texts: lower it (0: validation alone)"
        )
    splitter = StratifiedGroupKFold(count, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The least populated class")  # is in some of the folds alone
        splits = list(splitter.split(strata, strata, sources))
    return [([train[at] for at in inside], [train[at] for at in outside]) for inside, outside in splits]


def decision_of(
    extractor: Extractor,
    validation: Sequence[Any],
    by_fold: Iterable[tuple[Extractor, Sequence[Any]]],
    settings: Calibrate,
    score: Score,
) -> Decision:
    """Fit the decision of an extractor to held-out examples.

    These are the validation set, and what extractors that learnt from the inside of a fold say of its outside; each of
    `by_fold` is such an extractor with that outside.
    """
    parts, examples = [_held_out(extractor, validation, own=True)], list(validation)
    for other, outside in by_fold:
        parts.append(_held_out(other, outside, own=False))
        examples += outside
    held, negative = Held.of(parts), extractor.schema.negative_class
    decision = fit(held, negative, score, settings)
    counts = _counts(examples, extractor.schema.negative)
    return replace(decision, fitted_on=counts, held_out=scores_of(decision, held, negative))


def _held_out(extractor: Extractor, examples: Sequence[Any], *, own: bool) -> Held:
    labels = extractor.schema.labels
    classes = np.array([labels.index(example.label) for example in examples])
    return Held(read(extractor, examples), classes, np.full(len(examples), own))


def _counts(examples: Sequence[Any], negative: str | None) -> dict[str, int]:
    """Examples by what they are."""
    counts = dict.fromkeys(("real", "written", "negative real", "negative written"), 0)
    for example in examples:
        origin = _origin(example)
        counts[f"negative {origin}" if example.label == negative else origin] += 1
    return counts


def _origin(example: Any) -> str:
    return "real" if example.method is None else "written"
