"""The relation classifier: an encoder, and a head over the states of the two start markers."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from stages.extractor.last_layer import narrow
from stages.extractor.marking import Encoded


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded sentences: `ids` and `attention` [batch, length], `head` and `tail` marker positions [batch]."""

    ids: torch.Tensor
    attention: torch.Tensor
    head: torch.Tensor
    tail: torch.Tensor

    @classmethod
    def of(cls, sentences: Sequence[Encoded], pad: int, device: torch.device) -> "Batch":
        """Pad `sentences` with the token `pad` to the longest of them."""
        length = max(len(sentence.ids) for sentence in sentences)
        ids = [sentence.ids + [pad] * (length - len(sentence.ids)) for sentence in sentences]
        attention = [[1] * len(sentence.ids) + [0] * (length - len(sentence.ids)) for sentence in sentences]
        head, tail = [sentence.head for sentence in sentences], [sentence.tail for sentence in sentences]
        return cls(*(torch.tensor(values, device=device) for values in (ids, attention, head, tail)))


class RelationClassifier(nn.Module):
    """Typed-marker classifier (Zhou and Chen 2022, section 3.2 and their code).

    The states of the two start markers, [batch, 2h], go through Linear(2h, h), ReLU, dropout and
    Linear(h, labels).
    """

    def __init__(self, encoder: PreTrainedModel, labels: int, *, dropout: float = 0.0) -> None:
        super().__init__()
        width = encoder.config.hidden_size
        self.encoder = encoder
        self.labels = labels
        self.narrow = narrow(encoder)
        self.head = nn.Sequential(nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, labels))

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits [batch, labels]."""
        markers = torch.stack([batch.head, batch.tail], dim=1)
        if self.narrow:
            states = self.encoder(input_ids=batch.ids, attention_mask=batch.attention, at=markers).last_hidden_state
        else:
            every = self.encoder(input_ids=batch.ids, attention_mask=batch.attention).last_hidden_state
            states = every[torch.arange(len(every), device=every.device).unsqueeze(1), markers]
        return self.head(states.flatten(1))
