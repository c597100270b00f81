"""Logits of all labels, and what the head reads, for any number of inputs."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.decision import Read
from relseed.classifier.encoding import Encoded
from relseed.classifier.model import Batch, Classifier
from relseed.pipeline.progress import bar
from relseed.training.batches import by_length
from relseed.training.device import Precision, autocast

BATCH_SIZE = 64


@torch.no_grad()
def logits(
    model: Classifier, inputs: Sequence[Encoded], pad: int, precision: Precision, *, desc: str | None = None
) -> np.ndarray:
    """Logits over the labels, [inputs, labels], in the order of `inputs`; a bar if `desc` is given."""
    return _apply(model, inputs, pad, precision, lambda batch: model(batch).float(), desc)


def decided(extractor: Extractor, items: Sequence[Any], *, desc: str | None = None) -> np.ndarray:
    """The logits from which an extractor decides, as its loss has them, [items, labels]."""
    if not items:
        return np.empty((0, len(extractor.schema.labels)))
    each = logits(extractor.model, extractor.encode(items), extractor.pad, extractor.config.precision, desc=desc)
    return extractor.loss.decided(torch.from_numpy(each), extractor.schema.negative_class).numpy()


def read(extractor: Extractor, items: Sequence[Any], *, desc: str | None = None) -> Read:
    """What an extractor decides from: logits, and how like its training set each item is."""
    return Read(decided(extractor, items, desc=desc), nearest(extractor, items, extractor.learnt))


def probabilities(extractor: Extractor, items: Sequence[Any], *, desc: str | None = None) -> np.ndarray:
    """Calibrated probabilities, [items, labels]."""
    decision = extractor.config.decision
    return decision.probabilities(decided(extractor, items, desc=desc), extractor.schema.negative_class)


@torch.no_grad()
def states(model: Classifier, inputs: Sequence[Encoded], pad: int, precision: Precision) -> np.ndarray:
    """What the head reads of each input, as unit vectors, [inputs, n * h], in the order of `inputs`."""

    def read(batch: Batch) -> torch.Tensor:
        return torch.nn.functional.normalize(model.states(batch).float().flatten(1), dim=-1)

    return _apply(model, inputs, pad, precision, read, None)


def states_of(extractor: Extractor, items: Sequence[Any]) -> np.ndarray:
    """What the head of an extractor reads of each item, as unit vectors, [items, n * h]."""
    return states(extractor.model, extractor.encode(items), extractor.pad, extractor.config.precision)


def nearest(extractor: Extractor, items: Sequence[Any], learnt: np.ndarray) -> np.ndarray:
    """The cosine of each item to the most similar of what was learnt, states [examples, n * h]; [items]."""
    if not len(items) or not len(learnt):
        return np.zeros(len(items))
    return (states_of(extractor, items) @ learnt.T.astype(np.float32)).max(axis=1)


def similarities(extractor: Extractor, items: Sequence[Any], others: Sequence[Any]) -> np.ndarray:
    """How much alike an extractor reads items and others: the cosine of what its head reads, [items, others]."""
    if not items:
        return np.empty((0, len(others)))
    return states_of(extractor, items) @ states_of(extractor, others).T


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
    return np.stack([row for row in rows if row is not None]) if rows else np.empty((0, 0), dtype=np.float32)
