"""The training of an encoder on explanations: a budget of steps, on one device or on many, resumable."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from pathlib import Path
from typing import cast

import numpy as np
import torch
from accelerate import Accelerator
from pydantic import Field, NonNegativeInt
from torch import nn

from relseed.pipeline.errors import UserError
from relseed.pretraining.corpus import Text
from relseed.pretraining.masks import Masking
from relseed.pretraining.model import Pretraining, Vocabulary, batch_of
from relseed.training.batches import bucketed
from relseed.training.device import autocast
from relseed.training.dropout import use_byte_dropout
from relseed.training.loop import Loop, LoopConfig
from relseed.training.optimizer import parameter_groups


class PretrainingConfig(LoopConfig):
    """An entry of `encoders`: how to pre-train an encoder on explanations (TKRE)."""

    reads: str  # the explanations
    masking: Masking
    mslm_weight: float = Field(ge=0)  # of masked span language modelling, the paper's lambda 1
    scl_weight: float = Field(ge=0)  # of span contrast, the paper's lambda 2
    temperature: float = Field(gt=0)  # of span contrast
    max_steps: NonNegativeInt  # 0: the encoder stays as it is
    save_steps: int = Field(gt=0)  # between two saved states
    seed: NonNegativeInt


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the optimizer: the two losses, unweighted."""

    step: int
    mslm: float
    scl: float


class Pretrainer:
    """One pre-training of one model, on this process's share of each batch, with its state in `folder`."""

    def __init__(
        self, model: Pretraining, config: PretrainingConfig, vocabulary: Vocabulary, *, fresh_head: bool, folder: Path
    ):
        """Nothing is trained or read yet.

        Raises:
            UserError: There are more processes than texts in a batch.
        """
        self.model, self.config, self.vocabulary = model, config, vocabulary
        self.accelerator = Accelerator(cpu=not torch.cuda.is_available())
        if config.batch_size < self.accelerator.num_processes:
            raise UserError(
                f"batch_size is {config.batch_size}, and {self.accelerator.num_processes} processes share each batch: "
                "raise it, or launch fewer"
            )
        self.device = self.accelerator.device
        model.to(self.device)
        self.loop = Loop(model, _groups(model, config, fresh_head), config, config.max_steps, folder / "state.pt")

    def train(self, texts: Sequence[Text], on_step: Callable[[Step], None]) -> list[Step]:
        """Train the model in place and return all steps, with each of which `on_step` is called.

        An interrupted run is resumed. Each step's masks and negative spans come from the random seed and its number.

        Raises:
            UserError: The loss is no longer a number.
        """
        config = self.config
        if self.device.type == "cpu":
            use_byte_dropout(self.model)
        steps = [Step(**step) for step in self.loop.resume() or ()]
        for step in steps:
            on_step(step)
        parallel = self.accelerator.prepare_model(self.model)
        stream = bucketed([len(text.ids) for text in texts], config.batch_size, config.seed)
        batches = islice(stream, len(steps), None)
        for number in self.loop.steps(len(steps), "pre-train"):
            steps.append(self._step(parallel, [texts[at] for at in next(batches)], number))
            on_step(steps[-1])
            if number % config.save_steps == 0 or number == config.max_steps:
                self._save(steps)
        return steps

    def _step(self, parallel: nn.Module, texts: Sequence[Text], number: int) -> Step:
        rank, config = self.accelerator.process_index, self.config
        own = texts[rank :: self.accelerator.num_processes]
        rng = np.random.default_rng([config.seed, number, rank])
        batch = batch_of(own, self.vocabulary, config.masking, rng, self.device)
        parallel.train()
        with autocast(self.device, config.precision):
            mslm, scl = parallel(batch, config.max_length)
        self.accelerator.backward(config.mslm_weight * mslm + config.scl_weight * scl)
        both = self.accelerator.reduce(torch.stack([mslm.detach().float(), scl.detach().float()]), "mean").tolist()
        self.loop.step(number, *both)
        return Step(number, *both)

    def _save(self, steps: Sequence[Step]) -> None:
        if self.accelerator.is_main_process:
            self.loop.save([asdict(step) for step in steps])


def _groups(model: Pretraining, config: PretrainingConfig, fresh_head: bool) -> list[dict[str, object]]:
    """What is fresh learns faster: the relation embeddings, and a head that the checkpoint lacked."""
    embedding = cast(nn.Embedding, model.masked_lm.get_input_embeddings()).weight
    fresh = {id(model.relations.weight)}
    if fresh_head:
        fresh |= {id(parameter) for parameter in model.head.parameters() if parameter is not embedding}
    groups = []
    for is_fresh, lr in ((False, config.encoder_lr), (True, config.head_lr)):
        own = [parameter for parameter in model.parameters() if (id(parameter) in fresh) is is_fresh]
        groups += parameter_groups(own, lr=lr, weight_decay=config.weight_decay, embedding=embedding)
    return groups
