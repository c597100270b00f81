"""What extractors say of examples that they did not learn from: those of validation, and the training set by folds."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from sklearn.model_selection import StratifiedKFold

from relseed.classifier.calibration import Calibrate, Held, fit
from relseed.classifier.checkpoint import Extractor
from relseed.classifier.decision import Decision, Read, Score
from relseed.classifier.inference import decided, nearest, states_of

Train = Callable[[Sequence[Any], int], Extractor]  # of these examples, for the fold of this number


def decision_of(
    extractor: Extractor,
    train: Sequence[Any],
    validation: Sequence[Any],
    settings: Calibrate,
    score: Score,
    seed: int,
    train_fold: Train,
) -> Decision:
    """Fit the decision of an extractor to validation, and to what extractors of folds say of the rest of `train`."""
    parts, held = [held_out(extractor, train, validation)], list(validation)
    for fold, (inside, outside) in enumerate(_folds(train, settings.folds, seed)):
        parts.append(held_out(train_fold(inside, fold), inside, outside))
        held += outside
    decision = fit(Held.of(parts), extractor.schema.negative_class, score, settings)
    return replace(decision, fitted_on=_counts(held, extractor.schema.negative))


def held_out(extractor: Extractor, learnt: Sequence[Any], examples: Sequence[Any]) -> Held:
    """What an extractor that learnt from `learnt` reads of other examples."""
    labels = extractor.schema.labels
    read = Read(decided(extractor, examples), nearest(extractor, examples, states_of(extractor, learnt)))
    return Held(read, np.array([labels.index(example.label) for example in examples]))


def _folds(train: Sequence[Any], folds: int, seed: int) -> Iterator[tuple[list[Any], list[Any]]]:
    """Inside and outside of each fold, so that real and written examples of each label are in all of them."""
    if folds < 2:
        return
    strata = [f"{example.label}, {'real' if example.method is None else 'written'}" for example in train]
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for inside, outside in splitter.split(strata, strata):
        yield [train[at] for at in inside], [train[at] for at in outside]


def _counts(held: Sequence[Any], negative: str | None) -> dict[str, int]:
    """Held-out examples by what they are."""
    counts = dict.fromkeys(("real", "written", "real, negative", "written, negative"), 0)
    for example in held:
        origin = "real" if example.method is None else "written"
        counts[f"{origin}, negative" if example.label == negative else origin] += 1
    return counts
