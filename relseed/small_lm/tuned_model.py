"""A causal language model with a LoRA adapter, which is merged into its weights once it is trained."""

from pathlib import Path
from typing import Any, cast

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relseed.llm.engines.transformers import load_causal_model
from relseed.pipeline.errors import UserError

# A prompt is the text of a document as it is, a response what goes on with it.
_TEMPLATE = (
    "{% for message in messages %}{{ message['content'] }}"
    "{% if message['role'] == 'assistant' %}{{ eos_token }}{% endif %}{% endfor %}"
)


def start(name: str, revision: str | None, lora: LoraConfig) -> tuple[PeftModel, PreTrainedTokenizerBase]:
    """A model, by name or path, under an adapter that changes nothing yet; its tokenizer, whose template adds nothing.

    The weights are in float32; `precision` says in what they are multiplied.

    Raises:
        UserError: There is no such model, it has none of the layers to change, or its tokenizer no token for the end.
    """
    model, tokenizer = load_causal_model(name, revision)
    if tokenizer.eos_token is None:
        raise UserError(f"lms: the tokenizer of {name} has no token for the end of a text: name another model")
    tokenizer.chat_template = _TEMPLATE
    try:
        return cast(PeftModel, get_peft_model(model.float(), lora)), tokenizer
    except ValueError as error:
        raise UserError(f"lms: target_modules do not fit {name}: {error}") from error


def save(model: PeftModel, tokenizer: PreTrainedTokenizerBase, folder: Path) -> None:
    """Write model and tokenizer as `from_pretrained` and `vllm serve` read them: the adapter merged, in bf16."""
    merged: Any = model.merge_and_unload()
    cast(PreTrainedModel, merged.to(torch.bfloat16)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
