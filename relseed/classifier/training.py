"""An extractor from nothing but an encoder and examples: what `finetune` and `verifiers` do alike."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, cast

import numpy as np
from transformers import PreTrainedModel

from relseed.classifier.checkpoint import CheckpointConfig, Extractor, head_module, save_extractor
from relseed.classifier.model import Classifier
from relseed.classifier.trainer import EvalPoint, Objective, Trainer, TrainingConfig
from relseed.pipeline.errors import UserError
from relseed.tasks.task import Task
from relseed.training.device import device, seed_everything
from relseed.training.encoders import load_tokenizer, longest_input, origin_of


def new_extractor(
    start: str,
    head: str,
    config: TrainingConfig,
    task: Task,
    schema: Any,
    train: Sequence[Any],
    *,
    loss: str = "softmax",
) -> Extractor:
    """An extractor that has learnt nothing yet: the encoder `start` under a fresh head.

    Raises:
        UserError: There is no such encoder or head, they do not fit the task, or `max_length` is more than it takes.
    """
    module = head_module(head)
    options = module.options(task, train)
    tokenizer = load_tokenizer(start)
    encoder, fresh = module.build(start, tokenizer, schema, config.dropout)
    longest = longest_input(cast(PreTrainedModel, encoder))
    if longest is not None and config.max_length > longest:
        raise UserError(f"max_length is {config.max_length}, {start} takes {longest} tokens: lower it")
    origin = origin_of(start)
    about = CheckpointConfig(
        task.name, origin.start, origin.pretraining, head, options, loss, config.max_length, config.precision
    )
    nothing = np.empty((0, 0), dtype=np.float16)
    return Extractor(Classifier(encoder, fresh).to(device()), tokenizer, task, schema, about, nothing)


def train_extractor(
    start: str,
    head: str,
    config: TrainingConfig,
    task: Task,
    schema: Any,
    train: Sequence[Any],
    validation: Sequence[Any],
    *,
    seed: int,
    folder: Path,
    on_eval: Callable[[EvalPoint], None],
    loss: str = "softmax",
    negative_weight: float = 1.0,
) -> tuple[Extractor, list[EvalPoint]]:
    """Train an extractor with a random seed, its state in `folder` until it is done, and return all its evaluations."""
    seed_everything(seed)
    extractor = new_extractor(start, head, config, task, schema, train, loss=loss)
    objective = Objective(extractor.loss, schema.negative_class, negative_weight)
    trainer = Trainer(extractor.model, config, objective, pad=extractor.pad, seed=seed, folder=folder)
    history = trainer.train(extractor.encode_dataset(train), extractor.encode_dataset(validation), on_eval)
    return extractor, history


def save_trained(extractor: Extractor, history: Sequence[EvalPoint], folder: Path) -> None:
    """Write an extractor, and the evaluations of its training as history.json, into a new `folder`."""
    folder.mkdir()
    save_extractor(extractor, folder)
    text = json.dumps([asdict(point) for point in history], indent=2)
    (folder / "history.json").write_text(text + "\n", encoding="utf-8")
