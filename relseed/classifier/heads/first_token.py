"""The first token, for any task: a cross-encoder over one text or two (Devlin et al. 2019, section 4.1)."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relseed.classifier.encoding import Input
from relseed.tasks.task import Task
from relseed.training.encoders import load_encoder


class FirstTokenHead(nn.Sequential):
    """Linear(h, h), tanh, dropout, Linear(h, labels): BERT's pooler and classifier, both fresh."""

    def __init__(self, width: int, labels: int, *, dropout: float = 0.0) -> None:
        super().__init__(nn.Linear(width, width), nn.Tanh(), nn.Dropout(dropout), nn.Linear(width, labels))
        self.labels = labels

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Logits [batch, labels] from the state of the first token, [batch, 1, h]."""
        return super().forward(states[:, 0])


def options(task: Task, train: Sequence[Any]) -> dict[str, Any]:
    """Nothing: texts are shown as they are."""
    return {}


def lacking(items: Sequence[Any], options: Mapping[str, Any]) -> str | None:
    """Nothing."""
    return None


def show(
    task: Task, example: Any, tokenizer: PreTrainedTokenizerBase, head: nn.Module, options: Mapping[str, Any]
) -> Input:
    """The texts of the example, one after the other."""
    return Input(*task.texts(example))


def build(
    start: str, tokenizer: PreTrainedTokenizerBase, schema: Any, dropout: float
) -> tuple[PreTrainedModel, FirstTokenHead]:
    """The encoder of this name or folder, and a fresh head."""
    encoder = load_encoder(start, dropout=dropout)
    return encoder, FirstTokenHead(encoder.config.hidden_size, len(schema.labels), dropout=dropout)


def load(encoder: PreTrainedModel, schema: Any, state: Mapping[str, torch.Tensor]) -> FirstTokenHead:
    """The head that has these weights."""
    head = FirstTokenHead(encoder.config.hidden_size, len(schema.labels))
    head.load_state_dict(state)
    return head
