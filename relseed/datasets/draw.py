"""The few-shot draw: K examples per relation, identified by a hash."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
from pydantic import BaseModel, ConfigDict

from relseed.quality.duplicates import Overlap
from relseed.tasks.relation import Example

FILES = ("train.jsonl", "validation.jsonl", "draw.json")  # of data/seeds


class Draw(BaseModel):
    """What was drawn: `data/seeds/draw.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    shots: int  # real examples per relation (K)
    seed: int
    train: int  # examples
    validation: int  # examples
    fewer_than_shots: dict[str, int]  # how many seeds there are of each relation that fell short
    validation_fewer_than_shots: dict[str, int]  # the same of validation, if it was drawn, too
    leaks: Overlap  # seeds that validation repeats


def draw(pool: Sequence[Example], shots: int, seed: int) -> list[Example]:
    """Draw `shots` examples of each relation of `pool` (all of a relation that has fewer).

    KnowPrompt's rule (Chen et al. 2022), which the published draws of SemEval-2010 Task 8 follow: draw s
    shuffles the pool as draw s - 1 left it, with numpy's legacy generator seeded by s, and takes the
    first K of each relation.
    """
    order = np.arange(len(pool))
    for number in range(1, seed + 1):
        np.random.RandomState(number).shuffle(order)
    drawn: dict[str, list[Example]] = {}
    for example in (pool[index] for index in order.tolist()):
        of_relation = drawn.setdefault(example.relation, [])
        if len(of_relation) < shots:
            of_relation.append(example)
    return [example for examples in drawn.values() for example in examples]


def shortages(drawn: Iterable[Example], labels: Iterable[str], shots: int) -> dict[str, int]:
    """The relations of which fewer than `shots` examples were drawn, with how many there are."""
    counts = Counter(example.relation for example in drawn)
    return {label: counts[label] for label in labels if counts[label] < shots}
