"""Teach a small causal model what relation samples look like, on background relations that it will not write for.

Reads    data/almanac: relations.jsonl and sentences.jsonl; an encoder, by name or path
Writes   models/generator/base: the model, its tokenizer, history of the training
Alone    python -m stages.teach data/almanac models/generator/base

An interrupted run goes on where it was: its state lies in .scratch, in a folder named after what determines the result.
"""

import json
from itertools import islice
from pathlib import Path
from typing import cast

from datasets import Dataset
from pydantic import Field, NonNegativeInt, PositiveInt
from transformers import (
    DataCollatorForLanguageModeling,
    PreTrainedModel,
    PreTrainedTokenizerBase,
    Trainer,
    TrainingArguments,
)

from stages import generator
from stages.extractor.dropout import use_byte_dropout
from stages.extractor.hardware import Precision, device, in_bf16, seed_everything
from stages.extractor.scratch import reserved, scratch_folder
from stages.generator.documents import documents
from stages.generator.resumable import Told, train
from stages.generator.warm_start import warm_start
from stages.pipeline.command import run
from stages.pipeline.outputs import output_folder
from stages.pipeline.params import Section, section
from stages.records.files import read_examples, read_schema
from stages.tracking.run import tracked


class Teach(Section):
    """How to make and teach the small generator."""

    encoder: str  # a BERT, by name or path, whose weights it begins with
    frequent: PositiveInt  # first tokens of the encoder's vocabulary that it keeps, beside those of its texts
    samples: PositiveInt  # of one relation in a document
    max_length: int = Field(ge=16, le=512)  # tokens of a document
    updates: PositiveInt  # optimizer steps
    batch_size: PositiveInt  # documents in one update
    lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup: float = Field(ge=0, lt=1)  # share of the updates
    clip: float = Field(gt=0)  # gradient norm
    dropout: float = Field(ge=0, lt=1)
    save_every: PositiveInt  # updates between two saved states
    precision: Precision
    seed: NonNegativeInt


def main(background: Path, base: Path) -> None:
    """Warm-start, teach, and write the model."""
    params = section(Teach)
    relations, sentences = background / "relations.jsonl", background / "sentences.jsonl"
    schema = read_schema(relations)
    examples = read_examples(sentences, schema)
    count = params.updates * params.batch_size
    texts = list(islice(documents(schema.relations, examples, params.samples, params.seed), count))
    folder = Path(generator.__path__[0])
    scratch = scratch_folder(
        Path(__file__), folder.glob("*.py"), params.encoder, {**params.model_dump(), "texts": texts}
    )
    with (
        reserved([scratch]),
        tracked("teach", params=params.model_dump(), reads=[relations, sentences], writes=[base]) as log,
        output_folder(base) as partial,
    ):
        seed_everything(params.seed)
        model, tokenizer = warm_start(params.encoder, texts, frequent=params.frequent, dropout=params.dropout)
        if device().type == "cpu":
            use_byte_dropout(model)
        trainer = Trainer(
            model=model,
            args=_arguments(params, scratch),
            train_dataset=_tokenized(tokenizer, texts, params.max_length),
            data_collator=DataCollatorForLanguageModeling(tokenizer, mlm=False),
            callbacks=[Told(log, {"loss": "loss"})],
        )
        history = train(trainer, scratch)
        cast(PreTrainedModel, model.bfloat16()).save_pretrained(partial)
        tokenizer.save_pretrained(partial)
        (partial / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")


def _tokenized(tokenizer: PreTrainedTokenizerBase, texts: list[str], max_length: int) -> Dataset:
    ids = tokenizer(texts, truncation=True, max_length=max_length)["input_ids"]
    return Dataset.from_dict({"input_ids": ids})


def _arguments(params: Teach, scratch: Path) -> TrainingArguments:
    return TrainingArguments(
        output_dir=str(scratch),
        max_steps=params.updates,
        per_device_train_batch_size=params.batch_size,
        learning_rate=params.lr,
        weight_decay=params.weight_decay,
        warmup_steps=round(params.warmup * params.updates),
        max_grad_norm=params.clip,
        lr_scheduler_type="linear",
        bf16=in_bf16(device(), params.precision),
        save_steps=params.save_every,
        save_total_limit=2,
        logging_steps=10,
        seed=params.seed,
        report_to=[],
        use_cpu=device().type == "cpu",
        dataloader_pin_memory=False,
    )


if __name__ == "__main__":
    run(main)
