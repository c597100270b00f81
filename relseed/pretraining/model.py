"""The model that is pre-trained: a masked language model, and an embedding of each relation beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relseed.pretraining.corpus import Text
from relseed.pretraining.losses import mslm_loss, scl_loss
from relseed.pretraining.masks import IGNORE_INDEX, Masking, mask_tokens, negative_span
from relseed.tasks.relation import Schema
from relseed.tasks.relation.tags import Span
from relseed.training.masked_lm import mlm_head


@dataclass(frozen=True, slots=True)
class MaskedBatch:
    """Padded texts with masked tokens: `ids`, `attention`, `labels` [batch, length], and the spans to contrast.

    `rows`, `relations` [spans]: of each span its text in the batch and the class number of its relation.
    """

    ids: torch.Tensor
    attention: torch.Tensor
    labels: torch.Tensor
    rows: list[int]
    positive: list[Span]
    negative: list[Span]
    relations: torch.Tensor


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The tokens that masking needs: of the padding, of a mask, and all that are words."""

    pad: int
    mask: int
    words: list[int]

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase) -> "Vocabulary":
        """The vocabulary of a tokenizer."""
        special = set(tokenizer.all_special_ids)
        words = [token for token in range(len(tokenizer)) if token not in special]
        return cls(tokenizer.pad_token_id, tokenizer.mask_token_id, words)


def batch_of(
    texts: Sequence[Text],
    vocabulary: Vocabulary,
    masking: Masking,
    rng: np.random.Generator,
    device: torch.device,
) -> MaskedBatch:
    """Mask tokens of `texts`, draw their negative spans, and pad them to the longest."""
    length = max(len(text.ids) for text in texts)
    masked = [mask_tokens(text.ids, text.kinds, masking, vocabulary.mask, vocabulary.words, rng) for text in texts]
    negatives = [negative_span(text.kinds, text.span[1] - text.span[0], rng) if text.span else None for text in texts]
    pairs = enumerate(zip(texts, negatives, strict=True))
    spans = [(row, text, negative) for row, (text, negative) in pairs if text.span and negative]

    def padded(rows: Sequence[Sequence[int]], value: int) -> torch.Tensor:
        return torch.tensor([[*row, *[value] * (length - len(row))] for row in rows], device=device)

    return MaskedBatch(
        ids=padded([ids for ids, _ in masked], vocabulary.pad),
        attention=padded([[1] * len(text.ids) for text in texts], 0),
        labels=padded([labels for _, labels in masked], IGNORE_INDEX),
        rows=[row for row, _, _ in spans],
        positive=[text.span for _, text, _ in spans if text.span],
        negative=[negative for _, _, negative in spans],
        relations=torch.tensor([text.relation for _, text, _ in spans], device=device, dtype=torch.long),
    )


class Pretraining(nn.Module):
    """Both losses of TKRE on one pass of the encoder over texts with masked tokens (section 3.3)."""

    def __init__(self, masked_lm: PreTrainedModel, relations: torch.Tensor, *, temperature: float) -> None:
        super().__init__()
        self.masked_lm = masked_lm
        self.encoder = masked_lm.base_model
        self.head = mlm_head(masked_lm)
        self.relations = nn.Embedding.from_pretrained(relations, freeze=False)  # [labels, width]: the anchors
        self.temperature = temperature

    def forward(self, batch: MaskedBatch, longest: int) -> tuple[torch.Tensor, torch.Tensor]:
        """MSLM and SCL of a batch; `longest` is the most tokens of an input."""
        states = self.encoder(input_ids=batch.ids, attention_mask=batch.attention).last_hidden_state
        asked = batch.labels != IGNORE_INDEX
        mslm = mslm_loss(self.head(states[asked]), batch.labels[asked], len(states), longest)
        scl = scl_loss(
            self.relations(batch.relations),
            _means(states, batch.rows, batch.positive),
            _means(states, batch.rows, batch.negative),
            self.temperature,
        )
        return mslm, scl


def _means(states: torch.Tensor, rows: Sequence[int], spans: Sequence[Span]) -> torch.Tensor:
    """The mean state of each span, [spans, width]."""
    if not rows:
        return states.new_zeros(0, states.shape[-1])
    return torch.stack([states[row, start:end].mean(0) for row, (start, end) in zip(rows, spans, strict=True)])


@torch.no_grad()
def anchors(masked_lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, schema: Schema) -> torch.Tensor:
    """Where the embeddings of the relations begin: the mean state of each one's name, [labels, width]."""
    masked_lm.eval()
    device = masked_lm.device
    means = []
    for relation in schema.relations:
        batch = tokenizer(relation.name, return_tensors="pt").to(device)
        states = masked_lm.base_model(batch["input_ids"]).last_hidden_state[0]
        means.append(states[1:-1].mean(0))
    return torch.stack(means)
