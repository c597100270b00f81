"""The training loop: a budget in updates, the best look at validation kept, resumable at every look."""

from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import nn
from torch.nn import functional
from transformers import get_linear_schedule_with_warmup

from relseed.classifier.heads import HeadName
from relseed.classifier.inference import probabilities
from relseed.classifier.marking import Labelled
from relseed.classifier.model import Batch, RelationClassifier
from relseed.evaluation.f1 import micro_f1
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section
from relseed.pipeline.progress import bar
from relseed.training.batches import bucketed
from relseed.training.device import Precision, autocast
from relseed.training.dropout import use_byte_dropout
from relseed.training.resume import load_state, save_state, save_weights
from relseed.training.trimmed_embedding import restore, trim

_SHOWN = 500  # sentences from which a look at validation has a bar of its own


class Recipe(Section):
    """How to train one extractor: all that decides the result besides the data and the training seed."""

    encoder: str  # a Hugging Face name or path, or the embedded all-MiniLM-L6-v2
    head: HeadName
    max_length: int = Field(ge=16)  # tokens, markers included
    updates: int = Field(gt=0)  # optimizer steps
    batch_size: int = Field(gt=0)  # sentences in one forward pass
    accumulate: int = Field(gt=0)  # forward passes in one update
    encoder_lr: float = Field(gt=0)
    head_lr: float = Field(gt=0)
    weight_decay: float = Field(ge=0)
    warmup: float = Field(ge=0, le=1)  # share of the updates
    clip: float = Field(gt=0)  # gradient norm
    dropout: float = Field(ge=0, lt=1)
    evaluate_every: int = Field(gt=0)  # updates between two looks at validation
    precision: Precision


@dataclass(frozen=True, slots=True)
class Look:
    """One look at validation: mean training loss since the last look, micro-F1 now (0 to 1)."""

    update: int
    loss: float
    micro_f1: float


@dataclass(slots=True)
class Progress:
    """What a training has behind it."""

    update: int = 0
    looks: list[Look] = field(default_factory=list)

    def is_best(self) -> bool:
        """Whether no earlier look was better; of equals the longest trained counts."""
        return self.looks[-1].micro_f1 >= max(look.micro_f1 for look in self.looks)


class Trainer:
    """One training of one classifier, with its state in `scratch` until it is done."""

    def __init__(self, model: RelationClassifier, recipe: Recipe, *, pad: int, seed: int, scratch: Path) -> None:
        self.model, self.recipe, self.pad, self.seed, self.scratch = model, recipe, pad, seed, scratch
        self.device = next(model.parameters()).device
        self.progress = Progress()

    def train(
        self, train: Labelled, validation: Labelled, negative: int | None, on_look: Callable[[Look], None]
    ) -> list[Look]:
        """Train, leave the weights of the best look in the model, and return all looks.

        `negative` is the class number of the negative label. `on_look` hears of each look as it happens, and of
        those that an interrupted training had before.

        Raises:
            UserError: The loss is no longer a number.
        """
        used = {token for part in (train, validation) for sentence in part.sentences for token in sentence.ids}
        whole = trim(self.model.encoder, used | {self.pad})
        if self.device.type == "cpu":
            use_byte_dropout(self.model)
        self._prepare()
        self._resume()
        for look in self.progress.looks:
            on_look(look)
        for update, loss in self._losses(train):
            self.progress.update = update
            score = self._score(validation, negative)
            self.progress.looks.append(Look(update, loss, score))
            on_look(self.progress.looks[-1])
            self._save()
        self.model.load_state_dict(torch.load(self.scratch / "best.pt", weights_only=True))
        restore(self.model.encoder, whole)
        return self.progress.looks

    def _prepare(self) -> None:
        recipe = self.recipe
        embedding = self.model.encoder.get_input_embeddings().weight
        decayed: list[nn.Parameter] = []
        others: list[nn.Parameter] = []
        for parameter in self.model.encoder.parameters():
            (decayed if parameter.dim() > 1 and parameter is not embedding else others).append(parameter)
        groups = [
            {"params": decayed, "lr": recipe.encoder_lr, "weight_decay": recipe.weight_decay},
            {"params": others, "lr": recipe.encoder_lr, "weight_decay": 0.0},
            {"params": self.model.head.parameters(), "lr": recipe.head_lr, "weight_decay": recipe.weight_decay},
        ]
        self.optimizer = torch.optim.AdamW(groups, fused=True)
        warmup = round(recipe.warmup * recipe.updates)
        self.schedule = get_linear_schedule_with_warmup(self.optimizer, warmup, recipe.updates)

    def _losses(self, train: Labelled) -> Iterator[tuple[int, float]]:
        """Train on; yield (update, mean loss since the last yield) wherever validation is due."""
        recipe, start = self.recipe, self.progress.update
        lengths = [len(sentence.ids) for sentence in train.sentences]
        stream = islice(bucketed(lengths, recipe.batch_size, self.seed), start * recipe.accumulate, None)
        total, since = 0.0, 0
        with bar(desc=f"train, seed {self.seed}", unit="update", total=recipe.updates, initial=start) as ticks:
            for update in range(start + 1, recipe.updates + 1):
                total, since = total + self._step(train, islice(stream, recipe.accumulate), update), since + 1
                ticks.update()
                if update % recipe.evaluate_every == 0 or update == recipe.updates:
                    yield update, total / since
                    total, since = 0.0, 0

    def _step(self, train: Labelled, batches: Iterator[list[int]], update: int) -> float:
        self.model.train()
        total = 0.0
        for indices in batches:
            batch = Batch.of([train.sentences[index] for index in indices], self.pad, self.device)
            target = torch.tensor([train.classes[index] for index in indices], device=self.device)
            with autocast(self.device, self.recipe.precision):
                loss = functional.cross_entropy(self.model(batch).float(), target) / self.recipe.accumulate
            loss.backward()
            total += loss.item()
        if total != total:
            raise UserError(
                f"the loss is not a number at update {update}: lower finetune.encoder_lr or finetune.head_lr"
            )
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return total

    def _score(self, validation: Labelled, negative: int | None) -> float:
        desc = "validate" if len(validation.sentences) > _SHOWN else None
        each = probabilities(self.model, validation.sentences, self.pad, self.recipe.precision, desc=desc)
        return micro_f1(validation.classes, each.argmax(-1).tolist(), negative)

    def _save(self) -> None:
        if self.progress.is_best():
            save_weights(self.scratch / "best.pt", self.model.state_dict())
        # Written last: a state on disk means that the best weights so far are there, too.
        save_state(self.scratch / "state.pt", self._parts(), self.device, asdict(self.progress))

    def _resume(self) -> None:
        if not (self.scratch / "best.pt").exists():
            return
        if done := load_state(self.scratch / "state.pt", self._parts(), self.device):
            self.progress = Progress(done["update"], [Look(**look) for look in done["looks"]])

    def _parts(self) -> dict[str, Any]:
        return {"model": self.model, "optimizer": self.optimizer, "schedule": self.schedule}
