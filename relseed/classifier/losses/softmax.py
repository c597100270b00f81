"""Cross-entropy over all labels, the negative one among them."""

import torch
from torch.nn import functional

from relseed.classifier.losses.targets import Targets


def each(logits: torch.Tensor, targets: Targets, negative: int | None) -> torch.Tensor:
    """The cross-entropy of each example, [batch]."""
    return functional.cross_entropy(logits, targets.classes, reduction="none")


def decided(logits: torch.Tensor, negative: int | None) -> torch.Tensor:
    """The logits as they are."""
    return logits
