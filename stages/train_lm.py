"""Train a small causal language model, on background relations that it will not write for.

An interrupted run resumes: its state lies in .scratch, in a folder named after what decides the result.
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

from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import Params
from relseed.small_lm.corpus import documents
from relseed.small_lm.warm_start import warm_start
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.tracking.run import tracked
from relseed.training.device import device, seed_everything
from relseed.training.dropout import use_byte_dropout
from relseed.training.hf_trainer import MetricsCallback, TrainingConfig, train
from relseed.training.optimizer import parameter_groups
from relseed.training.resume import locked, state_folder


class TrainLM(TrainingConfig):
    """How to make and train the small language model."""

    encoder: str  # a BERT, by name or path, whose weights it begins with
    base_vocab_size: PositiveInt  # first tokens of the encoder's vocabulary that it keeps, beside those of its texts
    examples_per_document: PositiveInt
    max_length: int = Field(ge=16, le=512)  # tokens of a document
    head_lr: float = Field(gt=0)  # of the head, which is fresh
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)
    dropout: float = Field(ge=0, lt=1)


def main(lm: Entry, background: Path, models: Path) -> None:
    """Warm-start, train, and write the model."""
    config, model = Params.read().section(f"lms.{lm}", TrainLM), models / lm
    labels, sentences = background / "relations.jsonl", background / "sentences.jsonl"
    schema = read_schema(labels, TASK)
    stream = documents(
        schema.relations, read_examples(sentences, TASK, schema), config.examples_per_document, config.seed
    )
    texts = list(islice(stream, config.max_steps * config.batch_size))
    state = state_folder("train_lm", config.encoder, config=config.model_dump(), texts=texts)
    with (
        locked([state]),
        tracked("train_lm", params=config.model_dump(), reads=[labels, sentences], writes=[model]) as log,
        output_folder(model) as folder,
    ):
        seed_everything(config.seed)
        started, tokenizer = warm_start(
            config.encoder, texts, base_vocab_size=config.base_vocab_size, dropout=config.dropout
        )
        trainer = _trainer(config, started, tokenizer, texts, state)
        trainer.add_callback(MetricsCallback(log, {"loss": "loss"}))
        history = train(trainer, state)
        cast(PreTrainedModel, started.bfloat16()).save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")


def _trainer(
    config: TrainLM, model: BertLMHeadModel, tokenizer: PreTrainedTokenizerBase, texts: list[str], state: Path
) -> Trainer:
    if device().type == "cpu":
        use_byte_dropout(model)
    return Trainer(
        model=model,
        args=TrainingArguments(**config.arguments(state), max_grad_norm=config.max_grad_norm, logging_steps=20),
        train_dataset=_tokenized(tokenizer, texts, config.max_length),
        data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
        optimizers=(_optimizer(model, config), None),
    )


def _tokenized(tokenizer: PreTrainedTokenizerBase, texts: list[str], max_length: int) -> Dataset:
    ids = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    return Dataset.from_dict({"input_ids": ids})


def _optimizer(model: BertLMHeadModel, config: TrainLM) -> torch.optim.Optimizer:
    embedding = cast(torch.nn.Embedding, model.get_input_embeddings()).weight
    groups: list[dict[str, Any]] = [
        *parameter_groups(model.bert.parameters(), lr=config.lr, weight_decay=config.weight_decay, embedding=embedding),
        {
            "params": [parameter for parameter in model.cls.parameters() if parameter is not embedding],
            "lr": config.head_lr,
        },
    ]
    return torch.optim.AdamW(groups, lr=config.lr, weight_decay=0.0, fused=True)


if __name__ == "__main__":
    run(main)
