"""A training by the Hugging Face `Trainer` that goes on where it was interrupted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, NonNegativeInt, PositiveInt
from transformers import Trainer, TrainerCallback

from relseed.pipeline.params import Section
from relseed.tracking.run import Run
from relseed.training.device import Precision, device, in_bf16


class Training(Section):
    """How long and how fast to train."""

    lr: float = Field(gt=0)
    updates: PositiveInt  # optimizer steps
    batch_size: PositiveInt  # texts, or pairs, in one update
    warmup: float = Field(ge=0, lt=1)  # share of the updates; from there the rate falls to zero in a line
    max_length: int = Field(ge=16)  # tokens of a text, or of prompt and answer
    save_every: PositiveInt  # updates between two saved states
    precision: Precision
    seed: NonNegativeInt

    def arguments(self, scratch: Path) -> dict[str, Any]:
        """What `TrainingArguments` and its kin take, for a training that keeps its state in `scratch`."""
        return {
            "output_dir": str(scratch),
            "max_steps": self.updates,
            "per_device_train_batch_size": self.batch_size,
            "learning_rate": self.lr,
            "lr_scheduler_type": "linear",
            "warmup_steps": round(self.warmup * self.updates),
            "bf16": in_bf16(device(), self.precision),
            "save_steps": self.save_every,
            "save_total_limit": 2,
            "seed": self.seed,
            "report_to": [],
            "use_cpu": device().type == "cpu",
            "dataloader_pin_memory": False,
        }


class Told(TrainerCallback):
    """Hands what a `Trainer` logs on to the run in MLflow."""

    def __init__(self, log: Run, names: Mapping[str, str]) -> None:
        """`names`: of the metrics to hand on, by the names that the Trainer gives them."""
        self._log, self._names = log, names

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:
        """Called by the Trainer."""
        known = {self._names[name]: float(value) for name, value in (logs or {}).items() if name in self._names}
        if known:
            self._log.log_metrics(known, step=state.global_step)


def train(trainer: Trainer, scratch: Path) -> list[dict[str, float]]:
    """Train from the last complete checkpoint in `scratch`, if there is one, and return what was logged.

    A checkpoint is complete once it has its `trainer_state.json`, which is written last.
    """
    steps = [path.parent for path in scratch.glob("checkpoint-*/trainer_state.json")]
    last = max(steps, key=lambda path: int(path.name.rpartition("-")[2]), default=None)
    trainer.train(resume_from_checkpoint=None if last is None else str(last))
    return trainer.state.log_history
