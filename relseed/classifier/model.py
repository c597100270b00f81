"""The relation classifier: an encoder, and a head over its states at a few places of the input."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn
from transformers import PreTrainedModel

from relseed.classifier.heads import Head
from relseed.classifier.last_layer import narrow
from relseed.classifier.marking import Encoded


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded sentences: `ids` and `attention` [batch, length], `at` [batch, n], the positions that the head reads."""

    ids: torch.Tensor
    attention: torch.Tensor
    at: torch.Tensor

    @classmethod
    def of(cls, sentences: Sequence[Encoded], pad: int, device: torch.device) -> "Batch":
        """Pad `sentences` with the token `pad` to the longest of them."""
        length = max(len(sentence.ids) for sentence in sentences)
        ids = [sentence.ids + [pad] * (length - len(sentence.ids)) for sentence in sentences]
        attention = [[1] * len(sentence.ids) + [0] * (length - len(sentence.ids)) for sentence in sentences]
        at = [sentence.at for sentence in sentences]
        return cls(*(torch.tensor(values, device=device) for values in (ids, attention, at)))


class RelationClassifier(nn.Module):
    """An encoder, and a head that reads its last states at the places that a batch names."""

    def __init__(self, encoder: PreTrainedModel, head: Head) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.narrow = narrow(encoder)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits [batch, labels]."""
        if self.narrow:
            states = self.encoder(input_ids=batch.ids, attention_mask=batch.attention, at=batch.at).last_hidden_state
        else:
            every = self.encoder(input_ids=batch.ids, attention_mask=batch.attention).last_hidden_state
            states = every[torch.arange(len(every), device=every.device).unsqueeze(1), batch.at]
        return self.head(states)
