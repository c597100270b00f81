"""The training loop: learning, accumulating, failing, and the folder that an interrupted state is kept in."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from filelock import FileLock, Timeout
from pydantic import ValidationError

from relseed.classifier.encoding import Encoded, EncodedDataset, encode_all
from relseed.classifier.heads.typed_marker import mark
from relseed.classifier.inference import logits
from relseed.classifier.losses import one_vs_rest, softmax
from relseed.classifier.losses.targets import Targets
from relseed.classifier.trainer import EvalPoint, Objective, Trainer
from relseed.pipeline.errors import UserError
from relseed.training.device import seed_everything
from relseed.training.encoders import EMBEDDED, load_encoder, load_tokenizer
from relseed.training.loop import Loop
from relseed.training.resume import locked, state_folder
from stages.finetune import Finetune
from tests.extractors import CONFIG
from tests.sentences import marker_classifier, sentence

SOFTMAX = Objective(softmax, None)


def ignore(point: EvalPoint) -> None:
    """Hear of an evaluation, and do nothing."""


def trainer(
    folder: Path, encoder: str | Path, objective: Objective = SOFTMAX, **changes: Any
) -> tuple[Trainer, EncodedDataset]:
    seed_everything(1)
    config = CONFIG.model_copy(update=changes)
    model = marker_classifier(load_encoder(str(encoder), dropout=config.dropout), 2, dropout=config.dropout)
    tokenizer = load_tokenizer(str(encoder))
    texts = [f"Ada {verb} Bo{' now' * n}" for verb in ("likes", "hates") for n in range(8)]
    inputs = [mark(sentence(text, (0, 3), (10, 12)), typed=False) for text in texts]
    data = dataset(encode_all(tokenizer, inputs, config.max_length), [0] * 8 + [1] * 8)
    return Trainer(model, config, objective, pad=tokenizer.pad_token_id, seed=1, folder=folder), data


def dataset(examples: Sequence[Encoded], classes: list[int]) -> EncodedDataset:
    """Examples that speak of what they state."""
    return EncodedDataset(examples, classes, classes)


def test_training_learns_to_tell_two_relations_apart(tmp_path, tiny_encoder):
    training, data = trainer(tmp_path, tiny_encoder, max_steps=60, encoder_lr=1e-3, eval_steps=15)
    history = training.train(data, data, ignore)
    assert [point.step for point in history] == [15, 30, 45, 60]
    assert max(point.micro_f1 for point in history) == 1.0
    predicted = logits(training.model, data.examples, training.pad, "fp32").argmax(-1)
    assert (predicted == np.array(data.classes)).mean() == 1.0


def test_the_last_evaluation_is_at_the_last_step_wherever_that_falls(tmp_path, tiny_encoder):
    training, data = trainer(tmp_path, tiny_encoder, max_steps=5, eval_steps=2)
    assert [point.step for point in training.train(data, data, ignore)] == [2, 4, 5]


def test_an_evaluation_has_the_mean_loss_since_the_one_before(tmp_path, tiny_encoder, monkeypatch):
    losses, step = [], Loop.step
    monkeypatch.setattr(Loop, "step", lambda loop, number, loss: losses.append(loss) or step(loop, number, loss))
    training, data = trainer(tmp_path, tiny_encoder, max_steps=6, eval_steps=3)
    first, second = training.train(data, data, ignore)
    assert (first.loss, second.loss) == (pytest.approx(np.mean(losses[:3])), pytest.approx(np.mean(losses[3:])))


@pytest.mark.parametrize(
    ("scores", "kept"),
    [
        ([0.2, 0.9, 0.8], 1),
        ([0.2, 0.9, 0.9], 2),
        ([0.9, 0.7, 0.83], 2),
        ([0.83, 0.9, 0.7], 1),
        ([1.0, 0.7, 0.96], 2),
    ],
    ids=["the best", "of equals", "later and within", "the best is the later", "of a perfect one"],
)
def test_the_weights_of_the_last_evaluation_within_a_standard_error_of_the_best_are_in_the_model(
    tmp_path, tiny_encoder, monkeypatch, scores, kept
):
    """On 16 examples, with one right and one wrong one added, that is 0.083 of 0.9 and 0.054 of 1."""
    training, data = trainer(tmp_path, tiny_encoder, max_steps=3, eval_steps=1)
    heads = []

    def score(*_):
        heads.append(training.model.head[0].weight.detach().clone())
        return scores[len(heads) - 1]

    monkeypatch.setattr("relseed.classifier.trainer.micro_f1", score)
    history = training.train(data, data, ignore)
    assert [torch.equal(training.model.head[0].weight, head) for head in heads] == [n == kept for n in range(3)]
    assert [point.kept for point in history] == [n == kept for n in range(3)]


@pytest.mark.parametrize(("negative", "kept"), [(None, 1), (1, 2)], ids=["16 assert", "8 assert"])
def test_the_standard_error_is_that_of_the_examples_that_assert_something(
    tmp_path, tiny_encoder, monkeypatch, negative, kept
):
    """Of 0.9 it is 0.083 on 16, 0.117 on 8."""
    training, data = trainer(tmp_path, tiny_encoder, objective=Objective(softmax, negative), max_steps=3, eval_steps=1)
    scores = iter([0.2, 0.9, 0.8])
    monkeypatch.setattr("relseed.classifier.trainer.micro_f1", lambda *_: next(scores))
    assert [point.kept for point in training.train(data, data, ignore)] == [n == kept for n in range(3)]


@pytest.mark.parametrize(("negative", "score"), [(None, 1.0), (1, 0.0)])
def test_the_negative_label_earns_nothing_on_validation(tmp_path, tiny_encoder, negative, score):
    objective = Objective(softmax, negative)
    training, data = trainer(tmp_path, tiny_encoder, objective, max_steps=10, eval_steps=10, head_lr=1e-2)
    all_negative = dataset(data.examples[8:], [1] * 8)
    [point] = training.train(all_negative, all_negative, ignore)
    assert point.micro_f1 == score


def test_an_example_of_the_negative_label_counts_what_its_weight_says_and_the_loss_is_a_weighted_mean():
    scores = torch.tensor([[2.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    targets = Targets(torch.tensor([0, 1, 1]), torch.tensor([0, -1, -1]))
    own, first, second = softmax.each(scores, targets, 1)
    assert Objective(softmax, 1, 3.0).mean(scores, targets) == pytest.approx(float(own + 3 * first + 3 * second) / 7)
    assert Objective(softmax, None, 3.0).mean(scores, targets) == pytest.approx(float(own + first + second) / 3)


def test_the_likeliest_label_on_validation_is_that_of_the_loss(tmp_path, tiny_encoder, monkeypatch):
    seen = []
    monkeypatch.setattr("relseed.classifier.trainer.micro_f1", lambda gold, answers, _: seen.append(answers) or 1.0)
    training, data = trainer(tmp_path, tiny_encoder, Objective(one_vs_rest, 1), max_steps=1, eval_steps=1)
    training.train(data, data, ignore)
    scores = logits(training.model, data.examples, training.pad, "fp32")
    assert seen == [np.where(scores[:, 0] > 0, 0, 1).tolist()]


def test_accumulated_batches_make_the_step_of_one_batch_that_holds_them_all(tmp_path, tiny_encoder):
    gradients = []
    for batch_size, passes in ((16, 1), (4, 4)):
        training, data = trainer(
            tmp_path / str(passes),
            tiny_encoder,
            max_steps=1,
            batch_size=batch_size,
            gradient_accumulation_steps=passes,
            dropout=0.0,
        )
        # Of equal length, so that both see every example once.
        equal = dataset([data.examples[0], data.examples[8]] * 8, [0, 1] * 8)
        training.train(equal, equal, ignore)
        # The first AdamW step has the size of the learning rate whatever the gradient: its memory tells them apart.
        gradients.append(training.loop.optimizer.state_dict()["state"][0]["exp_avg"])
    assert gradients[0].abs().max() > 1e-6
    assert torch.allclose(*gradients, rtol=1e-3, atol=1e-7)


def test_a_resumed_training_goes_on_and_tells_again_of_the_evaluations_that_it_had(tmp_path, tiny_encoder, monkeypatch):
    before, after, steps = [], [], []

    def interrupt(point):
        before.append(point)
        if len(before) == 2:
            raise KeyboardInterrupt

    training, data = trainer(tmp_path, tiny_encoder, max_steps=6, eval_steps=2)
    with pytest.raises(KeyboardInterrupt):
        training.train(data, data, interrupt)
    step = Loop.step
    monkeypatch.setattr(Loop, "step", lambda loop, *arguments: steps.append(arguments[0]) or step(loop, *arguments))
    resumed, data = trainer(tmp_path, tiny_encoder, max_steps=6, eval_steps=2)
    history = resumed.train(data, data, after.append)
    assert steps == [3, 4, 5, 6]
    assert [replace(point, kept=False) for point in after] == [replace(point, kept=False) for point in history]
    assert after[0] == before[0]


def test_a_resumed_training_ends_with_the_weights_of_one_that_was_not_interrupted(tmp_path, tiny_encoder):
    def interrupt(point):
        if point.step == 4:
            raise KeyboardInterrupt

    weights = []
    for name, interrupted in (("whole", False), ("resumed", True)):
        training, data = trainer(tmp_path / name, tiny_encoder, max_steps=6, eval_steps=2)
        if interrupted:
            with pytest.raises(KeyboardInterrupt):
                training.train(data, data, interrupt)
            training, data = trainer(tmp_path / name, tiny_encoder, max_steps=6, eval_steps=2)
        training.train(data, data, ignore)
        weights.append(bytes_of(training))
    assert weights[0] == weights[1]


def bytes_of(training: Trainer) -> dict[str, bytes]:
    return {name: weight.numpy().tobytes() for name, weight in training.model.state_dict().items()}


def test_two_trainings_of_the_default_encoder_on_two_cores_end_with_the_same_bytes(tmp_path):
    weights = []
    for name in ("first", "second"):
        training, data = trainer(tmp_path / name, EMBEDDED, max_steps=3, eval_steps=3, encoder_lr=2e-4)
        training.train(data, data, ignore)
        weights.append(bytes_of(training))
    assert weights[0] == weights[1]


def test_a_loss_that_is_not_a_number_ends_the_training_with_the_cure(tmp_path, tiny_encoder):
    training, data = trainer(tmp_path, tiny_encoder)
    with torch.no_grad():
        training.model.head[0].weight.fill_(float("nan"))
    with pytest.raises(UserError, match="not a number at step 1: lower encoder_lr or head_lr"):
        training.train(data, data, ignore)


def test_bf16_training_runs_where_it_is_asked_for(tmp_path, tiny_encoder):
    training, data = trainer(tmp_path, tiny_encoder, max_steps=2, precision="bf16")
    [point] = training.train(data, data, ignore)
    assert np.isfinite(point.loss)
    assert training.model.head[0].weight.dtype == torch.float32


@pytest.mark.parametrize("seeds", [[1, 1], [-1], []], ids=["twice", "negative", "none"])
def test_unfit_random_seeds_are_an_error(seeds):
    with pytest.raises(ValidationError, match="seeds"):
        Finetune(**CONFIG.model_dump(), seeds=seeds)


def test_a_training_that_repeats_another_has_the_state_folder_of_that(tiny_encoder):
    assert state(tiny_encoder) == state(tiny_encoder)
    assert state(tiny_encoder).name.startswith("finetune-")


@pytest.mark.parametrize(
    "changes",
    [
        {"recipe": CONFIG.model_copy(update={"encoder_lr": 2e-4}).model_dump()},
        {"seed": 2},
        {"data": "fedcba987654"},
        {"head": "genpt"},
        {"loss": "factored"},
    ],
    ids=["recipe", "random seed", "data", "head", "loss"],
)
def test_a_training_that_would_give_something_else_has_another_state_folder(tiny_encoder, changes):
    assert state(tiny_encoder, **changes) != state(tiny_encoder)


def test_other_weights_in_the_folder_of_the_encoder_have_another_state_folder(tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"first")
    first = state(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"other")
    assert state(tmp_path) != first


def test_other_weights_in_a_folder_below_have_another_state_folder(tmp_path):
    (tmp_path / "fold-0").mkdir()
    (tmp_path / "fold-0/model.safetensors").write_bytes(b"first")
    first = state(tmp_path)
    (tmp_path / "fold-0/model.safetensors").write_bytes(b"other")
    assert state(tmp_path) != first


def test_the_code_of_the_stage_is_part_of_what_decides_the_state_folder(tmp_path, tiny_encoder, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "stages").mkdir()
    (tmp_path / "stages/finetune.py").write_text("print(1)\n", encoding="utf-8")
    (tmp_path / "stages/dpo.py").write_text("print(1)\n", encoding="utf-8")
    first = state(tiny_encoder)
    (tmp_path / "stages/dpo.py").write_text("print(2)\n", encoding="utf-8")
    assert state(tiny_encoder) == first
    (tmp_path / "stages/finetune.py").write_text("print(2)\n", encoding="utf-8")
    assert state(tiny_encoder) != first


def state(start: Path, **changes: Any) -> Path:
    """The state folder of one training, or of one that differs from it."""
    decides = {
        "recipe": CONFIG.model_dump(),
        "head": "typed_marker",
        "loss": "softmax",
        "seed": 1,
        "data": "0123456789ab",
    }
    return state_folder("finetune", str(start), **decides | changes)


def test_processes_that_train_the_same_thing_take_turns(tmp_path):
    folders = [tmp_path / "b", tmp_path / "a"]
    with locked(folders):
        for folder in folders:
            folder.mkdir()
            with pytest.raises(Timeout):
                FileLock(tmp_path / "locks" / folder.name).acquire(timeout=0)
    assert not any(folder.exists() for folder in folders)


def test_an_interrupted_training_keeps_its_state(tmp_path):
    with pytest.raises(KeyboardInterrupt), locked([tmp_path / "a"]):
        (tmp_path / "a").mkdir()
        raise KeyboardInterrupt
    assert (tmp_path / "a").exists()
