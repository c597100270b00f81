"""Pre-train the encoder of a system on explanations of its seeds (TKRE, section 3.3): MSLM and SCL.

Reads    an encoder, by name or path; data/dataset/relations.jsonl; data/seeds/train.jsonl; data/explanations.jsonl;
         data/synthetic/<system>.jsonl, which it trains on where `pretrain.written` says so
Writes   models/pretrained/<system>: the encoder with its head for hidden tokens, its tokenizer, history of the training
Alone    python -m stages.pretrain tkre all-MiniLM-L6-v2 data/dataset/relations.jsonl data/seeds/train.jsonl
         data/explanations.jsonl data/synthetic/tkre.jsonl models/pretrained/tkre
         (on several GPUs: `accelerate launch --multi_gpu -m stages.pretrain ...`)

An interrupted run goes on where it was: its state lies in .scratch, as that of `finetune`.
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

from relseed.pipeline.command import run
from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_folder
from relseed.pipeline.params import section
from relseed.pretraining.corpus import Kind, Text, alone, corpus
from relseed.pretraining.model import Pretraining, Vocabulary, anchors
from relseed.pretraining.trainer import Pretrain, Pretrainer, Step
from relseed.records.files import read_records
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.written import Explanation
from relseed.tracking.run import Run, tracked
from relseed.training.device import seed_everything
from relseed.training.encoders import load_tokenizer, longest_input
from relseed.training.masked_lm import load_masked_lm
from relseed.training.resume import locked, state_folder


def main(
    system: str, encoder: str, relations: Path, seeds: Path, explanations: Path, synthetic: Path, pretrained: Path
) -> None:
    """Pre-train and write the encoder."""
    params = section(Pretrain)
    schema = read_schema(relations)
    examples = read_examples(seeds, schema)
    told = [one for _, one in read_records(explanations, Explanation, cure="build it with `dvc repro explain`")]
    tokenizer = load_tokenizer(encoder)
    texts = corpus(tokenizer, schema, examples, told, params.max_length)
    if params.written:
        written = read_examples(synthetic, schema, empty=True)
        texts += [alone(tokenizer, schema, one, params.max_length) for one in written]
    print(_summary(texts))
    scratch = _scratch(params, encoder, texts)
    reads = [relations, seeds, explanations, synthetic]
    processes = PartialState(cpu=not torch.cuda.is_available())
    with ExitStack() as stack:
        log = folder = None
        if processes.is_main_process:  # of those that `accelerate launch` started, one writes
            stack.enter_context(locked([scratch]))
            log = stack.enter_context(
                tracked("pretrain", params=params.model_dump(), reads=reads, writes=[pretrained], system=system)
            )
            folder = stack.enter_context(output_folder(pretrained))
        processes.wait_for_everyone()
        seed_everything(params.seed)
        masked_lm, fresh = load_masked_lm(encoder, [text.ids for text in texts], dropout=params.dropout)
        _check_length(params, encoder, masked_lm)
        start = anchors(masked_lm.to(processes.device), tokenizer, schema)
        model = Pretraining(masked_lm, start, temperature=params.temperature, in_batch=params.in_batch)
        trainer = Pretrainer(model, params, Vocabulary.of(tokenizer), fresh_head=fresh, scratch=scratch)
        steps = trainer.train(texts, partial(_tell, log))
        if folder is not None:
            _write(masked_lm, tokenizer, steps, folder)


def _summary(texts: Sequence[Text]) -> str:
    kinds = Counter(kind for text in texts for kind in text.kinds)
    spans = sum(text.span is not None for text in texts)
    return (
        f"{len(texts)} texts, {spans} with a relation span; {sum(kinds.values()):,} tokens, "
        f"{kinds[Kind.RELATION]:,} of them in relation spans, {kinds[Kind.MENTION]:,} in mentions"
    )


def _scratch(params: Pretrain, encoder: str, texts: Sequence[Text]) -> Path:
    return state_folder("pretrain", encoder, params=params.model_dump(), texts=[asdict(text) for text in texts])


def _check_length(params: Pretrain, encoder: str, masked_lm: PreTrainedModel) -> None:
    longest = longest_input(cast(PreTrainedModel, masked_lm.base_model))
    if longest is not None and params.max_length > longest:
        raise UserError(f"pretrain.max_length is {params.max_length}, {encoder} takes {longest} tokens: lower it")


def _tell(log: Run | None, step: Step) -> None:
    if log is not None:
        log.log_metrics({"mslm": step.mslm, "scl": step.scl}, step=step.update)


def _write(masked_lm: PreTrainedModel, tokenizer: PreTrainedTokenizerBase, steps: Sequence[Step], folder: Path) -> None:
    masked_lm.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    history = json.dumps([asdict(step) for step in steps], indent=1)
    (folder / "history.json").write_text(history + "\n", encoding="utf-8")


if __name__ == "__main__":
    run(main)
