"""The loop of our own trainings: a budget of optimizer steps on a linear schedule, resumable from its saved state.

The trainings of the small language model use that of Hugging Face instead (`hf_trainer`), because DPO comes with it.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from pydantic import Field
from torch import nn
from transformers import get_linear_schedule_with_warmup

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Section
from relseed.pipeline.progress import bar
from relseed.training.device import Precision
from relseed.training.resume import load_state, save_state


class LoopConfig(Section):
    """What every training loop is given."""

    max_length: int = Field(ge=16)  # tokens of an input
    batch_size: int = Field(gt=0)  # inputs in one forward pass
    encoder_lr: float = Field(gt=0)
    head_lr: float = Field(gt=0)  # of what is fresh
    weight_decay: float = Field(ge=0)
    warmup_ratio: float = Field(ge=0, le=1)  # share of the steps
    max_grad_norm: float = Field(gt=0)
    dropout: float = Field(ge=0, lt=1)  # of hidden states
    precision: Precision


class Loop:
    """The optimizer steps of one training of `model`, whose state lies in `state` between two saves."""

    def __init__(
        self, model: nn.Module, groups: Sequence[dict[str, Any]], config: LoopConfig, max_steps: int, state: Path
    ) -> None:
        self.model, self.config, self.max_steps, self._path = model, config, max_steps, state
        self.device = next(model.parameters()).device
        self.optimizer = torch.optim.AdamW(list(groups), fused=True)
        warmup = round(config.warmup_ratio * max_steps)
        self.schedule = get_linear_schedule_with_warmup(self.optimizer, warmup, max_steps)
        self._parts = {"model": model, "optimizer": self.optimizer, "schedule": self.schedule}

    def resume(self) -> Any:
        """Take up the saved state, random numbers included, and return its progress; None where there is none."""
        return load_state(self._path, self._parts, self.device)

    def save(self, progress: Any) -> None:
        """Save the state with `progress`, which is JSON."""
        save_state(self._path, self._parts, self.device, progress)

    def steps(self, done: int, title: str) -> Iterator[int]:
        """The numbers of the steps after the first `done`, from 1, with a progress bar."""
        with bar(desc=title, unit="step", total=self.max_steps, initial=done) as ticks:
            for step in range(done + 1, self.max_steps + 1):
                yield step
                ticks.update()

    def step(self, number: int, *losses: float) -> None:
        """Move the weights along the gradients of this step, which are then cleared.

        Raises:
            UserError: A loss is no longer a number.
        """
        if any(loss != loss for loss in losses):
            raise UserError(f"the loss is not a number at step {number}: lower encoder_lr or head_lr")
        torch.nn.utils.clip_grad_norm_(self.model.parameters(), self.config.max_grad_norm)
        self.optimizer.step()
        self.schedule.step()
        self.optimizer.zero_grad(set_to_none=True)
