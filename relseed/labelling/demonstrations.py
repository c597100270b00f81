"""Which labelled examples the prompt for an item shows: the same of each label, or those nearest to it."""

import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from relseed.labelling.labeller import Labeller
from relseed.labelling.prompt import Demonstration
from relseed.tasks.task import Task


def demonstrations_of(
    settings: Labeller, task: Task, examples: Sequence[Any], items: Sequence[Any], reasons: Mapping[str, str]
) -> list[list[Demonstration]]:
    """What each item's prompt shows of `examples`; `reasons` are explanations by the ids of examples.

    Raises:
        UserError: The retriever is neither a file of examples, which stands for MiniLM, nor a folder with an extractor.
    """
    if settings.shots is None:
        return [[] for _ in items]
    if settings.demonstrations == "fixed":
        shown = [fixed(examples, settings.shots, settings.seed)] * len(items)
    else:
        shown = nearest(_similarities(settings.retriever, task, items, examples), examples, settings.shots)
    return [[Demonstration(example, reasons.get(example.id)) for example in each] for each in shown]


def fixed(examples: Sequence[Any], shots: int, seed: int) -> list[Any]:
    """At most `shots` examples of each label, in an order that tells nothing."""
    rng = random.Random(seed)
    labels = list(dict.fromkeys(example.label for example in examples))
    own = {label: [example for example in examples if example.label == label] for label in labels}
    drawn = [example for label in labels for example in rng.sample(own[label], min(shots, len(own[label])))]
    return rng.sample(drawn, len(drawn))


def nearest(similarities: np.ndarray, examples: Sequence[Any], shots: int) -> list[list[Any]]:
    """The `shots` most similar examples for each item, the most similar last; `similarities` are [items, examples]."""
    order = np.argsort(similarities, axis=1, kind="stable")[:, -shots:]
    return [[examples[at] for at in row] for row in order]


def _similarities(retriever: Path, task: Task, items: Sequence[Any], examples: Sequence[Any]) -> np.ndarray:
    """The cosine of each item to each of `examples`, [items, examples]."""
    if retriever.suffix != ".jsonl":
        from relseed.classifier.inference import similarities  # late: what is not retrieved needs no extractor
        from relseed.classifier.labelling import open_extractor

        return similarities(open_extractor(retriever), items, examples)
    from relseed.quality.embeddings import embed

    both = embed([task.masked(example) for example in (*items, *examples)], "find demonstrations")
    return both[: len(items)] @ both[len(items) :].T
