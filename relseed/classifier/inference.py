"""Probabilities of all relations for any number of sentences."""

from collections.abc import Sequence

import numpy as np
import torch

from relseed.classifier.marking import Encoded
from relseed.classifier.model import Batch, RelationClassifier
from relseed.pipeline.progress import bar
from relseed.training.batches import by_length
from relseed.training.device import Precision, autocast

_BATCH_SIZE = 32


@torch.no_grad()
def probabilities(
    model: RelationClassifier, sentences: Sequence[Encoded], pad: int, precision: Precision, *, desc: str | None = None
) -> np.ndarray:
    """Softmax over the labels, [sentences, labels], in the order of `sentences`; a bar if `desc` is given."""
    model.eval()
    device = next(model.parameters()).device
    result = np.empty((len(sentences), model.head.labels), dtype=np.float32)
    batches = by_length([len(sentence.ids) for sentence in sentences], _BATCH_SIZE)
    for indices in bar(batches, desc=desc, unit="batch") if desc else batches:
        with autocast(device, precision):
            logits = model(Batch.of([sentences[index] for index in indices], pad, device))
        result[indices] = logits.float().softmax(-1).cpu().numpy()
    return result
