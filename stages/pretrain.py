"""Pre-train an encoder on explanations of the seeds (TKRE, section 3.3): MSLM and SCL.

On several GPUs: `accelerate launch --multi_gpu -m stages.pretrain` with the options that `dvc repro` prints. An
interrupted run resumes: its state lies in .scratch.
"""

import json
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import cast

import torch
from accelerate import PartialState
from transformers import PreTrainedModel, PreTrainedTokenizerBase

from relseed.explanations.explanation import Explanation
from relseed.pipeline.command import Entry, run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import CHECKPOINT, output_folder
from relseed.pipeline.params import Params
from relseed.pretraining.corpus import Text, TokenKind, corpus
from relseed.pretraining.model import Pretraining, Vocabulary, anchors
from relseed.pretraining.trainer import Pretrainer, PretrainingConfig, Step
from relseed.records.files import read_records
from relseed.tasks.relation import TASK, Schema
from relseed.tasks.task import read_examples, read_schema
from relseed.tracking.run import Run, tracked
from relseed.training.device import seed_everything
from relseed.training.encoders import Origin, load_tokenizer, longest_input, origin_of, write_origin
from relseed.training.masked_lm import load_masked_lm
from relseed.training.resume import locked, state_folder


def main(encoder: Entry, start: Path, labels: Path, seeds: Path, encoders: Path) -> None:
    """Pre-train the encoder in the folder `start`, and write it into its own folder in `encoders`."""
    config = Params.read().section(f"encoders.{encoder}", PretrainingConfig)
    output = encoders / encoder
    schema = read_schema(labels, TASK)
    tokenizer = load_tokenizer(str(start))
    texts = _texts(config, schema, seeds, tokenizer)
    described = config.model_dump()
    state = state_folder("pretrain", str(start), config=described, texts=[asdict(text) for text in texts])
    reads = [start, labels, seeds, Path(config.reads)]
    processes = PartialState(cpu=not torch.cuda.is_available())
    with ExitStack() as stack:
        log = folder = None
        if processes.is_main_process:  # of those that `accelerate launch` started, one writes
            stack.enter_context(locked([state]))
            log = stack.enter_context(tracked("pretrain", params=described, reads=reads, writes=[output]))
            folder = stack.enter_context(output_folder(output, *CHECKPOINT, "origin.json", "history.json"))
        processes.wait_for_everyone()
        seed_everything(config.seed)
        masked_lm, fresh = load_masked_lm(str(start), [text.ids for text in texts], dropout=config.dropout)
        _check_length(config, start, masked_lm)
        first = anchors(masked_lm.to(processes.device), tokenizer, schema)
        model = Pretraining(masked_lm, first, temperature=config.temperature)
        trainer = Pretrainer(model, config, Vocabulary.of(tokenizer), fresh_head=fresh, folder=state)
        steps = trainer.train(texts, partial(_log, log))
        if folder is not None:
            _write(masked_lm, tokenizer, steps, folder)
            write_origin(folder, Origin(origin_of(str(start)).start, "explanations of the seeds (TKRE)"))


def _texts(config: PretrainingConfig, schema: Schema, seeds: Path, tokenizer: PreTrainedTokenizerBase) -> list[Text]:
    explained = read_records(Path(config.reads), Explanation, cure="build it with `dvc repro explain`")
    examples = read_examples(seeds, TASK, schema)
    texts = corpus(tokenizer, schema, examples, [explanation for _, explanation in explained], config.max_length)
    kinds = Counter(kind for text in texts for kind in text.kinds)
    spans = sum(text.span is not None for text in texts)
    print(
        f"{len(texts)} texts, {spans} with a relation span; {sum(kinds.values()):,} tokens, "
        f"{kinds[TokenKind.RELATION]:,} of them in relation spans, {kinds[TokenKind.MENTION]:,} in mentions"
    )
    return texts


def _check_length(config: PretrainingConfig, start: Path, masked_lm: PreTrainedModel) -> None:
    longest = longest_input(cast(PreTrainedModel, masked_lm.base_model))
    if longest is not None and config.max_length > longest:
        raise UserError(f"max_length is {config.max_length}, {start} takes {longest} tokens: lower it")


def _log(log: Run | None, step: Step) -> None:
    if log is not None:
        log.log_metrics({"mslm": step.mslm, "scl": step.scl}, step=step.step)


def _write(masked_lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, steps: Sequence[Step], folder: Path) -> None:
    masked_lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    history = json.dumps([asdict(step) for step in steps], indent=1)
    (folder / "history.json").write_text(history + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
