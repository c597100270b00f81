"""Typed entity markers (Zhou and Chen 2022, "An Improved Baseline for Sentence-level Relation Extraction").

Section 3.1: `typed entity marker (punct)` where the mentions have types, `entity marker (punct)` where they do not.
Both use punctuation that every vocabulary holds, so no token has to be learnt from eight sentences.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relseed.classifier.encoding import Input
from relseed.classifier.heads.mentions import check_mentions, has_types, lacking_types, mark
from relseed.tasks.task import Task
from relseed.training.encoders import load_encoder


class MarkerHead(nn.Sequential):
    """Section 3.2 and their code: Linear(2h, h), ReLU, dropout, Linear(h, labels)."""

    def __init__(self, width: int, labels: int, *, dropout: float = 0.0) -> None:
        super().__init__(nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, labels))
        self.labels = labels

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Logits [batch, labels] from the states of the two start markers, [batch, 2, h]."""
        return super().forward(states.flatten(1))


def options(task: Task, train: Sequence[Any]) -> dict[str, Any]:
    """Whether the markers carry entity types: they do where any mention of the training set has one.

    Raises:
        UserError: The task has no mentions.
    """
    check_mentions(task, "typed_marker")
    return {"typed": has_types(train)}


lacking = lacking_types


def show(
    task: Task, example: Any, tokenizer: PreTrainedTokenizerBase, head: nn.Module, options: Mapping[str, Any]
) -> Input:
    """The sentence with `@ * type * head @` and `# ^ type ^ tail #` in it; the head reads the two start markers."""
    return mark(example, typed=options["typed"])


def build(
    start: str, tokenizer: PreTrainedTokenizerBase, schema: Any, dropout: float
) -> tuple[PreTrainedModel, MarkerHead]:
    """The encoder of this name or folder, and a fresh head."""
    encoder = load_encoder(start, dropout=dropout)
    return encoder, MarkerHead(encoder.config.hidden_size, len(schema.labels), dropout=dropout)


def load(encoder: PreTrainedModel, schema: Any, state: Mapping[str, torch.Tensor]) -> MarkerHead:
    """The head that has these weights."""
    head = MarkerHead(encoder.config.hidden_size, len(schema.labels))
    head.load_state_dict(state)
    return head
