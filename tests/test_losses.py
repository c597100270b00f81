"""Losses of the extractor: their values by hand and by the papers' formulas, and the logits that they decide from."""

import math
from types import ModuleType

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from relseed.classifier.checkpoint import loss_module
from relseed.classifier.losses import adaptive_threshold, factored, one_vs_rest, softmax
from relseed.classifier.losses.targets import NOTHING, Targets
from relseed.pipeline.errors import UserError
from relseed.pipeline.named import names

ALL = [loss_module(name) for name in names("relseed.classifier.losses")]
NEGATIVE = 1  # in the middle, so that an index that is off by one shows
ROW = [1.5, 0.25, -0.5]


def targets(label: int, about: int | None = None) -> Targets:
    """Of one example; what it speaks of is its label unless told otherwise."""
    return Targets(torch.tensor([label]), torch.tensor([label if about is None else about]))


def loss(module: ModuleType, row: list[float], wanted: Targets, negative: int | None = NEGATIVE) -> float:
    return module.each(torch.tensor([row], dtype=torch.float64), wanted, negative).item()


def decided(module: ModuleType, row: list[float], negative: int | None = NEGATIVE) -> list[float]:
    return module.decided(torch.tensor([row], dtype=torch.float64), negative)[0].tolist()


def sigmoid(value: float) -> float:
    return 1 / (1 + math.exp(-value))


def log_softmax(row: list[float], at: int) -> float:
    return row[at] - math.log(sum(map(math.exp, row)))


def test_there_are_four_losses():
    assert names("relseed.classifier.losses") == ["adaptive_threshold", "factored", "one_vs_rest", "softmax"]


def test_softmax_is_the_cross_entropy_over_all_labels_the_negative_one_among_them():
    assert loss(softmax, ROW, targets(0)) == pytest.approx(-log_softmax(ROW, 0))
    assert loss(softmax, ROW, targets(NEGATIVE)) == pytest.approx(-log_softmax(ROW, NEGATIVE))
    assert decided(softmax, ROW) == ROW


# Factored: -log P(stated) - log P(label | about), or -log P(nothing stated) - log P(near | about)


def test_factored_asks_of_an_example_that_states_something_whether_it_does_and_what():
    stated = -math.log(sigmoid(-0.25))
    assert loss(factored, ROW, targets(0)) == pytest.approx(stated - log_softmax([1.5, -0.5], 0))


def test_factored_learns_from_a_near_miss_what_its_label_looks_like_and_that_it_is_not_stated():
    unstated = -math.log(sigmoid(0.25))
    found = loss(factored, ROW, targets(NEGATIVE, about=2))
    assert found == pytest.approx(unstated - log_softmax([1.5, -0.5], 1))


def test_factored_asks_of_an_example_about_nothing_only_whether_anything_is_stated():
    assert loss(factored, ROW, targets(NEGATIVE, about=NOTHING)) == pytest.approx(-math.log(sigmoid(0.25)))


def test_an_example_about_nothing_pulls_no_label_of_factored_up_or_down():
    logits = torch.tensor([ROW], requires_grad=True)
    factored.each(logits, targets(NEGATIVE, about=NOTHING), NEGATIVE).sum().backward()
    assert logits.grad is not None
    assert (logits.grad[0, [0, 2]] == 0).all()
    assert logits.grad[0, NEGATIVE] < 0


def test_factored_decides_by_the_product_of_both_answers():
    probabilities = [math.exp(value) for value in decided(factored, ROW)]
    stated = sigmoid(-0.25)
    first = math.exp(log_softmax([1.5, -0.5], 0))
    assert probabilities == pytest.approx([stated * first, 1 - stated, stated * (1 - first)])


# Adaptive thresholding (Zhou et al. 2021, equation 5), the negative label as threshold class


def test_adaptive_threshold_pushes_what_is_stated_above_the_threshold_and_the_rest_below_it():
    first = -math.log(math.exp(1.5) / (math.exp(1.5) + math.exp(0.25)))  # the label and the threshold
    second = -math.log(math.exp(0.25) / (math.exp(0.25) + math.exp(-0.5)))  # the threshold and all other labels
    assert loss(adaptive_threshold, ROW, targets(0)) == pytest.approx(first + second)


def test_adaptive_threshold_pushes_every_label_below_the_threshold_where_nothing_is_stated():
    assert loss(adaptive_threshold, ROW, targets(NEGATIVE)) == pytest.approx(-log_softmax(ROW, NEGATIVE))


def test_adaptive_threshold_has_one_term_where_there_is_one_label_beside_the_threshold():
    assert loss(adaptive_threshold, [2.0, 0.5], targets(0)) == pytest.approx(math.log(1 + math.exp(-1.5)))


# One-vs-rest


def test_one_vs_rest_is_a_yes_or_no_for_each_label_but_the_negative_one():
    yes, no = -math.log(sigmoid(1.5)), -math.log(1 - sigmoid(-0.5))
    assert loss(one_vs_rest, ROW, targets(0)) == pytest.approx(yes + no)
    assert loss(one_vs_rest, ROW, targets(NEGATIVE)) == pytest.approx(-math.log(1 - sigmoid(1.5)) + no)


def test_one_vs_rest_asserts_a_label_where_its_yes_is_likelier_than_its_no():
    assert decided(one_vs_rest, ROW) == [1.5, 0, -0.5]
    assert max(range(3), key=decided(one_vs_rest, [-0.1, 5.0, -0.2]).__getitem__) == NEGATIVE


# Where there is no negative label


@pytest.mark.parametrize("module", [factored, adaptive_threshold])
def test_a_loss_that_needs_a_negative_label_says_so_where_there_is_none(module):
    with pytest.raises(UserError, match="needs a negative label: declare one, or take the loss softmax"):
        loss(module, ROW, targets(0), None)


def test_one_vs_rest_without_a_negative_label_asks_of_every_label():
    terms = [-math.log(sigmoid(1.5)), -math.log(1 - sigmoid(0.25)), -math.log(1 - sigmoid(-0.5))]
    assert loss(one_vs_rest, ROW, targets(0), None) == pytest.approx(sum(terms))
    assert decided(one_vs_rest, ROW, None) == ROW


# All of them

ROWS = st.lists(st.floats(-30, 30), min_size=3, max_size=3)


@pytest.mark.parametrize("module", ALL, ids=lambda module: module.__name__.rpartition(".")[2])
@given(rows=st.lists(ROWS, min_size=1, max_size=4), label=st.integers(0, 2))
def test_a_loss_is_one_number_for_each_example_never_below_0_whatever_the_logits(module, rows, label):
    wanted = Targets(torch.full((len(rows),), label), torch.full((len(rows),), NOTHING if label == NEGATIVE else label))
    logits = torch.tensor(rows, requires_grad=True)
    found = module.each(logits, wanted, NEGATIVE)
    assert found.shape == (len(rows),)
    assert (found >= -1e-6).all()
    found.sum().backward()
    assert torch.isfinite(logits.grad).all()


@pytest.mark.parametrize("module", ALL, ids=lambda module: module.__name__.rpartition(".")[2])
@given(row=ROWS)
def test_decided_logits_have_probabilities_that_are_numbers_and_leave_those_of_the_model_as_they_were(module, row):
    logits = torch.tensor([row])
    probabilities = module.decided(logits, NEGATIVE).softmax(-1)
    assert probabilities.sum().item() == pytest.approx(1, abs=1e-5)
    assert logits.tolist() == torch.tensor([row]).tolist()


@pytest.mark.parametrize("module", ALL, ids=lambda module: module.__name__.rpartition(".")[2])
def test_a_step_down_the_gradient_makes_the_right_answer_likelier(module):
    for label in range(3):
        logits = torch.tensor([ROW], requires_grad=True)
        module.each(logits, targets(label, NOTHING if label == NEGATIVE else label), NEGATIVE).sum().backward()
        before, after = (
            module.decided(row, NEGATIVE).softmax(-1)[0, label] for row in (logits, logits - 0.1 * logits.grad)
        )
        assert after > before
