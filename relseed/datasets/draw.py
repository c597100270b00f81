"""The few-shot draw: K examples per label, identified by a hash."""

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from pydantic import BaseModel, ConfigDict

from relseed.quality.duplicates import Overlap

FILES = ("train.jsonl", "validation.jsonl", "draw.json")  # of data/seeds


class Draw(BaseModel):
    """What was drawn: `data/seeds/draw.json`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    hash: str
    shots: int  # real examples per label (K)
    seed: int
    train: int  # examples
    validation: int  # examples
    fewer_than_shots: dict[str, int]  # how many seeds there are of each label that fell short
    validation_fewer_than_shots: dict[str, int]  # the same of validation, if it was drawn, too
    contamination: Overlap  # seeds that validation repeats


def draw(examples: Sequence[Any], shots: int, seed: int) -> list[Any]:
    """Draw `shots` examples of each label of `examples` (all of a label that has fewer).

    KnowPrompt's rule (Chen et al. 2022), which the published draws of SemEval-2010 Task 8 follow: draw s
    shuffles them as draw s - 1 left it, with numpy's legacy RandomState seeded by s, and takes the
    first K of each label.
    """
    order = np.arange(len(examples))
    for number in range(1, seed + 1):
        np.random.RandomState(number).shuffle(order)
    drawn: dict[str, list[Any]] = {}
    for example in (examples[index] for index in order.tolist()):
        of_label = drawn.setdefault(example.label, [])
        if len(of_label) < shots:
            of_label.append(example)
    return [example for of_label in drawn.values() for example in of_label]


def shortages(drawn: Iterable[Any], labels: Iterable[str], shots: int) -> dict[str, int]:
    """The labels of which fewer than `shots` examples were drawn, with how many there are."""
    counts = Counter(example.label for example in drawn)
    return {label: counts[label] for label in labels if counts[label] < shots}
