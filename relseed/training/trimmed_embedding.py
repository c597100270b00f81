"""Train only the embedding rows that can get a gradient.

A row whose token is in no batch gets no gradient, and without weight decay AdamW leaves it where it
is: training the rows in use alone gives the same weights, without a dense step over the whole
vocabulary (11.7 of MiniLM's 22.7 million weights).
"""

from collections.abc import Iterable
from typing import cast

import torch
from torch import nn
from torch.nn import functional
from transformers import PreTrainedModel


class TrimmedEmbedding(nn.Module):
    """An embedding of the tokens in use, looked up by their ids in the whole vocabulary."""

    rows: torch.Tensor
    numbers: torch.Tensor

    def __init__(self, whole: nn.Embedding, used: Iterable[int]) -> None:
        super().__init__()
        device = whole.weight.device
        rows = torch.tensor(sorted(set(used)), device=device)
        numbers = torch.full((whole.num_embeddings,), -1, device=device)
        numbers[rows] = torch.arange(len(rows), device=device)
        self.weight = nn.Parameter(whole.weight.detach()[rows].clone())
        self.register_buffer("rows", rows, persistent=False)
        self.register_buffer("numbers", numbers, persistent=False)

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        """Embed `ids` [batch, length]; an id that is not in use is an error (index out of range)."""
        return functional.embedding(self.numbers[ids], self.weight)


def trim(encoder: PreTrainedModel, used: Iterable[int]) -> nn.Embedding:
    """Put a `TrimmedEmbedding` in place of the encoder's input embedding and return the latter."""
    whole = cast(nn.Embedding, encoder.get_input_embeddings())
    encoder.set_input_embeddings(TrimmedEmbedding(whole, used))
    return whole


@torch.no_grad()
def restore(encoder: PreTrainedModel, whole: nn.Embedding) -> None:
    """Write the trained rows back into the whole embedding and put it back."""
    trimmed = cast(TrimmedEmbedding, encoder.get_input_embeddings())
    whole.weight[trimmed.rows] = trimmed.weight
    encoder.set_input_embeddings(whole)
