"""What answering without reading scores: the floor below every extractor.

A baseline that always answered the negative label would score a micro-F1 of 0 by definition, so the two that answer
by frequency choose among the other relations. Ties go to the relation that the schema names first.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from relseed.evaluation.f1 import micro_f1
from relseed.tasks.relation import Example, Schema, Sentence

REPEATS = 100


def baseline_f1(train: Sequence[Example], test: Sequence[Example], schema: Schema, *, seed: int) -> dict[str, float]:
    """The micro-F1 of each baseline on `test`; `random` is the mean over 100 seeded repeats.

    Args:
        train: The examples that relations are counted in. Seeds hold K of each relation, which says nothing of
            frequency: give the whole training pool to see what knowing it is worth.
        test: The examples to score.
        schema: Their relations.
        seed: Of the random answers.
    """
    gold = np.array([schema.labels.index(example.relation) for example in test])
    negative = schema.negative_class
    return {
        "majority": micro_f1(gold, majority(train, test, schema), negative),
        "random": float(np.mean([micro_f1(gold, answers, negative) for answers in uniform(test, schema, seed=seed)])),
        "types_only": micro_f1(gold, types_only(train, test, schema), negative),
    }


def majority(train: Sequence[Example], sentences: Sequence[Sentence], schema: Schema) -> NDArray[np.int64]:
    """The most frequent relation of `train` for every sentence, as class numbers, [sentences]."""
    counts = Counter(example.relation for example in train)
    return np.full(len(sentences), _most_frequent(counts, schema))


def uniform(sentences: Sequence[Sentence], schema: Schema, *, seed: int) -> NDArray[np.int64]:
    """Any label of the schema with equal probability, as class numbers, [100 repeats, sentences]."""
    return np.random.default_rng(seed).integers(len(schema.labels), size=(REPEATS, len(sentences)))


def types_only(train: Sequence[Example], sentences: Sequence[Sentence], schema: Schema) -> NDArray[np.int64]:
    """The most frequent relation of `train` between the sentence's head and tail type, as class numbers, [sentences].

    What typed entity markers give away before a word is read. Types that no relation of `train` joins get the
    overall most frequent relation, so without types this equals `majority`.
    """
    counts: dict[tuple[str | None, str | None], Counter[str]] = defaultdict(Counter)
    for example in train:
        if example.relation != schema.negative:
            counts[_types(example)][example.relation] += 1
    overall = sum(counts.values(), Counter())
    answers = [_most_frequent(counts.get(_types(sentence), overall), schema) for sentence in sentences]
    return np.array(answers, dtype=np.int64)


def _types(sentence: Sentence) -> tuple[str | None, str | None]:
    return sentence.head.type, sentence.tail.type


def _most_frequent(counts: Counter[str], schema: Schema) -> int:
    positives = [number for number, label in enumerate(schema.labels) if label != schema.negative]
    return max(positives, key=lambda number: counts[schema.labels[number]])
