"""Our training beside a plain loop: the same seeds, updates, batches and learning rates, in one run.

    python -m benchmarks.finetune    # Gazette, 8 per relation, the recipe of params.yaml but for its length

The plain loop is what a tutorial writes: fp32, `torch.optim.AdamW`, `nn.Dropout`, the whole vocabulary trained,
batches in random order, padded to 128 tokens or to the longest sentence of the batch. Ours is the loop of
`relseed/classifier/trainer.py`, its time includes what belongs to it: a look at a validation draw, the saved state.
Micro-F1 is that of the last weights on the whole validation split, outside the clock. Variants take turns, so that
what else the machine does hits all. The loop padded to 128 tokens trains once a draw: it is slow, and its objective is
that of the loop padded to the longest, whose spread over training seeds is the noise to compare with.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from statistics import fmean

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModel, PreTrainedModel, get_linear_schedule_with_warmup
from typer import run

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.inference import probabilities
from relseed.classifier.marking import Labelled
from relseed.classifier.model import Batch, RelationClassifier
from relseed.classifier.trainer import Recipe, Trainer
from relseed.classifier.untrained import untrained
from relseed.datasets.draw import draw
from relseed.evaluation.f1 import micro_f1
from relseed.evaluation.summary import spread
from relseed.pipeline.params import section
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.training.device import device, has_bf16, seed_everything
from relseed.training.encoders import encoder_path, load_encoder
from stages.finetune import Finetune

GAZETTE = Path("data/gazette")
RESULT = Path("benchmarks/finetune.json")
FIXED = 128  # tokens
SLOW = f"plain, padded to {FIXED}"


@dataclass(frozen=True)
class Task:
    """What a variant trains, on what, and how."""

    extractor: Extractor
    recipe: Recipe
    train: Labelled
    look: Labelled  # what ours looks at: a draw from validation, as in the default pipeline
    validation: Labelled  # all of it
    negative: int | None
    seed: int


Load = Callable[[Recipe], PreTrainedModel]
Train = Callable[[Task], None]


def main(draws: int = 1, training_seeds: int = 1, updates: int = 100) -> None:
    """Train each variant on each draw; print and write rates, ratios and micro-F1."""
    variants: dict[str, tuple[Load, Train]] = {
        SLOW: (stock, lambda task: plain(task, FIXED)),
        "plain, padded to the longest": (stock, lambda task: plain(task, None)),
        "ours": (lambda recipe: load_encoder(recipe.encoder, dropout=recipe.dropout), ours),
    }
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
    for number, seed in product(range(1, draws + 1), range(1, training_seeds + 1)):
        for name, (load, train) in variants.items():
            if name == SLOW and seed > 1:
                continue
            measured = measure(train, prepare(load, number, seed, updates))
            runs[name].append({"draw": number, "training_seed": seed, **measured})
            print(name, runs[name][-1], flush=True)
    result = summary(runs) | {
        "command": f"python -m benchmarks.finetune --draws {draws} --training-seeds {training_seeds} "
        f"--updates {updates}",
        "machine": machine(),
    }
    RESULT.write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def measure(train: Train, task: Task) -> dict[str, float]:
    """Train by one variant; its sentences per second and micro-F1 on validation."""
    start = time.perf_counter()
    train(task)
    seconds = time.perf_counter() - start
    return {"sentences_per_second": task.recipe.updates * task.recipe.batch_size / seconds, "micro_f1": score(task)}


def score(task: Task) -> float:
    """Micro-F1 on the whole validation split."""
    model, pad, precision = task.extractor.model, task.extractor.pad, task.recipe.precision
    predicted = probabilities(model, task.validation.sentences, pad, precision).argmax(-1)
    return micro_f1(task.validation.classes, predicted.tolist(), task.negative)


def prepare(load: Load, number: int, seed: int, updates: int) -> Task:
    """A fresh extractor, made with a training seed, and the data of one draw."""
    recipe = section(Finetune).model_copy(update={"updates": updates, "evaluate_every": updates, "accumulate": 1})
    schema = read_schema(GAZETTE / "relations.jsonl")
    seeds = draw(read_examples(GAZETTE / "train.jsonl", schema), shots=8, seed=number)
    seed_everything(seed)
    extractor = untrained(load(recipe), recipe, schema, seeds)
    validation = read_examples(GAZETTE / "validation.jsonl", schema)
    train, look, whole = map(extractor.labelled, (seeds, draw(validation, shots=8, seed=number), validation))
    return Task(extractor, recipe, train, look, whole, schema.negative_class, seed)


def stock(recipe: Recipe) -> PreTrainedModel:
    """The encoder with its own dropout, on attention weights, too."""
    return AutoModel.from_pretrained(encoder_path(recipe.encoder))


def ours(task: Task) -> None:
    """Train with the pipeline's own loop."""
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(
            task.extractor.model, task.recipe, pad=task.extractor.pad, seed=task.seed, scratch=Path(folder)
        )
        trainer.train(task.train, task.look, task.negative, on_look=lambda look: None)


def plain(task: Task, length: int | None) -> None:
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
        functional.cross_entropy(all_layers(model, batch), target).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.clip)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def all_layers(model: RelationClassifier, batch: Batch) -> torch.Tensor:
    """Logits by all layers at all tokens."""
    states = model.encoder(input_ids=batch.ids, attention_mask=batch.attention).last_hidden_state
    rows = torch.arange(len(states), device=states.device)
    return model.head(states[rows.unsqueeze(1), batch.at])


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
        "micro_f1": {
            name: spread([one["micro_f1"] for one in each]).model_dump(exclude_none=True) for name, each in runs.items()
        },
        "ours_is_faster_by": {name: rate["ours"] / value for name, value in rate.items() if name != "ours"},
        "runs": runs,
    }


def machine() -> str:
    """What it was measured on."""
    bf16 = "with bf16" if has_bf16(device()) else "without bf16"
    return f"{device().type} {platform.machine()} {bf16}, {torch.get_num_threads()} threads, torch {torch.__version__}"


if __name__ == "__main__":
    run(main)
