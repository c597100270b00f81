"""The classifier: an encoder, and a head over its states at a few positions of the input."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel

from relseed.classifier.encoding import Encoded
from relseed.classifier.last_layer import restrict_last_layer

NOWHERE = -1  # in place of a position that an input does not have


@dataclass(frozen=True, slots=True)
class Batch:
    """Padded inputs: `ids` and `attention` [batch, length], `positions` [batch, n], those that the head reads.

    An input of which the head reads fewer has -1 after them.
    """

    ids: torch.Tensor
    attention: torch.Tensor
    positions: torch.Tensor

    @classmethod
    def of(cls, inputs: Sequence[Encoded], pad: int, device: torch.device) -> "Batch":
        """Pad `inputs` with the token `pad` to the longest of them."""
        length = max(len(encoded.ids) for encoded in inputs)
        ids = [encoded.ids + [pad] * (length - len(encoded.ids)) for encoded in inputs]
        attention = [[1] * len(encoded.ids) + [0] * (length - len(encoded.ids)) for encoded in inputs]
        most = max(len(encoded.positions) for encoded in inputs)
        positions = [encoded.positions + [NOWHERE] * (most - len(encoded.positions)) for encoded in inputs]
        return cls(*(torch.tensor(values, device=device) for values in (ids, attention, positions)))


class Classifier(nn.Module):
    """An encoder, and a head that reads its last states at the positions that a batch names."""

    def __init__(self, encoder: PreTrainedModel, head: Any) -> None:
        super().__init__()
        self.encoder, self.head = encoder, head
        self.restricted = restrict_last_layer(encoder)

    def forward(self, batch: Batch) -> torch.Tensor:
        """Logits [batch, labels]."""
        return self.head(self.states(batch))

    def states(self, batch: Batch) -> torch.Tensor:
        """The encoder's last states at the positions that the head reads, [batch, n, h]; zeros where there is none."""
        missing = (batch.positions == NOWHERE).unsqueeze(-1)
        return self._states_at(batch, batch.positions.clamp(min=0)).masked_fill(missing, 0.0)

    def _states_at(self, batch: Batch, positions: torch.Tensor) -> torch.Tensor:
        if self.restricted:
            return self.encoder(
                input_ids=batch.ids, attention_mask=batch.attention, positions=positions
            ).last_hidden_state
        every = self.encoder(input_ids=batch.ids, attention_mask=batch.attention).last_hidden_state
        return every[torch.arange(len(every), device=every.device).unsqueeze(1), positions]
