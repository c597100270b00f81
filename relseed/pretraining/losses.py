"""The two losses of TKRE's pre-training (section 3.3): masked span language modelling, span contrast."""

import torch
from torch.nn import functional

from relseed.pretraining.masks import IGNORE_INDEX


def mslm_loss(logits: torch.Tensor, labels: torch.Tensor, texts: int, longest: int) -> torch.Tensor:
    """Masked span language modelling: -(1/gamma) sum over masked tokens of log P(token), mean over texts.

    `logits` [masked, vocabulary], `labels` [masked]: the masked tokens of all `texts` of a batch. `longest` is gamma,
    the most tokens of an input.
    """
    total = functional.cross_entropy(logits.float(), labels, ignore_index=IGNORE_INDEX, reduction="sum")
    return total / (longest * texts)


def scl_loss(anchor: torch.Tensor, positive: torch.Tensor, negative: torch.Tensor, temperature: float) -> torch.Tensor:
    """Span contrast (equation 6): -log of e^(cos(a,p)/t) / (e^(cos(a,p)/t) + e^(cos(a,n)/t)), mean over spans.

    `anchor`, `positive`, `negative` [spans, width]: of each its relation, its relation span, a span that carries none.
    Zero without spans.
    """
    if not len(anchor):
        return anchor.sum()
    near = functional.cosine_similarity(anchor, positive, dim=-1).unsqueeze(1)
    far = functional.cosine_similarity(anchor, negative, dim=-1).unsqueeze(1)
    logits = torch.cat([near, far], dim=1)
    return functional.cross_entropy(
        logits.float() / temperature, torch.zeros(len(anchor), dtype=torch.long, device=anchor.device)
    )
