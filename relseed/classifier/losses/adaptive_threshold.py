"""The adaptive-thresholding loss of ATLOP (Zhou et al. 2021, equation 5), with the negative label as threshold class.

What an example states is pushed above the threshold, and the threshold above everything else.
"""

import torch
from torch.nn import functional

from relseed.classifier.losses.targets import Targets
from relseed.pipeline.errors import UserError


def each(logits: torch.Tensor, targets: Targets, negative: int | None) -> torch.Tensor:
    """Both terms of each example, [batch].

    Raises:
        UserError: The schema has no negative label, so there is no threshold.
    """
    if negative is None:
        raise UserError("the loss adaptive_threshold needs a negative label: declare one, or take the loss softmax")
    classes = targets.classes
    rows = torch.arange(len(classes), device=logits.device)
    own, threshold = logits[rows, classes], logits[:, negative]
    states = (classes != negative).to(logits.dtype)
    above = functional.softplus(threshold - own) * states
    # The label of the example has no part in the second term; where it is the threshold itself, nothing is left out.
    hidden = functional.one_hot(classes, logits.shape[1]).bool() & (classes != negative).unsqueeze(1)
    below = torch.logsumexp(logits.masked_fill(hidden, -torch.inf), -1) - threshold
    return above + below


def decided(logits: torch.Tensor, negative: int | None) -> torch.Tensor:
    """The logits as they are: a label is asserted where it is above the threshold."""
    return logits
