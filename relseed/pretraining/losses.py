"""The two losses of TKRE's pre-training (section 3.3): masked span language modelling, span contrast."""

import torch
from torch.nn import functional

from relseed.pretraining.masks import IGNORED


def mslm_loss(logits: torch.Tensor, labels: torch.Tensor, texts: int, longest: int) -> torch.Tensor:
    """Masked span language modelling: -(1/gamma) sum over hidden tokens of log P(token), mean over texts.

    `logits` [hidden, vocabulary], `labels` [hidden]: the hidden tokens of all `texts` of a batch. `longest` is gamma,
    the most tokens of an input.
    """
    total = functional.cross_entropy(logits.float(), labels, ignore_index=IGNORED, reduction="sum")
    return total / (longest * texts)


def scl_loss(
    anchor: torch.Tensor,
    positive: torch.Tensor,
    negative: torch.Tensor,
    temperature: float,
    relations: torch.Tensor | None = None,
) -> torch.Tensor:
    """Span contrast (equation 6): -log of e^(cos(a,p)/t) / (e^(cos(a,p)/t) + e^(cos(a,n)/t)), mean over spans.

    `anchor`, `positive`, `negative` [spans, width]: of each its relation, its relation span, a span that carries none.
    With the class numbers `relations` [spans], the positives of other relations are negatives, too. Zero without spans.
    """
    if not len(anchor):
        return anchor.sum()
    near = functional.cosine_similarity(anchor, positive, dim=-1).unsqueeze(1)
    far = functional.cosine_similarity(anchor, negative, dim=-1).unsqueeze(1)
    logits = torch.cat([near, far], dim=1)
    if relations is not None:
        others = functional.cosine_similarity(anchor.unsqueeze(1), positive.unsqueeze(0), dim=-1)
        same = relations.unsqueeze(1) == relations.unsqueeze(0)
        logits = torch.cat([logits, others.masked_fill(same, float("-inf"))], dim=1)
    return functional.cross_entropy(
        logits.float() / temperature, torch.zeros(len(anchor), dtype=torch.long, device=anchor.device)
    )
