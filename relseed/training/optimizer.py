"""Which parameters learn how fast, and which of them decay."""

from collections.abc import Iterable
from typing import Any

import torch
from torch import nn


def parameter_groups(
    parameters: Iterable[nn.Parameter], *, lr: float, weight_decay: float, embedding: torch.Tensor | None = None
) -> list[dict[str, Any]]:
    """Groups for AdamW: matrices decay; biases, norms and the (tied) `embedding` do not."""
    decayed: list[nn.Parameter] = []
    others: list[nn.Parameter] = []
    for parameter in parameters:
        (decayed if parameter.dim() > 1 and parameter is not embedding else others).append(parameter)
    return [
        {"params": decayed, "lr": lr, "weight_decay": weight_decay},
        {"params": others, "lr": lr, "weight_decay": 0.0},
    ]
