"""Logits of all labels, and what the head reads, for any number of inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.decision import Read, Rows
from relseed.classifier.encoding import Encoded
from relseed.classifier.model import Batch, Classifier
from relseed.pipeline.progress import bar
from relseed.training.batches import by_length
from relseed.training.device import Precision, autocast

BATCH_SIZE = 64


def logits(
    model: Classifier, inputs: Sequence[Encoded], pad: int, precision: Precision, *, desc: str | None = None
) -> np.ndarray:
    """Logits over the labels, [inputs, labels], in the order of `inputs`; a bar if `desc` is given."""
    return _apply(model, inputs, pad, precision, lambda batch: model(batch).float(), desc)


def read(extractor: Extractor, items: Sequence[Any], *, desc: str | None = None) -> Read:
    """What an extractor decides from: logits as its loss has them, and how like what it learnt from each item is."""
    labels = len(extractor.schema.labels)
    if not items:
        return Read(np.empty((0, labels)), np.empty(0))

    def compute(batch: Batch) -> torch.Tensor:
        states = extractor.model.states(batch)
        return torch.cat([extractor.model.head(states).float(), _unit_vectors(states)], dim=1)

    encoded, precision = extractor.encode(items), extractor.config.precision
    both = _apply(extractor.model, encoded, extractor.pad, precision, compute, desc)
    decided = extractor.loss.decided(torch.from_numpy(both[:, :labels]), extractor.schema.negative_class)
    return Read(decided.numpy(), _nearest(both[:, labels:], extractor.learnt))


def _nearest(states: np.ndarray, learnt: np.ndarray) -> np.ndarray:
    """The cosine of each of `states` [items, n * h] to the most similar of `learnt`, [items]; 0 where that is empty."""
    if not len(learnt):
        return np.zeros(len(states))
    return _cosines(states, learnt.astype(np.float32)).max(axis=1)


def _cosines(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The cosine of each of some unit vectors to each of others; what the longer ones have more adds nothing to it."""
    width = min(some.shape[1], others.shape[1])
    return some[:, :width] @ others[:, :width].T


@dataclass(frozen=True, slots=True)
class Answers:
    """What an extractor says of n items: the class numbers [n], and what these come from."""

    classes: NDArray[np.int64]
    probabilities: Rows  # calibrated, [n, labels]
    read: Read


def answer(
    extractor: Extractor,
    items: Sequence[Any],
    *,
    threshold: float | None = None,
    negatives: float | None = None,
    desc: str | None = None,
) -> Answers:
    """What an extractor says of items by its decision.

    Args:
        extractor: What is asked.
        items: Of what.
        threshold: The least score of an assertion, instead of the checkpoint's.
        negatives: The share of items that assert nothing, where it is known: probabilities are those for this share.
        desc: What a progress bar is headed with; without it there is none.

    Raises:
        UserError: An item cannot be read, or the extractor has no use for what is given: see `Decision`.
    """
    decision, negative = extractor.config.decision, extractor.schema.negative_class
    found = read(extractor, items, desc=desc)
    each = decision.probabilities(found.logits, negative, negatives)
    return Answers(decision.answers(found, each, negative, threshold), each, found)


def states_of(extractor: Extractor, items: Sequence[Any]) -> np.ndarray:
    """What the head of an extractor reads of each item, as unit vectors, [items, n * h]."""

    def compute(batch: Batch) -> torch.Tensor:
        return _unit_vectors(extractor.model.states(batch))

    encoded, precision = extractor.encode(items), extractor.config.precision
    return _apply(extractor.model, encoded, extractor.pad, precision, compute, None)


def similarities(extractor: Extractor, items: Sequence[Any], others: Sequence[Any]) -> np.ndarray:
    """How much alike an extractor reads items and others: the cosine of what its head reads, [items, others]."""
    if not items:
        return np.empty((0, len(others)))
    return _cosines(states_of(extractor, items), states_of(extractor, others))


def _unit_vectors(states: torch.Tensor) -> torch.Tensor:
    """States [batch, n, h] as unit vectors, [batch, n * h]."""
    return torch.nn.functional.normalize(states.float().flatten(1), dim=1)


@torch.no_grad()
def _apply(
    model: Classifier,
    inputs: Sequence[Encoded],
    pad: int,
    precision: Precision,
    compute: Callable[[Batch], torch.Tensor],
    desc: str | None,
) -> np.ndarray:
    model.eval()
    device = next(model.parameters()).device
    rows: list[np.ndarray | None] = [None] * len(inputs)
    batches = by_length([len(encoded.ids) for encoded in inputs], BATCH_SIZE)
    for indices in bar(batches, desc=desc, unit="batch") if desc else batches:
        with autocast(device, precision):
            values = compute(Batch.of([inputs[index] for index in indices], pad, device))
        for index, row in zip(indices, values.cpu().numpy(), strict=True):
            rows[index] = row
    return _stacked([row for row in rows if row is not None]) if rows else np.empty((0, 0), dtype=np.float32)


def _stacked(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows one below another, zeros after those of batches in which the head reads fewer states of each input."""
    longest = max(map(len, rows))
    return np.stack([np.pad(row, (0, longest - len(row))) for row in rows])
