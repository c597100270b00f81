"""Extractors as they come out of `finetune`, without the stage: tiny, and untrained unless a test trains them."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from relseed.classifier.checkpoint import Extractor, save_extractor
from relseed.classifier.decision import Decision
from relseed.classifier.trainer import TrainingConfig
from relseed.classifier.training import new_extractor
from relseed.tasks.task import Task
from relseed.tasks.yes_no import TASK as YES_NO
from relseed.tasks.yes_no import AnsweredQuestion
from relseed.training.device import seed_everything

CONFIG = TrainingConfig(
    max_length=64,
    max_steps=10,
    batch_size=4,
    gradient_accumulation_steps=1,
    encoder_lr=1e-4,
    head_lr=1e-3,
    weight_decay=0.0,
    warmup_ratio=0.1,
    max_grad_norm=1.0,
    dropout=0.1,
    eval_steps=5,
    precision="fp32",  # cards know no bf16
)
# All that a fitted decision has.
DECISION: dict[str, Any] = {
    "temperature": 1.7,
    "bias": -0.4,
    "negatives": 0.2,
    "threshold": 0.375,
    "least_similarity": 0.25,
    "fitted_on": {"real": 20, "written": 12, "negative real": 3, "negative written": 7},
}
QUESTIONS = [
    AnsweredQuestion(id=f"{word}-{n}", question=f"Is water {word}{' now' * n}?", answer=word == "wet")
    for n in range(8)
    for word in ("wet", "dry")
]


def untrained(
    encoder: Path,
    head: str,
    task: Task = YES_NO,
    schema: Any = YES_NO.fixed_schema,
    train: Sequence[Any] = QUESTIONS,
    loss: str = "softmax",
) -> Extractor:
    """An extractor with a fresh head: unless told otherwise, for yes-or-no questions."""
    seed_everything(1)
    return new_extractor(str(encoder), head, CONFIG, task, schema, train, loss=loss)


def deciding(extractor: Extractor, learnt: np.ndarray | None = None, **decision: Any) -> Extractor:
    """The same extractor, with what it decides by, and the states of what it learnt from if any are given."""
    config = replace(extractor.config, decision=Decision(**decision))
    return replace(extractor, config=config, learnt=extractor.learnt if learnt is None else learnt)


def saved(extractor: Extractor, folder: Path) -> Path:
    """The new folder of an extractor."""
    folder.mkdir(parents=True)
    save_extractor(extractor, folder)
    return folder
