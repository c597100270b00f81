"""A choice among the options of an item: each is as likely as the state of its first token says, beside all others.

Question and options are one input, so that one forward pass reads them all and each option is read beside the others;
the usual cross-encoder (Devlin et al. 2019, section 4.4) reads each with the question alone.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relseed.classifier.encoding import Input
from relseed.pipeline.errors import UserError
from relseed.tasks.task import Task
from relseed.training.encoders import load_encoder

_BETWEEN = " / "
_NEVER = -1e4  # the logit of an option that an item does not have: finite, so that means and sums stay so


class ChoiceHead(nn.Sequential):
    """Linear(h, h), tanh, dropout, Linear(h, 1), the same for each option."""

    def __init__(self, width: int, labels: int, *, dropout: float = 0.0) -> None:
        super().__init__(nn.Linear(width, width), nn.Tanh(), nn.Dropout(dropout), nn.Linear(width, 1))
        self.labels = labels

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Logits [batch, labels] from the states of the options, [batch, options, h], zeros where there is none."""
        logits = super().forward(states).squeeze(-1).masked_fill((states == 0).all(-1), _NEVER)
        return nn.functional.pad(logits, (0, self.labels - logits.shape[1]), value=_NEVER)


def options(task: Task, train: Sequence[Any]) -> dict[str, Any]:
    """Nothing: items bring their options.

    Raises:
        UserError: The examples have none.
    """
    if not all(map(task.choices, train)):
        raise UserError(f"the head choice reads options, and examples of {task.name} have none: take first_token")
    return {}


def lacking(items: Sequence[Any], options: Mapping[str, Any]) -> str | None:
    """Nothing."""
    return None


def show(task: Task, example: Any, tokenizer: PreTrainedTokenizerBase, head: Any, options: Mapping[str, Any]) -> Input:
    """The text, and all options after it; where it is too long, what stands before its last line is cut.

    Raises:
        UserError: There are more options than the head knows places.
    """
    text, choices = task.text(example), task.choices(example)
    if len(choices) > head.labels:
        raise UserError(
            f"{text!r} has {len(choices)} options, and the extractor learnt from questions of {head.labels} at most: "
            "train it on some that have as many"
        )
    starts, place = [], 0
    for choice in choices:
        starts.append(place + _first_seen(choice))
        place += len(choice) + len(_BETWEEN)
    question = text.rfind("\n") + 1
    return Input(text, _BETWEEN.join(choices), tuple(starts), in_second=True, keep=(question, len(text)))


def _first_seen(choice: str) -> int:
    """The place of the first character of an option that a tokenizer makes a token of: no blank, no sign of control."""
    return next((place for place, one in enumerate(choice) if one.isprintable() and not one.isspace()), 0)


def build(
    start: str, tokenizer: PreTrainedTokenizerBase, schema: Any, dropout: float
) -> tuple[PreTrainedModel, ChoiceHead]:
    """The encoder of this name or folder, and a fresh head."""
    encoder = load_encoder(start, dropout=dropout)
    return encoder, ChoiceHead(encoder.config.hidden_size, len(schema.labels), dropout=dropout)


def load(encoder: PreTrainedModel, schema: Any, state: Mapping[str, torch.Tensor]) -> ChoiceHead:
    """The head that has these weights."""
    head = ChoiceHead(encoder.config.hidden_size, len(schema.labels))
    head.load_state_dict(state)
    return head
