"""The two heads of TKRE: over the states of the typed markers, or over those of hidden places of a prompt (GenPT)."""

from collections.abc import Mapping, Sequence
from typing import Literal, cast

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel
from transformers.activations import ACT2FN

from relseed.training.masked_lm import head_of

HeadName = Literal["typed_marker", "genpt"]

_NONE = -1  # behind the last token of a name


class MarkerHead(nn.Sequential):
    """Zhou and Chen 2022, section 3.2 and their code: Linear(2h, h), ReLU, dropout, Linear(h, labels)."""

    def __init__(self, width: int, labels: int, *, dropout: float = 0.0) -> None:
        super().__init__(nn.Linear(2 * width, width), nn.ReLU(), nn.Dropout(dropout), nn.Linear(width, labels))
        self.labels = labels

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Logits [batch, labels] from the states of the two start markers, [batch, 2, h]."""
        return super().forward(states.flatten(1))


class InfillingHead(nn.Module):
    """GenPT (Han et al. 2022): a relation is as likely as its name is in the hidden places of a prompt.

    A masked language model's head that tells the tokens of the relations' names alone. The score of a relation is the
    mean of the log-probabilities of its name's tokens, the n-th in the n-th place; places behind them do not count.
    """

    names: torch.Tensor  # [labels, places]: which answer stands where, or none

    def __init__(self, config: PreTrainedConfig, answers: int, names: torch.Tensor) -> None:
        super().__init__()
        width = config.hidden_size
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.activation = ACT2FN[config.hidden_act]
        self.answers = nn.Linear(width, answers)
        self.register_buffer("names", names)
        self.labels, self.places = names.shape

    @classmethod
    def from_masked_lm(cls, model: PreTrainedModel, names: Sequence[Sequence[int]]) -> "InfillingHead":
        """The head of `model`, cut to the tokens of `names`, token ids of each relation's name."""
        tokens = sorted({token for name in names for token in name})
        places = max(len(name) for name in names)
        number = {token: at for at, token in enumerate(tokens)}
        rows = [[*(number[token] for token in name), *[_NONE] * (places - len(name))] for name in names]
        head = cls(model.config, len(tokens), torch.tensor(rows))
        embedding = cast(nn.Embedding, model.get_input_embeddings()).weight
        modules = list(head_of(model).modules())
        linear = [one for one in modules if isinstance(one, nn.Linear)]
        head.dense.load_state_dict(next(one for one in linear if one.weight is not embedding).state_dict())
        head.norm.load_state_dict(next(one for one in modules if isinstance(one, nn.LayerNorm)).state_dict())
        telling = next(one for one in linear if one.weight is embedding)
        head.answers.load_state_dict({name: weight[tokens] for name, weight in telling.state_dict().items()})
        return head

    @classmethod
    def from_state(cls, config: PreTrainedConfig, state: Mapping[str, torch.Tensor]) -> "InfillingHead":
        """The head that has this state, over an encoder of this configuration."""
        head = cls(config, len(state["answers.weight"]), state["names"])
        head.load_state_dict(state)
        return head

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Scores [batch, labels], logits of a softmax, from the states at the hidden places, [batch, places, h]."""
        told = self.answers(self.norm(self.activation(self.dense(states)))).float().log_softmax(-1)
        there = self.names != _NONE
        at = torch.arange(self.places, device=states.device)
        each = told[:, at, self.names.clamp(min=0)]  # [batch, labels, places]
        return (each * there).sum(-1) / there.sum(-1)


Head = MarkerHead | InfillingHead
