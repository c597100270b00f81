"""Pre-training on explanations: masks, losses, gradients, the fresh head, the training itself."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

from relseed.pipeline.errors import UserError
from relseed.pretraining import trainer as training
from relseed.pretraining.corpus import Text, TokenKind
from relseed.pretraining.losses import mslm_loss, scl_loss
from relseed.pretraining.masks import IGNORE_INDEX, mask_tokens, negative_span
from relseed.pretraining.model import Pretraining, Vocabulary, anchors, batch_of
from relseed.pretraining.trainer import Pretrainer, PretrainingConfig, Step
from relseed.tasks.relation import Relation, Schema
from relseed.training.device import seed_everything
from relseed.training.encoders import EMBEDDED, load_encoder, load_tokenizer
from relseed.training.masked_lm import load_masked_lm

CPU = torch.device("cpu")
MASK, PAD = 103, 0
WORDS = Vocabulary(PAD, MASK, list(range(1000, 2000)))
SCHEMA = Schema(relations=(Relation(relation="owns", definition=""), Relation(relation="rows_to", definition="")))
S, W, M, R = TokenKind.SPECIAL, TokenKind.OTHER, TokenKind.MENTION, TokenKind.RELATION
CONFIG = PretrainingConfig(
    reads="explanations.jsonl",
    masking="spans",
    mslm_weight=1.0,
    scl_weight=1.0,
    temperature=0.1,
    max_length=32,
    max_steps=6,
    batch_size=4,
    encoder_lr=1e-3,
    head_lr=1e-2,
    weight_decay=0.01,
    warmup_ratio=0.1,
    max_grad_norm=1.0,
    dropout=0.1,
    save_steps=2,
    precision="fp32",
    seed=1,
)


def text(relation: int = 0, first: int = 1000, *, span: bool = True) -> Text:
    """[CLS], a mention, three other words, a relation span of two, a mention, two other words, [SEP]."""
    kinds = [S, M, W, W, W, R, R, M, W, W, S]
    ids = [101, *range(first, first + 9), 102]
    return Text(ids, kinds, relation, (5, 7) if span else None)


TEXTS = [text(number % 2, 1000 + 20 * number) for number in range(8)]
IDS = [text.ids for text in TEXTS]


# Masks


@pytest.mark.parametrize(("kind", "rate"), [(R, 0.8), (M, 0.5), (W, 0.2), (S, 0.0)])
def test_tokens_are_masked_at_the_rate_of_their_kind(kind, rate):
    count = 10_000
    shown, labels = mask_tokens([1500] * count, [kind] * count, "spans", MASK, WORDS.words, np.random.default_rng(0))
    chosen = sum(label != IGNORE_INDEX for label in labels)
    assert abs(chosen / count - rate) <= 4 * math.sqrt(rate * (1 - rate) / count)
    assert [token == MASK for token in shown] == [label == 1500 for label in labels]


def test_masking_as_bert_does_it_chooses_fifteen_percent_of_all_words_and_shows_them_in_three_ways():
    count = 10_000
    kinds = [R, M, W, S] * (count // 4)
    shown, labels = mask_tokens([1500] * count, kinds, "bert", MASK, WORDS.words, np.random.default_rng(0))
    chosen = [token for token, label in zip(shown, labels, strict=True) if label != IGNORE_INDEX]
    words = count * 3 // 4
    assert abs(len(chosen) / words - 0.15) <= 4 * math.sqrt(0.15 * 0.85 / words)
    shares = [chosen.count(MASK), chosen.count(1500), sum(token not in (MASK, 1500) for token in chosen)]
    for share, rate in zip(shares, (0.8, 0.1, 0.1), strict=True):
        assert abs(share / len(chosen) - rate) <= 4 * math.sqrt(rate * (1 - rate) / len(chosen))
    assert all(label == IGNORE_INDEX for label, kind in zip(labels, kinds, strict=True) if kind is S)
    assert all(token == 1500 for token, label in zip(shown, labels, strict=True) if label == IGNORE_INDEX)


def test_a_negative_span_is_as_long_as_the_relation_span_and_holds_nothing_but_other_words():
    kinds = [S, M, W, W, W, R, R, M, W, W, S]
    drawn = {negative_span(kinds, 2, np.random.default_rng(seed)) for seed in range(50)}
    assert drawn == {(2, 4), (3, 5), (8, 10)}
    assert negative_span(kinds, 4, np.random.default_rng(0)) is None


def test_a_text_without_room_for_a_negative_span_takes_no_part_in_the_contrast():
    crowded = Text([101, 7, 8, 9, 102], [S, M, R, M, S], 0, (2, 3))
    batch = batch_of([crowded, text(1), text(span=False)], WORDS, "spans", np.random.default_rng(0), CPU)
    assert (batch.rows, batch.relations.tolist(), batch.positive) == ([1], [1], [(5, 7)])


def test_shorter_texts_are_padded_and_their_padding_is_neither_attended_to_nor_predicted():
    batch = batch_of([text(), Text([101, 7, 102], [S, W, S], 0, None)], WORDS, "spans", np.random.default_rng(0), CPU)
    assert batch.ids[1, 3:].tolist() == [PAD] * 8
    assert batch.attention.tolist() == [[1] * 11, [1] * 3 + [0] * 8]
    assert set(batch.labels[1, 3:].tolist()) == {IGNORE_INDEX}


# Losses


def test_mslm_is_the_sum_of_its_definition():
    generator = torch.Generator().manual_seed(0)
    logits = torch.randn(7, 50, generator=generator)
    labels = torch.randint(50, (7,), generator=generator)
    rows = logits.double().tolist()
    logarithms = [
        math.log(math.exp(row[y]) / math.fsum(map(math.exp, row))) for row, y in zip(rows, labels.tolist(), strict=True)
    ]
    assert mslm_loss(logits, labels, texts=3, longest=32).item() == pytest.approx(
        -math.fsum(logarithms) / 32 / 3, rel=1e-5
    )


def cosine(a: list[float], b: list[float]) -> float:
    return math.fsum(x * y for x, y in zip(a, b, strict=True)) / math.hypot(*a) / math.hypot(*b)


def test_scl_is_equation_6():
    generator = torch.Generator().manual_seed(1)
    anchor, positive, negative = (torch.randn(4, 6, generator=generator) for _ in range(3))
    terms = []
    for a, p, n in zip(*(vectors.double().tolist() for vectors in (anchor, positive, negative)), strict=True):
        near, far = math.exp(cosine(a, p) / 0.1), math.exp(cosine(a, n) / 0.1)
        terms.append(-math.log(near / (near + far)))
    assert scl_loss(anchor, positive, negative, 0.1).item() == pytest.approx(math.fsum(terms) / 4, rel=1e-5)


def test_scl_of_no_spans_is_zero_and_can_be_trained_on():
    none = torch.zeros(0, 6, requires_grad=True)
    loss = scl_loss(none, none, none, 0.1)
    loss.backward()
    assert loss.item() == 0


# The model


def model(tiny_encoder: Path) -> tuple[Pretraining, bool]:
    """The model that is pre-trained, and whether its head is fresh."""
    seed_everything(1)
    masked_lm, fresh = load_masked_lm(str(tiny_encoder), IDS, dropout=0.0)
    first = anchors(masked_lm, load_tokenizer(str(tiny_encoder)), SCHEMA)
    return Pretraining(masked_lm, first, temperature=0.1), fresh


def reached(own: Pretraining, loss: torch.Tensor) -> set[str]:
    """The parameters for which a loss has a gradient other than zero."""
    own.zero_grad()
    loss.backward(retain_graph=True)
    gradients = {name: parameter.grad for name, parameter in own.named_parameters()}
    return {name for name, gradient in gradients.items() if gradient is not None and gradient.abs().sum() > 0}


def test_each_loss_reaches_what_it_should_and_nothing_else(tiny_encoder):
    own, _ = model(tiny_encoder)
    mslm, scl = own(batch_of(TEXTS, WORDS, "spans", np.random.default_rng(0), CPU), 32)
    by_mslm, by_scl = reached(own, mslm), reached(own, scl)
    names = [name for name, _ in own.named_parameters()]
    # A key's bias moves no attention weight.
    layers = {name for name in names if ".encoder.layer." in name and not name.endswith("key.bias")}
    assert layers <= by_mslm & by_scl
    assert "relations.weight" in by_scl - by_mslm
    head = {name for name in names if ".cls." in name}
    assert head
    assert head <= by_mslm - by_scl
    assert "masked_lm.bert.embeddings.word_embeddings.weight" in by_mslm & by_scl


def test_only_the_relations_of_a_batch_move_their_anchors(tiny_encoder):
    own, _ = model(tiny_encoder)
    _, scl = own(batch_of([text(1)], WORDS, "spans", np.random.default_rng(0), CPU), 32)
    scl.backward()
    assert own.relations.weight.grad[0].abs().sum() == 0
    assert own.relations.weight.grad[1].abs().sum() > 0


def test_a_fresh_head_is_tied_to_the_embeddings_and_begins_with_the_frequencies_of_its_texts(tiny_encoder):
    own, fresh = model(tiny_encoder)
    assert fresh
    assert own.masked_lm.get_output_embeddings().weight is own.masked_lm.get_input_embeddings().weight
    logits = own.head(torch.zeros(1, 32))[0].detach()
    assert logits[[101, 102]].min() > logits[[1000, 1188]].max() > logits[[5000]].max()
    shares = logits.softmax(-1)
    assert shares[101].item() == pytest.approx(8 / sum(map(len, IDS)), rel=0.8)


def test_the_head_that_a_checkpoint_has_is_kept(tiny_encoder, tmp_path):
    own, _ = model(tiny_encoder)
    torch.nn.init.constant_(own.masked_lm.cls.predictions.transform.dense.bias, 0.25)
    own.masked_lm.save_pretrained(tmp_path)
    loaded, fresh = load_masked_lm(str(tmp_path), IDS, dropout=0.0)
    assert not fresh
    assert loaded.cls.predictions.transform.dense.bias.tolist() == [0.25] * 32


def test_a_folder_without_a_model_is_an_error(tmp_path):
    with pytest.raises(UserError, match="could not be loaded"):
        load_masked_lm(str(tmp_path), IDS, dropout=0.0)


def test_an_anchor_begins_as_the_mean_state_of_its_relation_s_name(tiny_encoder):
    encoder, tokenizer = load_encoder(str(tiny_encoder)).eval(), load_tokenizer(str(tiny_encoder))
    masked_lm, _ = load_masked_lm(str(tiny_encoder), IDS, dropout=0.0)
    states = encoder(**tokenizer("rows to", return_tensors="pt")).last_hidden_state[0, 1:-1]
    assert torch.allclose(anchors(masked_lm, tokenizer, SCHEMA)[1], states.mean(0), atol=1e-6)


def test_the_embedded_encoder_gets_a_fresh_head_that_is_tied_to_its_embeddings():
    masked_lm, fresh = load_masked_lm(EMBEDDED, IDS, dropout=0.0)
    assert fresh
    assert masked_lm.cls.predictions.decoder.weight is masked_lm.bert.embeddings.word_embeddings.weight


# Training


def trained(
    tiny_encoder: Path, folder: Path, reported: list[Step] | None = None, **changes
) -> tuple[list[Step], dict[str, torch.Tensor]]:
    """The steps of a training, and the weights that it ends with; `reported` gets each step as it happens."""
    own, fresh = model(tiny_encoder)
    trainer = Pretrainer(own, CONFIG.model_copy(update=changes), WORDS, fresh_head=fresh, folder=folder)
    steps = trainer.train(TEXTS, ([] if reported is None else reported).append)
    return steps, own.state_dict()


def test_both_losses_fall(tiny_encoder, tmp_path):
    steps, _ = trained(tiny_encoder, tmp_path, max_steps=30, encoder_lr=1e-2, head_lr=3e-2)
    early, late = steps[:5], steps[-5:]
    for loss in ("mslm", "scl"):
        assert sum(getattr(step, loss) for step in late) < 0.9 * sum(getattr(step, loss) for step in early)


def test_an_interrupted_pre_training_resumes_and_ends_with_the_same_weights(tiny_encoder, tmp_path):
    whole, weights = trained(tiny_encoder, tmp_path / "whole")
    before: list[Step] = []

    def stop(step: Step) -> None:
        before.append(step)
        if step.step == 5:
            raise KeyboardInterrupt

    own, fresh = model(tiny_encoder)
    with pytest.raises(KeyboardInterrupt):
        Pretrainer(own, CONFIG, WORDS, fresh_head=fresh, folder=tmp_path / "cut").train(TEXTS, stop)
    reported: list[Step] = []
    steps, resumed = trained(tiny_encoder, tmp_path / "cut", reported)
    assert [step.step for step in before] == [1, 2, 3, 4, 5]
    assert steps == reported == whole
    assert all(torch.equal(resumed[name], weight) for name, weight in weights.items())


def test_a_loss_of_weight_zero_moves_nothing(tiny_encoder, tmp_path):
    _, weights = trained(tiny_encoder, tmp_path, scl_weight=0.0, weight_decay=0.0)
    assert torch.equal(weights["relations.weight"], model(tiny_encoder)[0].relations.weight)


def test_what_is_fresh_learns_at_the_rate_of_the_head_and_all_else_at_that_of_the_encoder(tiny_encoder, tmp_path):
    _, weights = trained(tiny_encoder, tmp_path, encoder_lr=1e-12, weight_decay=0.0)
    start = model(tiny_encoder)[0].state_dict()
    moved = {name for name, weight in weights.items() if (weight - start[name]).abs().max() > 1e-6}
    assert {"relations.weight", "masked_lm.cls.predictions.bias"} <= moved
    assert all(name.startswith(("relations.", "masked_lm.cls.", "head.")) for name in moved)


def test_a_loss_that_is_no_number_ends_the_training_with_its_cure(tiny_encoder, tmp_path):
    with pytest.raises(UserError, match=r"not a number at step \d+: lower encoder_lr or head_lr"):
        trained(tiny_encoder, tmp_path, encoder_lr=1e30, head_lr=1e30, max_grad_norm=1e30)


def test_more_processes_than_texts_in_a_batch_are_an_error_that_names_both(tiny_encoder, tmp_path, monkeypatch):
    monkeypatch.setattr(training.Accelerator, "num_processes", 8)
    with pytest.raises(UserError, match=r"batch_size is 4, and 8 processes share each batch: raise it, or launch"):
        trained(tiny_encoder, tmp_path)
