"""The loop of pre-training: a budget in updates, on one device or on many (`accelerate launch`), resumable."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import Literal, cast

import numpy as np
import torch
from accelerate import Accelerator
from pydantic import Field, NonNegativeInt
from torch import nn
from transformers import PreTrainedModel, get_linear_schedule_with_warmup

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section
from relseed.pipeline.progress import bar
from relseed.pretraining.corpus import Text
from relseed.pretraining.masks import Masking
from relseed.pretraining.model import Pretraining, Vocabulary, batch_of
from relseed.training.batches import bucketed
from relseed.training.device import Precision, autocast
from relseed.training.dropout import use_byte_dropout
from relseed.training.resume import load_state, save_state


class Pretrain(Section):
    """How to pre-train an encoder: all that decides the result besides the encoder and the data."""

    mode: Literal["joint", "sequential"]  # sequential: MSLM alone for the first half of the updates, then both
    masking: Masking
    mslm: float = Field(ge=0)  # weight of masked span language modelling, the paper's lambda 1
    scl: float = Field(ge=0)  # weight of span contrast, the paper's lambda 2
    temperature: float = Field(gt=0)  # of span contrast
    in_batch: bool  # the relation spans of other relations in a batch are negatives, too
    written: bool  # the sentences that were written for the system are texts, too
    frozen: NonNegativeInt  # lowest layers that stay as they are, and the embeddings with them (0: everything learns)
    max_length: int = Field(ge=16)  # tokens of a seed with its explanation
    updates: NonNegativeInt  # 0: the encoder stays as it is
    batch_size: int = Field(gt=0)  # texts in one update, on all devices together
    encoder_lr: float = Field(gt=0)
    head_lr: float = Field(gt=0)  # of what is fresh: relation embeddings, a head that the checkpoint lacked
    weight_decay: float = Field(ge=0)
    warmup: float = Field(ge=0, le=1)  # share of the updates
    clip: float = Field(gt=0)  # gradient norm
    dropout: float = Field(ge=0, lt=1)
    save_every: int = Field(gt=0)  # updates between two saved states
    precision: Precision
    seed: NonNegativeInt

    def weights(self, update: int) -> tuple[float, float]:
        """The weights of the two losses in an update, counted from one."""
        alone = self.mode == "sequential" and 2 * update <= self.updates
        return self.mslm, 0.0 if alone else self.scl


@dataclass(frozen=True, slots=True)
class Step:
    """One update: the two losses, unweighted."""

    update: int
    mslm: float
    scl: float


class Pretrainer:
    """One pre-training of one model, on this process's share of each batch, with its state in `scratch`."""

    def __init__(
        self, model: Pretraining, params: Pretrain, vocabulary: Vocabulary, *, fresh_head: bool, scratch: Path
    ):
        """Nothing is trained or read yet.

        Raises:
            UserError: There are more processes than texts in a batch, or more frozen layers than the encoder has.
        """
        self.model, self.params, self.vocabulary = model, params, vocabulary
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        if params.batch_size < self.accelerator.num_processes:
            raise UserError(
                f"pretrain.batch_size is {params.batch_size}, and {self.accelerator.num_processes} processes share "
                "each batch: raise it, or launch fewer"
            )
        _freeze(cast(PreTrainedModel, model.encoder), params.frozen)
        self.device = self.accelerator.device
        self.state = scratch / "state.pt"
        self.optimizer = torch.optim.AdamW(_groups(model, params, fresh_head), fused=True)
        warmup = round(params.warmup * params.updates)
        self.schedule = get_linear_schedule_with_warmup(self.optimizer, warmup, params.updates)
        self.parts = {"model": model, "optimizer": self.optimizer, "schedule": self.schedule}

    def train(self, texts: Sequence[Text], on_step: Callable[[Step], None]) -> list[Step]:
        """Train the model in place and return all updates, of which `on_step` hears, too.

        What an interrupted run did is taken up. Each update's masks and wrong spans come from the seed and its number.

        Raises:
            UserError: The loss is no longer a number.
        """
        params = self.params
        self.model.to(self.device)
        if self.device.type == "cpu":
            use_byte_dropout(self.model)
        steps = [Step(**step) for step in load_state(self.state, self.parts, self.device) or ()]
        for step in steps:
            on_step(step)
        parallel = self.accelerator.prepare_model(self.model)
        stream = bucketed([len(text.ids) for text in texts], params.batch_size, params.seed)
        batches = islice(stream, len(steps), None)
        with bar(desc="pre-train", unit="update", total=params.updates, initial=len(steps)) as ticks:
            for update in range(len(steps) + 1, params.updates + 1):
                steps.append(self._step(parallel, [texts[at] for at in next(batches)], update))
                on_step(steps[-1])
                ticks.update()
                if update % params.save_every == 0 or update == params.updates:
                    self._save(steps)
        return steps

    def _step(self, parallel: nn.Module, texts: Sequence[Text], update: int) -> Step:
        rank, params = self.accelerator.process_index, self.params
        own = texts[rank :: self.accelerator.num_processes]
        chance = np.random.default_rng([params.seed, update, rank])
        batch = batch_of(own, self.vocabulary, params.masking, chance, self.device)
        parallel.train()
        with autocast(self.device, params.precision):
            mslm, scl = parallel(batch, params.max_length)
        of_mslm, of_scl = params.weights(update)
        self.accelerator.backward(of_mslm * mslm + of_scl * scl)
        both = self.accelerator.reduce(torch.stack([mslm.detach().float(), scl.detach().float()]), "mean").tolist()
        if any(loss != loss for loss in both):
            raise UserError(
                f"the loss is not a number at update {update}: lower pretrain.encoder_lr or pretrain.head_lr"
            )
        self.accelerator.clip_grad_norm_(parallel.parameters(), params.clip)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
        return Step(update, *both)

    def _save(self, steps: Sequence[Step]) -> None:
        if self.accelerator.is_main_process:
            save_state(self.state, self.parts, self.device, [asdict(step) for step in steps])


def _freeze(encoder: PreTrainedModel, lowest: int) -> None:
    """Keep the embeddings and the `lowest` layers as they are; nothing where that is zero."""
    if not lowest:
        return
    layers = cast(nn.ModuleList, cast(nn.Module, encoder.encoder).layer)
    if lowest > len(layers):
        raise UserError(f"pretrain.frozen is {lowest}, the encoder has {len(layers)} layers: lower it")
    for part in (cast(nn.Module, encoder.embeddings), *layers[:lowest]):
        part.requires_grad_(False)


def _groups(model: Pretraining, params: Pretrain, fresh_head: bool) -> list[dict[str, object]]:
    """The parameters by learning rate and decay; embeddings, biases and norms do not decay."""
    embedding = model.masked_lm.get_input_embeddings().weight
    fresh = {id(model.relations.weight)}
    if fresh_head:
        fresh |= {id(one) for one in model.head.parameters() if one is not embedding}
    groups: dict[tuple[float, float], list[nn.Parameter]] = {}
    for one in filter(lambda parameter: parameter.requires_grad, model.parameters()):
        rate = params.head_lr if id(one) in fresh else params.encoder_lr
        decay = params.weight_decay if one.dim() > 1 and one is not embedding else 0.0
        groups.setdefault((rate, decay), []).append(one)
    return [{"params": ones, "lr": rate, "weight_decay": decay} for (rate, decay), ones in groups.items()]
