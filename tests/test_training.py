"""The training loop: learning, accumulating, failing, and the folder that an interrupted state is kept in."""

import numpy as np
import pytest
import torch

from stages.extractor.classifier import RelationClassifier
from stages.extractor.encoders import EMBEDDED, load_encoder, load_tokenizer
from stages.extractor.hardware import seed_everything
from stages.extractor.inference import probabilities
from stages.extractor.marking import Labelled, encode, mark
from stages.extractor.scratch import scratch_folder
from stages.extractor.training import Recipe, Trainer
from stages.pipeline.errors import UserError
from stages.records.example import Example, Relation, Schema
from tests.sentences import sentence

RECIPE = Recipe(
    encoder=EMBEDDED,
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
    own = scratch_folder(RECIPE, 1, SCHEMA, [example("1")], [])
    assert own == scratch_folder(RECIPE, 1, SCHEMA, [example("1")], [])
    assert scratch_folder(recipe, seed, SCHEMA, train, []) != own


def trainer(tmp_path, tiny_encoder, **changes) -> tuple[Trainer, Labelled]:
    seed_everything(1)
    recipe = RECIPE.model_copy(update={"encoder": str(tiny_encoder), **changes})
    model = RelationClassifier(load_encoder(str(tiny_encoder), dropout=0.1), 2, dropout=0.1)
    words = load_tokenizer(str(tiny_encoder))
    texts = [sentence(f"Ada {verb} Bo{' now' * n}", (0, 3), (10, 12)) for verb in ("likes", "hates") for n in range(8)]
    labelled = Labelled([encode(words, mark(one, typed=False), 64) for one in texts], [0] * 8 + [1] * 8)
    return Trainer(model, recipe, pad=words.pad_token_id, seed=1, scratch=tmp_path), labelled


def test_training_learns_to_tell_two_relations_apart_and_keeps_the_best_look(tmp_path, tiny_encoder):
    training, data = trainer(tmp_path, tiny_encoder, updates=60, encoder_lr=1e-3, evaluate_every=15)
    looks = training.train(data, data, None, on_look=lambda look: None)
    kept = probabilities(training.model, data.sentences, training.pad, "fp32").argmax(-1)
    assert [look.update for look in looks] == [15, 30, 45, 60]
    assert max(look.micro_f1 for look in looks) == 1.0
    assert (kept == np.array(data.classes)).mean() == 1.0


def test_accumulating_batches_is_one_update_of_their_mean(tmp_path, tiny_encoder):
    losses = []
    training, data = trainer(tmp_path / "a", tiny_encoder, updates=2, batch_size=4, accumulate=4, evaluate_every=1)
    training.train(data, data, None, on_look=losses.append)
    assert training.progress.update == 2
    assert losses[0].loss == pytest.approx(np.log(2), abs=0.2)


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
