"""Training a classifier: a budget of steps, of which validation decides what is kept; resumable at evaluations."""

import math
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field, replace
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import cast

import torch
from pydantic import Field
from torch import nn

from relseed.classifier.encoding import EncodedDataset
from relseed.classifier.inference import logits
from relseed.classifier.losses.targets import Targets
from relseed.classifier.model import Batch, Classifier
from relseed.evaluation.f1 import micro_f1
from relseed.training.batches import bucketed
from relseed.training.device import autocast
from relseed.training.dropout import use_byte_dropout
from relseed.training.loop import Loop, LoopConfig
from relseed.training.optimizer import parameter_groups
from relseed.training.resume import save_weights
from relseed.training.trimmed_embedding import restore, trim

_WITH_BAR = 500  # examples from which an evaluation on validation has a progress bar of its own


class TrainingConfig(LoopConfig):
    """How to train one extractor: all that decides the result besides data, encoder, head and random seed."""

    max_steps: int = Field(gt=0)  # of the optimizer
    gradient_accumulation_steps: int = Field(gt=0)  # forward passes in one step
    eval_steps: int = Field(gt=0)  # between two evaluations on validation


@dataclass(frozen=True, slots=True)
class Objective:
    """What a training minimises."""

    loss: ModuleType  # of relseed.classifier.losses
    negative: int | None  # class number of the negative label
    negative_weight: float = 1.0  # what its examples count, those of other labels count 1

    def mean(self, logits: torch.Tensor, targets: Targets) -> torch.Tensor:
        """The weighted mean of the losses of a batch, a scalar."""
        weights = torch.ones(len(logits), device=logits.device)
        if self.negative is not None:
            weights[targets.classes == self.negative] = self.negative_weight
        return (weights * self.loss.each(logits, targets, self.negative)).sum() / weights.sum()


@dataclass(frozen=True, slots=True)
class EvalPoint:
    """An evaluation on validation: mean training loss since the last one, micro-F1 now (0 to 1), whether it is kept."""

    step: int
    loss: float
    micro_f1: float
    kept: bool  # of one evaluation of a training, whose weights are the extractor's


@dataclass(slots=True)
class Progress:
    """What a training has done so far."""

    step: int = 0
    history: list[EvalPoint] = field(default_factory=list)

    def add(self, step: int, loss: float, micro_f1: float, asserting: int) -> None:
        """Add an evaluation on so many examples that assert something; keep it if it is nearly the best.

        Nearly is within about a standard error: so few examples cannot tell such evaluations apart, and the longest
        trained of them is taken (after Breiman et al. 1984, who take the simplest model): an early peak is mostly luck,
        and asserts too much. The error is that of a proportion, with one right and one wrong example added, so that a
        perfect score has one, too.
        """
        best = max([micro_f1, *(point.micro_f1 for point in self.history)])
        smoothed = (asserting * best + 1) / (asserting + 2)
        kept = micro_f1 >= best - math.sqrt(smoothed * (1 - smoothed) / (asserting + 2))
        if kept:
            self.history = [replace(point, kept=False) for point in self.history]
        self.step = step
        self.history.append(EvalPoint(step, loss, micro_f1, kept))


class Trainer:
    """One training of one classifier, with its state in `folder` until it is done."""

    def __init__(
        self, model: Classifier, config: TrainingConfig, objective: Objective, *, pad: int, seed: int, folder: Path
    ) -> None:
        self.model, self.config, self.pad, self.seed, self.folder = model, config, pad, seed, folder
        self.objective = objective
        self.device = next(model.parameters()).device
        self.progress = Progress()

    def train(
        self,
        train: EncodedDataset,
        validation: EncodedDataset,
        on_eval: Callable[[EvalPoint], None],
    ) -> list[EvalPoint]:
        """Train, leave the weights that validation keeps in the model, and return all evaluations.

        `on_eval` is called with each evaluation as it happens, and with those that an interrupted training had before.

        Raises:
            UserError: The loss is no longer a number.
        """
        used = {token for part in (train, validation) for encoded in part.examples for token in encoded.ids}
        whole = trim(self.model.encoder, used | {self.pad})
        if self.device.type == "cpu":
            use_byte_dropout(self.model)
        self.loop = Loop(self.model, self._groups(), self.config, self.config.max_steps, self.folder / "state.pt")
        self._resume()
        for point in self.progress.history:
            on_eval(point)
        for step, loss in self._losses(train):
            asserting = sum(label != self.objective.negative for label in validation.classes)
            self.progress.add(step, loss, self._score(validation), asserting)
            on_eval(self.progress.history[-1])
            self._save()
        self.model.load_state_dict(torch.load(self.folder / "kept.pt", weights_only=True))
        restore(self.model.encoder, whole)
        return self.progress.history

    def _groups(self) -> list[dict[str, object]]:
        config, encoder = self.config, self.model.encoder
        groups = parameter_groups(
            encoder.parameters(),
            lr=config.encoder_lr,
            weight_decay=config.weight_decay,
            embedding=cast(nn.Embedding, encoder.get_input_embeddings()).weight,
        )
        head = {"params": self.model.head.parameters(), "lr": config.head_lr, "weight_decay": config.weight_decay}
        return [*groups, head]

    def _losses(self, train: EncodedDataset) -> Iterator[tuple[int, float]]:
        """Train on; yield (step, mean loss since the last yield) wherever validation is due."""
        config, done = self.config, self.progress.step
        batches = bucketed([len(encoded.ids) for encoded in train.examples], config.batch_size, self.seed)
        stream = islice(batches, done * config.gradient_accumulation_steps, None)
        total, since = 0.0, 0
        for step in self.loop.steps(done, f"train, seed {self.seed}"):
            loss = self._backward(train, islice(stream, config.gradient_accumulation_steps))
            self.loop.step(step, loss)
            total, since = total + loss, since + 1
            if step % config.eval_steps == 0 or step == config.max_steps:
                yield step, total / since
                total, since = 0.0, 0

    def _backward(self, train: EncodedDataset, batches: Iterator[list[int]]) -> float:
        self.model.train()
        total = 0.0
        for indices in batches:
            batch = Batch.of([train.examples[index] for index in indices], self.pad, self.device)
            targets = train.targets(indices, self.device)
            with autocast(self.device, self.config.precision):
                loss = self.objective.mean(self.model(batch).float(), targets)
                loss = loss / self.config.gradient_accumulation_steps
            loss.backward()
            total += loss.item()
        return total

    def _score(self, validation: EncodedDataset) -> float:
        desc = "validate" if len(validation.examples) > _WITH_BAR else None
        each = logits(self.model, validation.examples, self.pad, self.config.precision, desc=desc)
        decided = self.objective.loss.decided(torch.from_numpy(each), self.objective.negative)
        return micro_f1(validation.classes, decided.argmax(-1).tolist(), self.objective.negative)

    def _save(self) -> None:
        if self.progress.history[-1].kept:
            save_weights(self.folder / "kept.pt", self.model.state_dict())
        # Written last: a state on disk means that the weights kept so far are there, too.
        self.loop.save(asdict(self.progress))

    def _resume(self) -> None:
        if not (self.folder / "kept.pt").exists():
            return
        if done := self.loop.resume():
            self.progress = Progress(done["step"], [EvalPoint(**point) for point in done["history"]])
