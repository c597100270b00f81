"""A yes or no for each label but the negative one, which is what is left where all say no."""

import torch
from torch.nn import functional

from relseed.classifier.losses.targets import Targets


def each(logits: torch.Tensor, targets: Targets, negative: int | None) -> torch.Tensor:
    """The binary cross-entropy of each example, summed over labels, [batch]."""
    wanted = functional.one_hot(targets.classes, logits.shape[1]).to(logits.dtype)
    losses = functional.binary_cross_entropy_with_logits(logits, wanted, reduction="none")
    if negative is not None:
        losses[:, negative] = 0
    return losses.sum(-1)


def decided(logits: torch.Tensor, negative: int | None) -> torch.Tensor:
    """The logits with that of the negative label at 0: a label beats it where its yes is likelier than its no."""
    if negative is None:
        return logits
    others = torch.arange(logits.shape[1], device=logits.device) != negative
    return torch.where(others, logits, torch.zeros_like(logits))
