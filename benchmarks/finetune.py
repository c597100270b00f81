"""Our training beside a plain loop: the same seeds, updates, batches and learning rates, in one run.

    python -m benchmarks.finetune    # Gazette, 8 per relation, the recipe of params.yaml but for its length

The plain loop is what a tutorial writes: fp32, `torch.optim.AdamW`, `nn.Dropout`, the whole vocabulary trained,
batches in random order, padded to 128 tokens or to the longest sentence of the batch. Ours is the loop of
`stages/extractor/training.py`. Micro-F1 is that of the last weights on the validation split: each variant's time
includes that one look, and ours its saved state. Variants take turns, so that what else the machine does hits all.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModel, PreTrainedModel, get_linear_schedule_with_warmup
from typer import run

from stages.extractor.checkpoint import About, Extractor
from stages.extractor.classifier import Batch, RelationClassifier
from stages.extractor.encoders import encoder_path, load_encoder, load_tokenizer
from stages.extractor.hardware import device, has_bf16, seed_everything
from stages.extractor.inference import probabilities
from stages.extractor.marking import Labelled, has_types
from stages.extractor.training import Recipe, Trainer
from stages.finetune import Finetune
from stages.pipeline.params import section
from stages.records.files import read_examples, read_schema
from stages.scoring.f1 import micro_f1
from stages.seeds.draw import draw

GAZETTE = Path("data/gazette")
RESULT = Path("benchmarks/finetune.json")
FIXED = 128  # tokens


@dataclass(frozen=True)
class Task:
    """What a variant trains, on what, and how."""

    extractor: Extractor
    recipe: Recipe
    train: Labelled
    validation: Labelled
    negative: int | None
    seed: int


Load = Callable[[Recipe], PreTrainedModel]
Train = Callable[[Task], float]  # the micro-F1 on validation


def main(draws: int = 1, updates: int = 100) -> None:
    """Train each variant once per draw; print and write rates, ratios and micro-F1."""
    variants: dict[str, tuple[Load, Train]] = {
        "plain, padded to 128": (stock, lambda task: plain(task, FIXED)),
        "plain, padded to the longest": (stock, lambda task: plain(task, None)),
        "ours": (lambda recipe: load_encoder(recipe.encoder, dropout=recipe.dropout), ours),
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
    for seed in range(1, draws + 1):
        for name, (load, train) in variants.items():
            runs[name].append(measure(train, prepare(load, seed, updates)))
            print(name, runs[name][-1], flush=True)
    result = summary(runs) | {
        "command": f"python -m benchmarks.finetune --draws {draws} --updates {updates}",
        "machine": machine(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def measure(train: Train, task: Task) -> dict[str, float]:
    """Train by one variant; its sentences per second and micro-F1 on validation."""
    start = time.perf_counter()
    score = train(task)
    seconds = time.perf_counter() - start
    return {"sentences_per_second": task.recipe.updates * task.recipe.batch_size / seconds, "micro_f1": score}


def prepare(load: Load, seed: int, updates: int) -> Task:
    """A fresh extractor and the data of one draw."""
    recipe = section(Finetune).model_copy(update={"updates": updates, "evaluate_every": updates, "accumulate": 1})
    schema = read_schema(GAZETTE / "relations.jsonl")
    seeds = draw(read_examples(GAZETTE / "train.jsonl", schema), shots=8, seed=seed)
    seed_everything(seed)
    model = RelationClassifier(load(recipe), len(schema.labels), dropout=recipe.dropout).to(device())
    about = About(recipe.encoder, recipe.max_length, has_types(seeds), recipe.precision)
    extractor = Extractor(model, load_tokenizer(recipe.encoder), schema, about)
    validation = read_examples(GAZETTE / "validation.jsonl", schema)
    train = extractor.labelled(seeds)
    return Task(extractor, recipe, train, extractor.labelled(validation), schema.negative_class, seed)


def stock(recipe: Recipe) -> PreTrainedModel:
    """The encoder with its own dropout, on attention weights, too."""
    return AutoModel.from_pretrained(encoder_path(recipe.encoder))


def ours(task: Task) -> float:
    """Train with the pipeline's own loop."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            task.extractor.model, task.recipe, pad=task.extractor.pad, seed=task.seed, scratch=Path(folder)
        )
        [look] = trainer.train(task.train, task.validation, task.negative, on_look=lambda look: None)
    return look.micro_f1


def plain(task: Task, length: int | None) -> float:
    """Train with the loop of a tutorial; pad to `length` tokens, or to the longest sentence of a batch."""
    model, recipe, pad = task.extractor.model, task.recipe, task.extractor.pad
    optimizer = torch.optim.AdamW(
        [
            {"params": model.encoder.parameters(), "lr": recipe.encoder_lr},
            {"params": model.head.parameters(), "lr": recipe.head_lr},
        ],
        weight_decay=recipe.weight_decay,
    )
    schedule = get_linear_schedule_with_warmup(optimizer, round(recipe.warmup * recipe.updates), recipe.updates)
    generator = np.random.default_rng(task.seed)
    order: list[int] = []
    model.train()
    for _ in range(recipe.updates):
        while len(order) < recipe.batch_size:
            order += generator.permutation(len(task.train.classes)).tolist()
        indices, order = order[: recipe.batch_size], order[recipe.batch_size :]
        batch = padded(Batch.of([task.train.sentences[index] for index in indices], pad, device()), length, pad)
        target = torch.tensor([task.train.classes[index] for index in indices], device=device())
        functional.cross_entropy(model(batch), target).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()
    predicted = probabilities(model, task.validation.sentences, pad, recipe.precision).argmax(-1)
    return micro_f1(task.validation.classes, predicted.tolist(), task.negative)


def padded(batch: Batch, length: int | None, pad: int) -> Batch:
    """The batch, padded on to `length` tokens."""
    more = (0, max(0, (length or 0) - batch.ids.shape[1]))
    return replace(
        batch, ids=functional.pad(batch.ids, more, value=pad), attention=functional.pad(batch.attention, more)
    )


def summary(runs: dict[str, list[dict[str, float]]]) -> dict[str, object]:
    """Means over draws, and how many times faster ours is."""
    rate = {name: fmean(one["sentences_per_second"] for one in each) for name, each in runs.items()}
    return {
        "sentences_per_second": rate,
        "micro_f1": {name: fmean(one["micro_f1"] for one in each) for name, each in runs.items()},
        "ours_is_faster_by": {name: rate["ours"] / value for name, value in rate.items() if name != "ours"},
        "runs": runs,
    }


def machine() -> str:
    """What it was measured on."""
    bf16 = "with bf16" if has_bf16(device()) else "without bf16"
    return f"{device().type} {platform.machine()} {bf16}, {torch.get_num_threads()} threads, torch {torch.__version__}"


if __name__ == "__main__":
    run(main)
