"""The training loop: learning, accumulating, failing, and the folder that an interrupted state is kept in."""

import numpy as np
import pytest
import torch
from filelock import FileLock, Timeout
from pydantic import ValidationError

from relseed.classifier.inference import probabilities
from relseed.classifier.marking import Labelled, encode, mark
from relseed.classifier.trainer import Recipe, Trainer
from relseed.pipeline.errors import UserError
from relseed.tasks.relation import Example, Relation, Schema
from relseed.training.device import seed_everything
from relseed.training.encoders import EMBEDDED, load_encoder, load_tokenizer
from relseed.training.resume import locked
from stages import finetune
from stages.finetune import Finetune
from tests.sentences import marker_classifier, sentence

RECIPE = Recipe(
    encoder=EMBEDDED,
    head="typed_marker",
    max_length=64,
    updates=10,
    batch_size=4,
    accumulate=1,
    encoder_lr=1e-4,
    head_lr=1e-3,
    weight_decay=0.0,
    warmup=0.1,
    clip=1.0,
    dropout=0.1,
    evaluate_every=5,
    precision="auto",
)
SCHEMA = Schema(relations=(Relation(relation="a", definition=""), Relation(relation="b", definition="")))


def example(identifier: str, text: str = "x y") -> Example:
    return Example.model_validate(
        {
            "id": identifier,
            "text": text,
            "head": {"start": 0, "end": 1},
            "tail": {"start": 2, "end": 3},
            "relation": "a",
        }
    )


@pytest.mark.parametrize(
    "other",
    [
        (RECIPE.model_copy(update={"encoder_lr": 2e-4}), 1, [example("1")]),
        (RECIPE, 2, [example("1")]),
        (RECIPE, 1, [example("1", "x z")]),
        (RECIPE, 1, [example("1"), example("2")]),
    ],
    ids=["recipe", "training seed", "text", "more data"],
)
def test_a_state_is_resumed_only_by_a_training_that_would_give_the_same(other):
    recipe, seed, train = other
    own = finetune._scratch(RECIPE, EMBEDDED, 1, SCHEMA, [example("1")], [])
    assert own == finetune._scratch(RECIPE, EMBEDDED, 1, SCHEMA, [example("1")], [])
    assert finetune._scratch(recipe, EMBEDDED, seed, SCHEMA, train, []) != own


def trainer(tmp_path, tiny_encoder, **changes) -> tuple[Trainer, Labelled]:
    seed_everything(1)
    recipe = RECIPE.model_copy(update={"encoder": str(tiny_encoder), **changes})
    model = marker_classifier(load_encoder(recipe.encoder, dropout=recipe.dropout), 2, dropout=recipe.dropout)
    words = load_tokenizer(recipe.encoder)
    texts = [sentence(f"Ada {verb} Bo{' now' * n}", (0, 3), (10, 12)) for verb in ("likes", "hates") for n in range(8)]
    labelled = Labelled([encode(words, mark(one, typed=False), 64) for one in texts], [0] * 8 + [1] * 8)
    return Trainer(model, recipe, pad=words.pad_token_id, seed=1, scratch=tmp_path), labelled


def test_training_learns_to_tell_two_relations_apart(tmp_path, tiny_encoder):
    training, data = trainer(tmp_path, tiny_encoder, updates=60, encoder_lr=1e-3, evaluate_every=15)
    looks = training.train(data, data, None, on_look=lambda look: None)
    assert [look.update for look in looks] == [15, 30, 45, 60]
    assert max(look.micro_f1 for look in looks) == 1.0
    kept = probabilities(training.model, data.sentences, training.pad, "fp32").argmax(-1)
    assert (kept == np.array(data.classes)).mean() == 1.0


@pytest.mark.parametrize(
    ("scores", "kept"), [([0.2, 0.9, 0.4], 1), ([0.2, 0.9, 0.9], 2)], ids=["best", "last of equals"]
)
def test_the_weights_of_the_best_look_are_kept(tmp_path, tiny_encoder, monkeypatch, scores, kept):
    training, data = trainer(tmp_path, tiny_encoder, updates=3, evaluate_every=1)
    heads = []

    def score(*_):
        heads.append(training.model.head[0].weight.detach().clone())
        return scores[len(heads) - 1]

    monkeypatch.setattr(training, "_score", score)
    training.train(data, data, None, on_look=lambda look: None)
    assert [torch.equal(training.model.head[0].weight, head) for head in heads] == [n == kept for n in range(3)]


def test_accumulated_batches_make_the_update_of_one_batch_that_holds_them_all(tmp_path, tiny_encoder):
    gradients = []
    for batch_size, accumulate in ((16, 1), (4, 4)):
        training, data = trainer(
            tmp_path / str(accumulate),
            tiny_encoder,
            updates=1,
            batch_size=batch_size,
            accumulate=accumulate,
            dropout=0.0,
        )
        # Of equal length, so that both see every sentence once.
        equal = Labelled([data.sentences[0], data.sentences[8]] * 8, [0, 1] * 8)
        training.train(equal, equal, None, on_look=lambda look: None)
        # The first AdamW step has the size of the learning rate whatever the gradient: its memory tells them apart.
        gradients.append(training.optimizer.state_dict()["state"][0]["exp_avg"])
    assert gradients[0].abs().max() > 1e-6
    assert torch.allclose(*gradients, rtol=1e-3, atol=1e-7)


def test_a_resumed_training_goes_on_and_tells_again_of_the_looks_that_it_had(tmp_path, tiny_encoder, monkeypatch):
    heard, told = [], []

    def interrupt(look):
        heard.append(look)
        if len(heard) == 2:
            raise KeyboardInterrupt

    training, data = trainer(tmp_path, tiny_encoder, updates=6, evaluate_every=2)
    with pytest.raises(KeyboardInterrupt):
        training.train(data, data, None, on_look=interrupt)
    resumed, data = trainer(tmp_path, tiny_encoder, updates=6, evaluate_every=2)
    made, step = [], resumed._step
    monkeypatch.setattr(resumed, "_step", lambda *arguments: made.append(arguments[-1]) or step(*arguments))
    looks = resumed.train(data, data, None, on_look=told.append)
    assert made == [3, 4, 5, 6]
    assert told == looks
    assert told[0] == heard[0]


def test_two_trainings_of_the_default_encoder_on_two_cores_end_with_the_same_bytes(tmp_path):
    weights = []
    for name in ("one", "two"):
        training, data = trainer(tmp_path / name, EMBEDDED, updates=3, evaluate_every=3, encoder_lr=2e-4)
        training.train(data, data, None, on_look=lambda look: None)
        weights.append({key: value.numpy().tobytes() for key, value in training.model.state_dict().items()})
    assert weights[0] == weights[1]


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


@pytest.mark.parametrize("seeds", [[1, 1], [-1], []], ids=["twice", "negative", "none"])
def test_unfit_training_seeds_are_refused(seeds):
    with pytest.raises(ValidationError, match="training_seeds"):
        Finetune(**RECIPE.model_dump(), training_seeds=seeds)


def test_a_loss_that_is_not_a_number_ends_the_training_with_the_cure(tmp_path, tiny_encoder):
    training, data = trainer(tmp_path, tiny_encoder)
    with torch.no_grad():
        training.model.head[0].weight.fill_(float("nan"))
    with pytest.raises(UserError, match=r"not a number at update 1: lower finetune\.encoder_lr"):
        training.train(data, data, None, on_look=lambda look: None)


def test_bf16_training_runs_where_it_is_asked_for(tmp_path, tiny_encoder):
    training, data = trainer(tmp_path, tiny_encoder, updates=2, precision="bf16")
    [look] = training.train(data, data, None, on_look=lambda look: None)
    assert np.isfinite(look.loss)
    assert training.model.head[0].weight.dtype == torch.float32
