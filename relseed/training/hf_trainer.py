"""Trainings by the Hugging Face `Trainer`: their settings, their metrics, resuming."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt
from transformers import Trainer, TrainerCallback

from relseed.pipeline.params import Section
from relseed.tracking.run import Run
from relseed.training.device import Precision, device, in_bf16


class TrainingConfig(Section):
    """How long and how fast to train."""

    lr: float = Field(gt=0)
    max_steps: PositiveInt  # of the optimizer
    batch_size: PositiveInt  # texts, or pairs, in one step
    warmup_ratio: float = Field(ge=0, lt=1)  # share of the steps; from there the rate falls to zero in a line
    max_length: int = Field(ge=16)  # tokens of a text, or of prompt and response
    save_steps: PositiveInt  # between two saved states
    precision: Precision
    seed: NonNegativeInt

    def arguments(self, state: Path) -> dict[str, Any]:
        """What `TrainingArguments` and its subclasses take, for a training that keeps its state in `state`."""
        return {
            "output_dir": str(state),
            "max_steps": self.max_steps,
            "per_device_train_batch_size": self.batch_size,
            "learning_rate": self.lr,
            "lr_scheduler_type": "linear",
            "warmup_steps": round(self.warmup_ratio * self.max_steps),
            "bf16": in_bf16(device(), self.precision),
            "save_steps": self.save_steps,
            "save_total_limit": 2,
            "seed": self.seed,
            "report_to": [],
            "use_cpu": device().type == "cpu",
            "dataloader_pin_memory": False,
        }


class MetricsCallback(TrainerCallback):
    """Sends what a `Trainer` logs to the run in MLflow."""

    def __init__(self, log: Run, names: Mapping[str, str]) -> None:
        """`names`: of the metrics to send, by the names that the Trainer gives them."""
        self._log, self._names = log, names

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Called by the Trainer."""
        known = {self._names[name]: float(value) for name, value in (logs or {}).items() if name in self._names}
        if known:
            self._log.log_metrics(known, step=state.global_step)


def train(trainer: Trainer, state: Path) -> list[dict[str, float]]:
    """Train from the last complete checkpoint in `state`, if there is one, and return what was logged.

    A checkpoint is complete once it has its `trainer_state.json`, which is written last.
    """
    steps = [path.parent for path in state.glob("checkpoint-*/trainer_state.json")]
    last = max(steps, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    return trainer.state.log_history
