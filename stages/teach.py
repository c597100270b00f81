"""Teach a small causal model what relation samples look like, on background relations that it will not write for.

Reads    data/almanac: relations.jsonl and sentences.jsonl; an encoder, by name or path
Writes   models/generator/base: the model, its tokenizer, history of the training
Alone    python -m stages.teach data/almanac models/generator/base

An interrupted run goes on where it was: its state lies in .scratch, in a folder named after what determines the result.
"""

import json
from itertools import islice
from pathlib import Path
from typing import Any, cast

import torch
from datasets import Dataset
from pydantic import Field, PositiveInt
from transformers import (
    BertLMHeadModel,
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from relseed.pipeline.command import run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import section
from relseed.small_lm.corpus import documents
from relseed.small_lm.warm_start import warm_start
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tracking.run import tracked
from relseed.training.device import device, seed_everything
from relseed.training.dropout import use_byte_dropout
from relseed.training.hf_trainer import Told, Training, train
from relseed.training.resume import locked, state_folder


class Teach(Training):
    """How to make and teach the small generator."""

    encoder: str  # a BERT, by name or path, whose weights it begins with
    frequent: PositiveInt  # first tokens of the encoder's vocabulary that it keeps, beside those of its texts
    samples: PositiveInt  # of one relation in a document
    max_length: int = Field(ge=16, le=512)  # tokens of a document
    head_lr: float = Field(gt=0)  # of the head, which is fresh
    weight_decay: float = Field(ge=0)
    clip: float = Field(gt=0)  # gradient norm
    dropout: float = Field(ge=0, lt=1)


def main(background: Path, base: Path) -> None:
    """Warm-start, teach, and write the model."""
    params = section(Teach)
    relations, sentences = background / "relations.jsonl", background / "sentences.jsonl"
    schema = read_schema(relations)
    examples = read_examples(sentences, schema)
    count = params.updates * params.batch_size
    texts = list(islice(documents(schema.relations, examples, params.samples, params.seed), count))
    scratch = state_folder("teach", params.encoder, params=params.model_dump(), texts=texts)
    with (
        locked([scratch]),
        tracked("teach", params=params.model_dump(), reads=[relations, sentences], writes=[base]) as log,
        output_folder(base) as partial,
    ):
        seed_everything(params.seed)
        model, tokenizer = warm_start(params.encoder, texts, frequent=params.frequent, dropout=params.dropout)
        if device().type == "cpu":
            use_byte_dropout(model)
        trainer = Trainer(
            model=model,
            args=TrainingArguments(**params.arguments(scratch), max_grad_norm=params.clip, logging_steps=20),
            train_dataset=_tokenized(tokenizer, texts, params.max_length),
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
            callbacks=[Told(log, {"loss": "loss"})],
            optimizers=(_optimizer(model, params), None),
        )
        history = train(trainer, scratch)
        cast(PreTrainedModel, model.bfloat16()).save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        (partial / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")


def _tokenized(tokenizer: PreTrainedTokenizerBase, texts: list[str], max_length: int) -> Dataset:
    ids = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    return Dataset.from_dict({"input_ids": ids})


def _optimizer(model: BertLMHeadModel, params: Teach) -> torch.optim.Optimizer:
    """Embeddings, biases and norms do not decay."""
    embedding = model.get_input_embeddings().weight
    head = [one for one in model.cls.parameters() if one is not embedding]
    matrices = [one for one in model.bert.parameters() if one.dim() > 1 and one is not embedding]
    others = [one for one in model.bert.parameters() if one.dim() == 1 or one is embedding]
    groups: list[dict[str, Any]] = [
        {"params": matrices, "weight_decay": params.weight_decay},
        {"params": others},
        {"params": head, "lr": params.head_lr},
    ]
    return torch.optim.AdamW(groups, lr=params.lr, weight_decay=0.0, fused=True)


if __name__ == "__main__":
    run(main)
