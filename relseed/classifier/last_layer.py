"""The last layer of a BERT-like encoder at the positions that the head reads alone: no other state of it counts.

Of the last layer's work at the other tokens only keys and values count: a sixth of its matrix products, and the last
layer is a sixth of the embedded encoder. The states are those of the whole layer.
"""

from functools import partial
from typing import Any

import torch
from torch import nn
from transformers import PreTrainedModel
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS
from transformers.models.bert.modeling_bert import BertLayer, eager_attention_forward
from transformers.models.roberta.modeling_roberta import RobertaLayer
from transformers.models.xlm_roberta.modeling_xlm_roberta import XLMRobertaLayer


def restrict_last_layer(encoder: PreTrainedModel) -> bool:
    """Make the encoder take `positions` [batch, n] and answer with the last states there, [batch, n, h].

    Without them it answers with all states, as before. Its weights keep their names. False, and nothing done, for
    encoders whose layers are built otherwise.
    """
    layers = getattr(getattr(encoder, "encoder", None), "layer", None)
    if layers is None or not isinstance(layers[-1], BertLayer | RobertaLayer | XLMRobertaLayer):
        return False
    last: nn.Module = layers[-1]
    last.forward = partial(_forward, last)  # type: ignore[method-assign]
    return True


def _forward(
    layer: Any,
    states: torch.Tensor,
    mask: torch.Tensor | None = None,
    *others: Any,
    positions: torch.Tensor | None = None,
    **options: Any,
) -> torch.Tensor:
    if positions is None:
        return type(layer).forward(layer, states, mask, *others, **options)
    attention = layer.attention.self
    rows = torch.arange(len(states), device=states.device).unsqueeze(1)
    asking = states[rows, positions]
    query, key, value = (
        projected.unflatten(-1, (-1, attention.attention_head_size)).transpose(1, 2)
        for projected in (attention.query(asking), attention.key(states), attention.value(states))
    )
    # The mask of an encoder looks at the keys alone: one row of it serves every query.
    mask = None if mask is None else mask[..., :1, :]
    attend = ALL_ATTENTION_FUNCTIONS.get_interface(attention.config._attn_implementation, eager_attention_forward)
    context, _ = attend(attention, query, key, value, mask, dropout=0.0, scaling=attention.scaling)
    attended = layer.attention.output(context.flatten(2), asking)
    return layer.feed_forward_chunk(attended)
