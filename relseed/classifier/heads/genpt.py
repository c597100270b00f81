"""GenPT (Han et al. 2022): a relation is as likely as its name is at the masks of a prompt.

After the marked sentence stands `person Ada [MASK] [MASK] city Skagen` (their figure 2, with words in place of learnt
prompt tokens, and types given, not to be predicted).
"""

from collections.abc import Mapping, Sequence
from typing import Any, cast

import torch
from torch import nn
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerBase
from transformers.activations import ACT2FN

from relseed.classifier.encoding import Input
from relseed.classifier.heads.mentions import check_mentions, has_types, lacking_types, mark, type_words
from relseed.tasks.task import Task
from relseed.training.masked_lm import load_masked_lm, mlm_head

_NONE = -1  # after the last token of a name


class InfillingHead(nn.Module):
    """A masked language model's head, of whose vocabulary the tokens of the relations' names are left.

    The score of a relation is the mean of the log-probabilities of its name's tokens, the n-th at the n-th mask; masks
    after them do not count.
    """

    names: torch.Tensor  # [labels, num_masks]: which token stands where, or none

    def __init__(self, config: PreTrainedConfig, tokens: int, names: torch.Tensor) -> None:
        super().__init__()
        width = config.hidden_size
        self.dense, self.norm = nn.Linear(width, width), nn.LayerNorm(width, eps=config.layer_norm_eps)
        self.activation = ACT2FN[config.hidden_act]
        self.answers = nn.Linear(width, tokens)
        self.register_buffer("names", names)
        self.labels, self.num_masks = names.shape

    @classmethod
    def from_masked_lm(cls, model: PreTrainedModel, names: Sequence[Sequence[int]]) -> "InfillingHead":
        """The head of `model`, cut to the tokens of `names`, token ids of each relation's name."""
        tokens = sorted({token for name in names for token in name})
        num_masks = max(len(name) for name in names)
        number = {token: at for at, token in enumerate(tokens)}
        rows = [[*(number[token] for token in name), *[_NONE] * (num_masks - len(name))] for name in names]
        head = cls(model.config, len(tokens), torch.tensor(rows))
        embedding = cast(nn.Embedding, model.get_input_embeddings()).weight
        modules = list(mlm_head(model).modules())
        linear = [module for module in modules if isinstance(module, nn.Linear)]
        # BERT and RoBERTa name these layers differently; the last one is tied to the embeddings.
        head.dense.load_state_dict(next(layer for layer in linear if layer.weight is not embedding).state_dict())
        head.norm.load_state_dict(next(layer for layer in modules if isinstance(layer, nn.LayerNorm)).state_dict())
        last = next(layer for layer in linear if layer.weight is embedding)
        head.answers.load_state_dict({name: weight[tokens] for name, weight in last.state_dict().items()})
        return head

    def forward(self, states: torch.Tensor) -> torch.Tensor:
        """Scores [batch, labels], logits of a softmax, from the states at the masks, [batch, num_masks, h]."""
        log_probs = self.answers(self.norm(self.activation(self.dense(states)))).float().log_softmax(-1)
        valid = self.names != _NONE
        at = torch.arange(self.num_masks, device=states.device)
        each = log_probs[:, at, self.names.clamp(min=0)]  # [batch, labels, num_masks]
        return (each * valid).sum(-1) / valid.sum(-1)


def options(task: Task, train: Sequence[Any]) -> dict[str, Any]:
    """Whether markers and prompt carry entity types: they do where any mention of the training set has one.

    Raises:
        UserError: The task has no mentions.
    """
    check_mentions(task, "genpt")
    return {"typed": has_types(train)}


lacking = lacking_types


def show(
    task: Task, example: Any, tokenizer: PreTrainedTokenizerBase, head: nn.Module, options: Mapping[str, Any]
) -> Input:
    """The marked sentence, and the prompt after it; the head reads the masks."""
    marked = mark(example, typed=options["typed"])
    num_masks, mask = cast(InfillingHead, head).num_masks, tokenizer.mask_token
    prompt, anchors = infilling_prompt(example, typed=options["typed"], num_masks=num_masks, mask=mask)
    return Input(marked.text, prompt, anchors, in_second=True, keep=marked.keep)


def infilling_prompt(sentence: Any, *, typed: bool, num_masks: int, mask: str) -> tuple[str, tuple[int, ...]]:
    """`person Ada [MASK] [MASK] city Skagen`, and where its masks begin."""
    text = f"{_named(sentence, sentence.head, typed)} "
    starts = tuple(len(text) + at * (len(mask) + 1) for at in range(num_masks))
    return f"{text}{f'{mask} ' * num_masks}{_named(sentence, sentence.tail, typed)}", starts


def _named(sentence: Any, mention: Any, typed: bool) -> str:
    words = mention.text_of(sentence.text)
    return f"{type_words(mention.type)} {words}" if typed and mention.type else words


def build(
    start: str, tokenizer: PreTrainedTokenizerBase, schema: Any, dropout: float
) -> tuple[PreTrainedModel, InfillingHead]:
    """The encoder of this name or folder, and the head of its masked language model, cut to the labels' names."""
    names = [tokenizer(entry.name, add_special_tokens=False)["input_ids"] for entry in schema.entries]
    masked_lm, _ = load_masked_lm(start, names, dropout=dropout)
    head = InfillingHead.from_masked_lm(masked_lm, names)
    return cast(PreTrainedModel, masked_lm.base_model), head


def load(encoder: PreTrainedModel, schema: Any, state: Mapping[str, torch.Tensor]) -> InfillingHead:
    """The head that has these weights."""
    head = InfillingHead(encoder.config, len(state["answers.weight"]), state["names"])
    head.load_state_dict(state)
    return head
