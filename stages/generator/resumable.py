"""A training by the Hugging Face `Trainer` that goes on where it was interrupted."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from transformers import Trainer, TrainerCallback

from stages.tracking.run import Run


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
