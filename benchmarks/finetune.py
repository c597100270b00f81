"""Our training beside a plain loop, and without each of its savings: same seeds, steps, batches and learning rates.

    python -m benchmarks.finetune                                        # rates and F1 beside the plain loops
    python -m benchmarks.finetune --savings --draws 3 --steps 40         # rates without each saving

The plain loop is what a tutorial writes: fp32, `torch.optim.AdamW`, `nn.Dropout`, the whole vocabulary trained,
batches in random order, padded to 128 tokens or to the longest sentence of the batch. Ours is the loop of
`relseed/classifier/trainer.py`, its time includes what belongs to it: an evaluation on a validation draw, the saved
state. Micro-F1 is that of the last weights on the whole validation split, outside the clock. Variants take turns, so
that what else the machine does hits all. The loop padded to 128 tokens trains once a draw: it is slow, and its
objective is that of the loop padded to the longest, whose spread over random seeds is the noise to compare with.
"""

import json
import platform
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from itertools import islice, product
from pathlib import Path
from statistics import fmean
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch.nn import functional
from transformers import AutoModel, PreTrainedModel, get_linear_schedule_with_warmup
from typer import run

from relseed.classifier.checkpoint import Extractor
from relseed.classifier.encoding import EncodedDataset
from relseed.classifier.inference import logits
from relseed.classifier.model import Batch, Classifier
from relseed.classifier.trainer import Objective, Trainer, TrainingConfig
from relseed.classifier.training import new_extractor
from relseed.datasets.draw import draw
from relseed.evaluation.f1 import micro_f1
from relseed.evaluation.spread import spread
from relseed.pipeline.params import Params
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.training.device import attention_implementation, device, has_bf16, seed_everything
from relseed.training.encoders import EMBEDDED, encoder_path
from stages.finetune import Finetune

GAZETTE = Path("data/gazette")
RESULT, SAVINGS_RESULT = Path("benchmarks/finetune.json"), Path("benchmarks/savings.json")
FIXED = 128  # tokens
SLOW, PLAIN, OURS = f"plain, padded to {FIXED}", "plain, padded to the longest", "ours"


@dataclass(frozen=True)
class Training:
    """What a variant trains, on what, and how."""

    extractor: Extractor
    config: TrainingConfig
    train: EncodedDataset
    drawn: EncodedDataset  # on which ours is evaluated: a draw from validation, as in the default pipeline
    validation: EncodedDataset  # all of it
    negative: int | None
    seed: int


@dataclass(frozen=True)
class Variant:
    """A way to train, and what is patched around it."""

    train: Callable[[Training], None]
    without: Callable[[], AbstractContextManager[Any]] = nullcontext
    stock_dropout: bool = False  # the encoder's own, on attention weights, too


def main(draws: int = 1, random_seeds: int = 1, steps: int = 100, savings: bool = False) -> None:
    """Train each variant on each draw; print and write rates, ratios and micro-F1."""
    variants = ours_without() if savings else beside_plain()
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in variants}
    for number, seed in product(range(1, draws + 1), range(1, random_seeds + 1)):
        for name, variant in variants.items():
            if name == SLOW and seed > 1:
                continue
            measured = measure(variant, number, seed, steps)
            runs[name].append({"draw": number, "random_seed": seed, **measured})
            print(name, runs[name][-1], flush=True)
    options = f"--draws {draws} --random-seeds {random_seeds} --steps {steps}{' --savings' if savings else ''}"
    result = summary(runs) | {"command": f"python -m benchmarks.finetune {options}", "machine": machine()}
    (SAVINGS_RESULT if savings else RESULT).write_text(json.dumps(result, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(result, indent=2))


def beside_plain() -> dict[str, Variant]:
    """Ours, and the two loops of a tutorial."""
    return {
        SLOW: Variant(partial(plain, length=FIXED), stock_dropout=True),
        PLAIN: Variant(partial(plain, length=None), stock_dropout=True),
        OURS: Variant(ours),
    }


def ours_without() -> dict[str, Variant]:
    """Ours, and ours without each of its savings."""
    trainer = "relseed.classifier.trainer"
    return {
        OURS: Variant(ours),
        "without batches of similar length": Variant(ours, partial(patch, f"{trainer}.bucketed", shuffled)),
        "without the last layer where the head reads alone": Variant(
            ours, partial(patch, "relseed.classifier.model.restrict_last_layer", lambda encoder: False)
        ),
        "without the trimmed embedding": Variant(
            ours, partial(patch.multiple, trainer, trim=lambda *_: None, restore=lambda *_: None)
        ),
        "without fused AdamW": Variant(
            ours, partial(patch, "relseed.training.loop.torch.optim.AdamW", partial(unfused, torch.optim.AdamW))
        ),
        "without byte dropout": Variant(ours, partial(patch, f"{trainer}.use_byte_dropout", lambda model: None)),
        "with dropout of attention weights": Variant(ours, stock_dropout=True),
    }


def shuffled(lengths: Sequence[int], batch_size: int, seed: int) -> Iterator[list[int]]:
    """Batches of indices in random order."""
    rng = np.random.default_rng(seed)
    order: list[int] = []
    while True:
        while len(order) < batch_size:
            order += rng.permutation(len(lengths)).tolist()
        yield order[:batch_size]
        order = order[batch_size:]


def unfused(adamw: type[torch.optim.AdamW], groups: Any, **options: Any) -> torch.optim.AdamW:
    """AdamW as torch computes it if nothing is said."""
    return adamw(groups, **options | {"fused": None})


def measure(variant: Variant, number: int, seed: int, steps: int) -> dict[str, float]:
    """Train by one variant; its examples per second and micro-F1 on validation."""
    with variant.without():
        training = prepare(variant, number, seed, steps)
        start, used = time.perf_counter(), time.process_time()
        variant.train(training)
        seconds, cpu = time.perf_counter() - start, time.process_time() - used
        count = training.config.max_steps * training.config.batch_size
        return {
            "examples_per_second": count / seconds,
            "cpu_seconds": cpu,
            "micro_f1": score(training),
        }


def score(training: Training) -> float:
    """Micro-F1 on the whole validation split."""
    extractor, validation = training.extractor, training.validation
    each = logits(extractor.model, validation.examples, extractor.pad, training.config.precision)
    return micro_f1(validation.classes, each.argmax(-1).tolist(), training.negative)


def prepare(variant: Variant, number: int, seed: int, steps: int) -> Training:
    """A fresh extractor, made with a random seed, and the data of one draw."""
    recipe = Params.read().section("finetune", Finetune)
    config = recipe.model_copy(update={"max_steps": steps, "eval_steps": steps, "gradient_accumulation_steps": 1})
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    seeds = draw(read_examples(GAZETTE / "train.jsonl", TASK, schema), shots=8, seed=number)
    seed_everything(seed)
    extractor = new_extractor(EMBEDDED, "typed_marker", config, TASK, schema, seeds)
    if variant.stock_dropout:
        model = Classifier(stock_encoder(), extractor.model.head).to(device())
        extractor = replace(extractor, model=model)
    validation = read_examples(GAZETTE / "validation.jsonl", TASK, schema)
    drawn = draw(validation, shots=8, seed=number)
    train, evaluated, whole = map(extractor.encode_dataset, (seeds, drawn, validation))
    return Training(extractor, config, train, evaluated, whole, schema.negative_class, seed)


def stock_encoder() -> PreTrainedModel:
    """The encoder with its own dropout, on attention weights, too."""
    return AutoModel.from_pretrained(
        encoder_path(EMBEDDED), attn_implementation=attention_implementation(device()), trust_remote_code=False
    )


def ours(training: Training) -> None:
    """Train with the pipeline's own loop."""
    with tempfile.TemporaryDirectory() as folder:
        extractor = training.extractor
        objective = Objective(extractor.loss, training.negative)
        trainer = Trainer(
            extractor.model,
            training.config,
            objective,
            pad=extractor.pad,
            seed=training.seed,
            folder=Path(folder),
        )
        trainer.train(training.train, training.drawn, on_eval=lambda point: None)


def plain(training: Training, length: int | None) -> None:
    """Train with the loop of a tutorial; pad to `length` tokens, or to the longest text of a batch."""
    model, config, pad = training.extractor.model, training.config, training.extractor.pad
    optimizer = torch.optim.AdamW(
        [
            {"params": model.encoder.parameters(), "lr": config.encoder_lr},
            {"params": model.head.parameters(), "lr": config.head_lr},
        ],
        weight_decay=config.weight_decay,
    )
    warmup = round(config.warmup_ratio * config.max_steps)
    schedule = get_linear_schedule_with_warmup(optimizer, warmup, config.max_steps)
    batches = shuffled([len(one.ids) for one in training.train.examples], config.batch_size, training.seed)
    model.train()
    for indices in islice(batches, config.max_steps):
        batch = padded(Batch.of([training.train.examples[index] for index in indices], pad, device()), length, pad)
        target = torch.tensor([training.train.classes[index] for index in indices], device=device())
        functional.cross_entropy(all_layers(model, batch), target).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), config.max_grad_norm)
        optimizer.step()
        schedule.step()
        optimizer.zero_grad()


def all_layers(model: Classifier, batch: Batch) -> torch.Tensor:
    """Logits by all layers at all tokens."""
    states = model.encoder(input_ids=batch.ids, attention_mask=batch.attention).last_hidden_state
    rows = torch.arange(len(states), device=states.device)
    return model.head(states[rows.unsqueeze(1), batch.positions])


def padded(batch: Batch, length: int | None, pad: int) -> Batch:
    """The batch, padded on to `length` tokens."""
    more = (0, max(0, (length or 0) - batch.ids.shape[1]))
    return replace(
        batch, ids=functional.pad(batch.ids, more, value=pad), attention=functional.pad(batch.attention, more)
    )


def summary(runs: dict[str, list[dict[str, float]]]) -> dict[str, object]:
    """Means over draws, and how many times faster ours is."""
    rate = {name: fmean(run["examples_per_second"] for run in each) for name, each in runs.items()}
    ours = {(run["draw"], run["random_seed"]): run["examples_per_second"] for run in runs[OURS]}
    ratios = {
        name: [ours[run["draw"], run["random_seed"]] / run["examples_per_second"] for run in each]
        for name, each in runs.items()
        if name != OURS
    }
    return {
        "examples_per_second": rate,
        "micro_f1": {
            name: spread([run["micro_f1"] for run in each]).model_dump(exclude_none=True) for name, each in runs.items()
        },
        "ours_is_faster_by": {name: spread(each).model_dump(exclude_none=True) for name, each in ratios.items()},
        "runs": runs,
    }


def machine() -> str:
    """What it was measured on."""
    bf16 = "with bf16" if has_bf16(device()) else "without bf16"
    return f"{device().type} {platform.machine()} {bf16}, {torch.get_num_threads()} threads, torch {torch.__version__}"


if __name__ == "__main__":
    run(main)
