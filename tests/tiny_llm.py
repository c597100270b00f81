"""Random models, small enough to run anywhere, with a byte-level tokenizer, and what they are asked for.

The causal one is a Llama of two layers.
"""

from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer, decoders, pre_tokenizers
from tokenizers.models import BPE
from transformers import (
    BartConfig,
    BartForConditionalGeneration,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5ForConditionalGeneration,
)

from relseed.quality.rules import RuleSettings
from relseed.tasks.relation import Relation, Schema
from relseed.tasks.relation.prompt import SentencePrompt
from relseed.tasks.task import Ask

SCHEMA = Schema(
    relations=(
        Relation(relation="born_in", head_type="PERSON", tail_type="PLACE", definition="born there"),
        Relation(relation="none", definition="nothing", negative=True),
    )
)
_TEMPLATE = "{% for message in messages %}{{ message['content'] }}\n\n{% endfor %}"


def born_in(count: int) -> SentencePrompt:
    """A request for so many sentences, of any length, of the one relation that states something."""
    rules = RuleSettings(min_words=1, max_words=500, near_duplicate=1.0, near_duplicate_masked=None, language=None)
    return SentencePrompt.of(
        Ask(
            method="one_by_one",
            loop="one_by_one",
            schema=SCHEMA,
            label="born_in",
            kind=None,
            count=count,
            rules=rules,
            seeds=[],
            diversity_instruction=False,
            characters=None,
        )
    )


def byte_tokenizer(**fields: Any) -> PreTrainedTokenizerFast:
    """A tokenizer whose tokens are the bytes, and three of its own."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokens = ["<pad>", "<s>", "</s>", *alphabet]
    backend = Tokenizer(BPE(vocab={token: number for number, token in enumerate(tokens)}, merges=[]))
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    names = {"pad_token": "<pad>", "bos_token": "<s>", "eos_token": "</s>"}
    return PreTrainedTokenizerFast(tokenizer_object=backend, **names, **fields)


def save_tiny_llm(folder: Path, leaning: str = '<"') -> Path:
    """Write model and tokenizer as `from_pretrained` and `vllm serve` read them.

    It leans towards the tokens of `leaning`, by default those of tags and the end of strings: a random model would
    write on and on.
    """
    tokenizer = byte_tokenizer(chat_template=_TEMPLATE)
    tokenizer.save_pretrained(folder)
    tokens = tokenizer.convert_ids_to_tokens(list(range(len(tokenizer))))
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokens),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=2,
        max_position_embeddings=8192,
        bos_token_id=1,
        eos_token_id=2,
        pad_token_id=0,
    )
    model: Any = LlamaForCausalLM(config)
    # All states agree in their first number, which the output reads as the leaning.
    model.model.embed_tokens.weight.data[:, 0] = 5.0
    model.lm_head.weight.data[:, 0] = 0.0
    for number, token in enumerate(tokens):
        if token in leaning:
            model.lm_head.weight.data[number, 0] = 0.5
    model.to(torch.bfloat16).save_pretrained(folder)
    return folder


_SIDES = {"layers": 1, "attention_heads": 2, "ffn_dim": 64}


def save_tiny_seq2seq(folder: Path, kind: str) -> Path:
    """A random T5 or BART, small enough to run anywhere."""
    tokenizer = byte_tokenizer()
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    ids: dict[str, Any] = {"vocab_size": len(tokenizer), "pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
    start: dict[str, Any] = {"decoder_start_token_id": 0}
    model: Any
    if kind == "t5":
        sizes: dict[str, Any] = {"d_model": 32, "d_ff": 64, "d_kv": 16, "num_layers": 1, "num_heads": 2}
        model = T5ForConditionalGeneration(T5Config(**ids, **sizes, **start))
    else:
        layers: dict[str, Any] = {
            f"{side}_{name}": size for side in ("encoder", "decoder") for name, size in _SIDES.items()
        }
        model = BartForConditionalGeneration(BartConfig(**ids, **layers, **start, d_model=32, forced_eos_token_id=None))
    model.save_pretrained(folder)
    return folder
