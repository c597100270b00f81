"""Trainings by the Hugging Face `Trainer`: what it is told, where it resumes, what it sends to MLflow."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from relseed.training.hf_trainer import MetricsCallback, TrainingConfig, train

CONFIG = TrainingConfig(
    lr=1e-3, max_steps=30, batch_size=2, warmup_ratio=0.1, max_length=32, save_steps=10, precision="bf16", seed=7
)


class Listening:
    """A trainer that only hears where to resume, and a run that only hears of metrics."""

    def __init__(self) -> None:
        self.resumed: list[str | None] = []
        self.metrics: list[tuple[dict[str, float], int]] = []
        self.state = SimpleNamespace(log_history=[{"loss": 0.5}], global_step=20)

    def train(self, resume_from_checkpoint: str | None) -> None:
        self.resumed.append(resume_from_checkpoint)

    def log_metrics(self, metrics: dict[str, float], step: int) -> None:
        self.metrics.append((metrics, step))


def checkpoint(state: Path, step: int, *, complete: bool = True) -> Path:
    folder = state / f"checkpoint-{step}"
    folder.mkdir(parents=True)
    if complete:
        (folder / "trainer_state.json").touch()
    return folder


def test_a_training_without_a_checkpoint_begins_at_the_beginning(tmp_path):
    trainer: Any = Listening()
    assert train(trainer, tmp_path / "none") == [{"loss": 0.5}]
    assert trainer.resumed == [None]


def test_a_training_resumes_from_its_last_complete_checkpoint(tmp_path):
    trainer: Any = Listening()
    checkpoint(tmp_path, 9)
    last = checkpoint(tmp_path, 10)
    checkpoint(tmp_path, 11, complete=False)
    train(trainer, tmp_path)
    assert trainer.resumed == [str(last)]


def test_the_warm_up_is_a_share_of_the_steps(tmp_path):
    told = CONFIG.arguments(tmp_path)
    assert (told["max_steps"], told["warmup_steps"], told["save_steps"]) == (30, 3, 10)


@pytest.mark.parametrize(("precision", "bf16"), [("bf16", True), ("fp32", False)])
def test_the_trainer_is_told_the_number_format(tmp_path, precision, bf16):
    assert CONFIG.model_copy(update={"precision": precision}).arguments(tmp_path)["bf16"] is bf16


def test_nothing_is_reported_but_by_the_run_itself(tmp_path):
    assert CONFIG.arguments(tmp_path)["report_to"] == []


def test_the_metrics_that_were_asked_for_are_sent_under_their_own_names():
    heard: Any = Listening()
    callback = MetricsCallback(heard, {"loss": "train_loss"})
    for logs in ({"loss": 0.25, "epoch": 1.0}, {"epoch": 2.0}, None):
        callback.on_log(None, heard.state, None, logs)
    assert heard.metrics == [({"train_loss": 0.25}, 20)]
