"""Two questions: which label is an example about, and is that stated? P(label) = P(stated) P(label | about).

Near-misses answer both: one of `founded_by` is about it and does not state it. So they show what the label looks like
instead of blurring it, as they do in one softmax over all labels, where they stand for the opposite of what they say.
The negative label's logit answers the second question, the others the first.
"""

import torch
from torch.nn import functional

from relseed.classifier.losses.targets import NOTHING, Targets
from relseed.pipeline.errors import UserError


def each(logits: torch.Tensor, targets: Targets, negative: int | None) -> torch.Tensor:
    """The cross-entropy of both answers of each example, of the second alone where it is about nothing, [batch].

    Raises:
        UserError: The schema has no negative label, so there is one question alone.
    """
    if negative is None:
        raise UserError("the loss factored needs a negative label: declare one, or take the loss softmax")
    unstated = (targets.classes == negative).to(logits.dtype)
    loss = functional.binary_cross_entropy_with_logits(logits[:, negative], unstated, reduction="none")
    about = functional.cross_entropy(_others(logits, negative), targets.about, reduction="none", ignore_index=NOTHING)
    return loss + about


def decided(logits: torch.Tensor, negative: int | None) -> torch.Tensor:
    """The log probability of each label, [batch, labels]."""
    if negative is None:
        return logits
    unstated = logits[:, negative].unsqueeze(1)
    each = functional.log_softmax(_others(logits, negative), -1) + functional.logsigmoid(-unstated)
    return each.index_copy(1, torch.tensor([negative], device=logits.device), functional.logsigmoid(unstated))


def _others(logits: torch.Tensor, negative: int) -> torch.Tensor:
    """The logits with that of the negative label out of reach."""
    hidden = torch.zeros(logits.shape[1], dtype=torch.bool, device=logits.device)
    hidden[negative] = True
    return logits.masked_fill(hidden, torch.finfo(logits.dtype).min)
