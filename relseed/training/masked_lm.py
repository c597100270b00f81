"""Encoders with the head that predicts masked tokens, tied to their embeddings; fresh where a checkpoint has none."""

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import nn
from transformers import AutoModelForMaskedLM, PreTrainedModel

from relseed.pipeline.errors import UserError
from relseed.training.device import attention_implementation, device
from relseed.training.encoders import encoder_path, lacks_weights, prepared_config, quiet_loading

_HEADS = ("cls", "lm_head")  # of BERT; of RoBERTa and models like it
_UNSEEN = 0.01  # count of a token that is in no text
_NORM_SCALE = 0.1  # of a fresh head


def load_masked_lm(name: str, texts: Iterable[Sequence[int]], *, dropout: float) -> tuple[PreTrainedModel, bool]:
    """Load an encoder in fp32 with its head for masked tokens, and whether that head is fresh.

    A checkpoint without one, such as all-MiniLM-L6-v2, gets a fresh one. It begins by predicting each token as often as
    it occurs in `texts`, which are token ids: see `init_mlm_head`.

    Raises:
        UserError: There is no such model here, it is no BERT-like encoder, or it lacks other weights.
    """
    with quiet_loading(name):
        model, report = AutoModelForMaskedLM.from_pretrained(
            encoder_path(name),
            config=prepared_config(name, dropout),
            dtype="float32",
            attn_implementation=attention_implementation(device()),
            output_loading_info=True,
            trust_remote_code=False,
        )
    head = mlm_head(model)
    prefix = next(name for name in _HEADS if hasattr(model, name))
    missing = sorted(key for key in report["missing_keys"] if not key.startswith("pooler."))
    if not missing:
        return model, False
    if others := [key for key in missing if not key.startswith(f"{prefix}.")]:
        raise lacks_weights(name, others)
    init_mlm_head(head, cast(nn.Embedding, model.get_input_embeddings()), texts)
    return model, True


def mlm_head(model: PreTrainedModel) -> nn.Module:
    """The head of a masked language model, which takes states of any shape [..., width].

    Raises:
        UserError: It has none by the names that are known.
    """
    for name in _HEADS:
        if hasattr(model, name):
            return getattr(model, name)
    raise UserError(
        f"'{model.name_or_path}' has no head for masked tokens as BERT and RoBERTa have: pre-train one of these"
    )


@torch.no_grad()
def init_mlm_head(head: nn.Module, embeddings: nn.Embedding, texts: Iterable[Sequence[int]]) -> None:
    """Initialize a fresh head that is tied to `embeddings`.

    Its dense layer is the identity and its norm scales to a tenth, so that the bias of the last layer, the logarithm of
    each token's share in `texts`, counts most: 6.65 nats a masked token on Gazette's explanations, where random weights
    begin with 10.7, and a whole norm with 7.6. The head learns from there what the states hold.
    """
    counts = torch.full((len(embeddings.weight),), _UNSEEN, device=embeddings.weight.device)
    for text in texts:
        counts += torch.bincount(torch.tensor(text, device=counts.device), minlength=len(counts))
    for module in head.modules():
        if isinstance(module, nn.LayerNorm):
            nn.init.constant_(module.weight, _NORM_SCALE)
        elif isinstance(module, nn.Linear) and module.weight is embeddings.weight:
            module.bias.copy_((counts / counts.sum()).log())
        elif isinstance(module, nn.Linear):
            nn.init.eye_(module.weight)
            nn.init.zeros_(module.bias)
