"""Tune a small causal language model, on background relations that it will not write for.

An interrupted run resumes: its state lies in .scratch, in a folder named after what decides the result.
"""

import json
from itertools import islice
from pathlib import Path

from datasets import Dataset
from peft import PeftModel
from pydantic import PositiveInt
from transformers import DataCollatorForSeq2Seq, PreTrainedTokenizerBase, Trainer, TrainingArguments

from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import CHECKPOINT, output_folder
from relseed.pipeline.params import Params
from relseed.small_lm.corpus import documents
from relseed.small_lm.tuned_model import save, start
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.tracking.run import tracked
from relseed.training.device import seed_everything
from relseed.training.hf_trainer import MetricsCallback, train
from relseed.training.lora import LoraTrainingConfig
from relseed.training.resume import locked, state_folder


class TrainLM(LoraTrainingConfig):
    """How to tune the small language model, and on how long documents."""

    start: str  # a causal language model, by name or path
    revision: str | None = None  # of its weights, where it has one
    examples_per_document: PositiveInt


def main(lm: Entry, background: Path, models: Path) -> None:
    """Tune, and write the model."""
    config, model = Params.read().section(f"lms.{lm}", TrainLM), models / lm
    labels, sentences = background / "relations.jsonl", background / "sentences.jsonl"
    schema = read_schema(labels, TASK)
    stream = documents(
        schema.relations, read_examples(sentences, TASK, schema), config.examples_per_document, config.seed
    )
    texts = list(islice(stream, config.max_steps * config.batch_size))
    state = state_folder("train_lm", config.start, config=config.model_dump(), texts=texts)
    with (
        locked([state]),
        tracked("train_lm", params=config.model_dump(), reads=[labels, sentences], writes=[model]) as log,
        output_folder(model, *CHECKPOINT, "history.json") as folder,
    ):
        seed_everything(config.seed)
        adapted, tokenizer = start(config.start, config.revision, config.lora)
        trainer = _trainer(config, adapted, tokenizer, texts, state)
        trainer.add_callback(MetricsCallback(log, {"loss": "loss"}))
        history = train(trainer, state)
        save(adapted, tokenizer, folder)
        (folder / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")


def _trainer(
    config: TrainLM, model: PeftModel, tokenizer: PreTrainedTokenizerBase, texts: list[str], state: Path
) -> Trainer:
    ended = [f"{text}{tokenizer.eos_token}" for text in texts]
    ids = tokenizer(ended, truncation=True, max_length=config.max_length, add_special_tokens=False)["input_ids"]
    return Trainer(
        model=model,
        args=TrainingArguments(**config.arguments(state), logging_steps=10),
        train_dataset=Dataset.from_dict({"input_ids": ids, "labels": ids}),
        data_collator=DataCollatorForSeq2Seq(tokenizer),
    )


if __name__ == "__main__":
    run(main)
