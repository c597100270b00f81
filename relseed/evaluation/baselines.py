"""What answering without reading scores: the floor below every extractor.

A baseline that always answered the negative label would score a micro-F1 of 0 by definition, so those that answer by
frequency choose among the other labels. Ties go to the label that the schema names first.
"""

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from relseed.evaluation.f1 import micro_f1
from relseed.tasks.task import Task

REPEATS = 100


def baseline_f1(task: Task, train: Sequence[Any], test: Sequence[Any], schema: Any, *, seed: int) -> dict[str, float]:
    """The micro-F1 of each baseline on `test`; `random` is the mean over 100 seeded repeats.

    `types_only` is there for tasks whose examples show something before a word is read, such as entity types.

    Args:
        task: What is labelled.
        train: The examples that labels are counted in. Seeds hold K of each label, which says nothing of frequency:
            give the whole training data to see what knowing it is worth.
        test: The examples to score.
        schema: Their labels.
        seed: Of the random answers.
    """
    gold = np.array([schema.labels.index(example.label) for example in test])
    negative = schema.negative_class
    scores = {
        "majority": micro_f1(gold, majority(train, test, schema), negative),
        "random": float(
            np.mean([micro_f1(gold, answers, negative) for answers in uniform(task, test, schema, seed=seed)])
        ),
    }
    if any(task.surface(example) is not None for example in test):
        scores["types_only"] = micro_f1(gold, types_only(task, train, test, schema), negative)
    return scores


def majority(train: Sequence[Any], items: Sequence[Any], schema: Any) -> NDArray[np.int64]:
    """The most frequent label of `train` for every item, as class numbers, [items]."""
    counts = Counter(example.label for example in train)
    return np.full(len(items), _most_frequent(counts, schema))


def uniform(task: Task, items: Sequence[Any], schema: Any, *, seed: int) -> NDArray[np.int64]:
    """Any label that an item can have with equal probability, as class numbers, [100 repeats, items]."""
    choices = [len(task.choices(item)) for item in items]
    many: Any = choices if any(choices) else len(schema.labels)
    return np.random.default_rng(seed).integers(many, size=(REPEATS, len(items)))


def types_only(task: Task, train: Sequence[Any], items: Sequence[Any], schema: Any) -> NDArray[np.int64]:
    """The most frequent label of `train` among examples that show the same surface, as class numbers, [items].

    For relations the surface is the types of head and tail: what typed entity markers give away. What no example of
    `train` shows gets the overall most frequent label, so without types this equals `majority`.
    """
    counts: dict[Hashable, Counter[str]] = defaultdict(Counter)
    for example in train:
        if example.label != schema.negative:
            counts[task.surface(example)][example.label] += 1
    overall = sum(counts.values(), Counter())
    answers = [_most_frequent(counts.get(task.surface(item), overall), schema) for item in items]
    return np.array(answers, dtype=np.int64)


def _most_frequent(counts: Counter[str], schema: Any) -> int:
    positives = [number for number, label in enumerate(schema.labels) if label != schema.negative]
    return max(positives, key=lambda number: counts[schema.labels[number]])
