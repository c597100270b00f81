"""Fine-tune an encoder-decoder model on entity tuples and sentences about them.

An interrupted run resumes: its state lies in .scratch, in a folder named after what decides the result.
"""

import json
from pathlib import Path
from typing import Any

from datasets import Dataset
from transformers import DataCollatorForSeq2Seq, Seq2SeqTrainer, Seq2SeqTrainingArguments

from relseed.llm.engines.seq2seq import load_seq2seq
from relseed.llm.engines.weights import missing_weights
from relseed.pipeline.command import Entry, run
from relseed.pipeline.outputs import CHECKPOINT, output_folder
from relseed.pipeline.params import Params
from relseed.seq2seq.pairs import TextPair, pairs_of, read_webnlg
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.tracking.run import tracked
from relseed.training.device import seed_everything
from relseed.training.hf_trainer import MetricsCallback, TrainingConfig, train
from relseed.training.resume import locked, state_folder


class TrainSeq2Seq(TrainingConfig):
    """An entry of `seq2seq`: how to fine-tune the model."""

    start: str  # an encoder-decoder model, by name or path
    pairs: Path  # a folder of WebNLG's XML files; or the seeds, which are learnt from in any case


def main(seq2seq: Entry, background: Path, labels: Path, seeds: Path, models: Path) -> None:
    """Fine-tune, and write the model; where its weights are not on this machine, a note that says so."""
    config, model = Params.read().section(f"seq2seq.{seq2seq}", TrainSeq2Seq), models / seq2seq
    if cure := missing_weights(config.start):
        print(f"skipped {seq2seq}: {cure}, then `dvc repro --force --single-item train_seq2seq@{seq2seq}`")
        with output_folder(model, *CHECKPOINT, "history.json", "skipped.json") as folder:
            (folder / "skipped.json").write_text(json.dumps({"why": cure}) + "\n", encoding="utf-8")
        return
    pairs = _pairs(config, background, labels, seeds)
    state = state_folder("train_seq2seq", config.start, config=config.model_dump(mode="json"), pairs=pairs)
    reads = [background, labels, seeds, config.pairs]
    with (
        locked([state]),
        tracked("train_seq2seq", params=config.model_dump(mode="json"), reads=reads, writes=[model]) as log,
        output_folder(model, *CHECKPOINT, "history.json", "skipped.json") as folder,
    ):
        seed_everything(config.seed)
        loaded, tokenizer = load_seq2seq(config.start, None)
        trainer = _trainer(config, loaded, tokenizer, pairs, state)
        trainer.add_callback(MetricsCallback(log, {"loss": "loss"}))
        history = train(trainer, state)
        loaded.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        (folder / "history.json").write_text(json.dumps(history, indent=1) + "\n", encoding="utf-8")


def _pairs(config: TrainSeq2Seq, background: Path, labels: Path, seeds: Path) -> list[TextPair]:
    """Those of the background relations, of the seeds, and of WebNLG where it is named."""
    pairs: list[TextPair] = []
    for names, sentences in ((background / "relations.jsonl", background / "sentences.jsonl"), (labels, seeds)):
        schema = read_schema(names, TASK)
        pairs += pairs_of(read_examples(sentences, TASK, schema), schema)
    return pairs if config.pairs == seeds else pairs + read_webnlg(config.pairs)


def _trainer(config: TrainSeq2Seq, model: Any, tokenizer: Any, pairs: list[TextPair], state: Path) -> Seq2SeqTrainer:
    cut = {"truncation": True, "max_length": config.max_length}
    read, written = ([pair[side] for pair in pairs] for side in (0, 1))
    data = {**tokenizer(read, **cut), "labels": tokenizer(text_target=written, **cut)["input_ids"]}
    return Seq2SeqTrainer(
        model=model.train(),
        args=Seq2SeqTrainingArguments(**config.arguments(state), logging_steps=10),
        train_dataset=Dataset.from_dict({name: data[name] for name in ("input_ids", "attention_mask", "labels")}),
        data_collator=DataCollatorForSeq2Seq(tokenizer, model),
    )


if __name__ == "__main__":
    run(main)
