"""A causal language model that begins with the weights of an encoder (Rothe, Narayan and Severyn 2020).

Of the vocabulary it keeps what is frequent and what its first texts hold: the softmax is most of the work of a small
model, and the rest is spelled in word pieces.
"""

import json
from collections.abc import Iterable, Sequence
from typing import cast

import torch
from tokenizers import AddedToken, Tokenizer, decoders
from torch import nn
from transformers import AutoConfig, BertConfig, BertLMHeadModel, PreTrainedTokenizerBase, PreTrainedTokenizerFast

from relseed.pipeline.errors import UserError
from relseed.tasks.relation.continuation import BEGIN, END, STOP
from relseed.training.device import attention_implementation, device
from relseed.training.encoders import encoder_path, load_tokenizer, quiet_loading
from relseed.training.masked_lm import init_mlm_head, mlm_head

TAGS = ("<e1>", "</e1>", "<e2>", "</e2>", END)
# A prompt is the text of a document as it is, a response what goes on with it.
_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %} {{ eos_token }}{% endif %}{% endfor %}"
)


def warm_start(
    encoder: str, texts: Sequence[str], *, base_vocab_size: int, dropout: float
) -> tuple[BertLMHeadModel, PreTrainedTokenizerFast]:
    """The model and its tokenizer: the first `base_vocab_size` tokens of the encoder's, and those of `texts`.

    The head is fresh: see `init_mlm_head`.

    Raises:
        UserError: The encoder is not here, or is no BERT.
    """
    old = load_tokenizer(encoder)
    config = AutoConfig.from_pretrained(encoder_path(encoder))
    if not isinstance(config, BertConfig):
        raise UserError(f"lms: encoder is {encoder!r}, a {config.model_type}: take a BERT (all-MiniLM-L6-v2 is one)")
    config.is_decoder, config.use_cache = True, True
    config.hidden_dropout_prob, config.attention_probs_dropout_prob = dropout, 0.0
    with quiet_loading(encoder):
        model = BertLMHeadModel.from_pretrained(
            encoder_path(encoder),
            config=config,
            dtype="float32",
            attn_implementation=attention_implementation(device()),
        )
    number = old.get_vocab()
    # In the order of their numbers: that of `get_vocab` is another one each time.
    unused = sorted((token for token in number if token.startswith("[unused")), key=number.__getitem__)
    seen = {token for ids in old(list(texts), add_special_tokens=False)["input_ids"] for token in ids}
    words = sorted(seen | (set(range(base_vocab_size)) - {number[token] for token in unused}))
    tags = [number[token] for token in unused[: len(TAGS)]]
    tokenizer = _tokenizer(old, words)
    _prune(model, [*words, *tags])
    model.config.update({"pad_token_id": tokenizer.pad_token_id, "eos_token_id": tokenizer.eos_token_id})
    model.generation_config.update(pad_token_id=tokenizer.pad_token_id, eos_token_id=tokenizer.eos_token_id)
    init_mlm_head(
        mlm_head(model), cast(nn.Embedding, model.get_input_embeddings()), tokenizer(list(texts))["input_ids"]
    )
    return model, tokenizer


def _tokenizer(old: PreTrainedTokenizerBase, words: Sequence[int]) -> PreTrainedTokenizerFast:
    """A tokenizer of these tokens of the old one, in this order, and of the tags behind them."""
    described = json.loads(old.backend_tokenizer.to_str())
    described["model"]["vocab"] = {token: number for number, token in enumerate(old.convert_ids_to_tokens(list(words)))}
    described["post_processor"] = described["truncation"] = described["padding"] = None
    described["added_tokens"] = [
        token | {"id": described["model"]["vocab"][token["content"]]}
        for token in described["added_tokens"]
        if token["content"] in described["model"]["vocab"]
    ]
    backend = Tokenizer.from_str(json.dumps(described))
    backend.add_tokens([AddedToken(tag, normalized=False) for tag in TAGS])
    backend.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    return PreTrainedTokenizerFast(
        tokenizer_object=backend,
        bos_token=BEGIN,
        eos_token=STOP,
        pad_token="[PAD]",
        unk_token="[UNK]",
        chat_template=_TEMPLATE,
        clean_up_tokenization_spaces=False,
        model_max_length=512,
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],
    )


@torch.no_grad()
def _prune(model: BertLMHeadModel, rows: Iterable[int]) -> None:
    """Keep these rows of the embeddings, in this order; the output layer is tied to them."""
    kept = torch.tensor(list(rows))
    weight = cast(nn.Embedding, model.get_input_embeddings()).weight[kept].clone()
    model.resize_token_embeddings(len(kept), mean_resizing=False)
    cast(nn.Embedding, model.get_input_embeddings()).weight.copy_(weight)
    model.tie_weights()
