"""Calibration: what held-out examples say of temperature, share of negatives and threshold."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydantic import ValidationError
from sklearn.metrics import precision_recall_fscore_support

from relseed.classifier.calibration import Calibrate, Held, fit, scores_of, weights
from relseed.classifier.decision import Decision, Read, Score, log_odds, softmax
from relseed.evaluation.calibration import calibration_error

NEGATIVE = 1
COUNT = 6000


def settings(**changes: Any) -> Calibrate:
    return Calibrate(**{"folds": 0, "negatives": 0.2, "threshold_negatives": 0.5} | changes)


def held_out(
    logits: NDArray[np.float64],
    similarities: NDArray[np.float64],
    classes: Sequence[int] | NDArray[np.int64],
    own: Sequence[bool] | None = None,
) -> Held:
    """Examples that extractors of folds read, unless told otherwise."""
    read_by_itself = np.zeros(len(logits), bool) if own is None else np.array(own, bool)
    return Held(Read(logits, similarities), np.array(classes), read_by_itself)


def sampled(temperature: float, seed: int = 1) -> Held:
    """Logits of three labels, and labels drawn with the probabilities that they have at a temperature."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(scale=2.0, size=(COUNT, 3)) * temperature
    chances = softmax(logits / temperature).cumsum(-1)
    classes = (rng.random((COUNT, 1)) > chances).sum(-1)
    return held_out(logits, rng.random(COUNT), classes)


def fitted(held: Held, negative: int | None = NEGATIVE, score: Score = "probability", **changes: Any) -> Decision:
    return fit(held, negative, score, settings(**changes))


def share_of(held: Held) -> float:
    return float((held.classes == NEGATIVE).mean())


# Temperature


@pytest.mark.parametrize("temperature", [0.5, 1.0, 3.0])
def test_the_temperature_from_which_labels_were_drawn_is_found(temperature):
    assert fitted(sampled(temperature), None).temperature == pytest.approx(temperature, rel=0.06)


def test_with_a_negative_label_the_temperature_is_found_as_well():
    held = sampled(2.0)
    found = fitted(held, negatives=share_of(held))
    assert (found.temperature, found.bias) == (pytest.approx(2.0, rel=0.06), pytest.approx(0, abs=0.08))


def test_calibrated_probabilities_of_other_examples_are_right_as_often_as_they_say():
    decision, other = fitted(sampled(3.0), None), sampled(3.0, seed=2)
    each = decision.probabilities(other.read.logits, None)
    plain = softmax(other.read.logits)
    right = each.argmax(-1) == other.classes
    assert calibration_error(each.max(-1), right) < 0.03 < calibration_error(plain.max(-1), right)


# The share of negatives


@pytest.mark.parametrize("share", [0.05, 0.5, 0.8])
def test_examples_are_weighted_so_that_negatives_have_the_share_of_the_settings(share):
    held = held_out(np.zeros((6, 3)), np.ones(6), [NEGATIVE, 0, 2, 2, NEGATIVE, 0])
    found = weights(held, NEGATIVE, share)
    assert found[[0, 4]].sum() / found.sum() == pytest.approx(share)
    assert found.mean() == pytest.approx(1)


def test_each_source_counts_half_of_each_kind_and_all_where_it_is_the_only_one():
    held = held_out(np.zeros((7, 3)), np.ones(7), [0, 0, 2, 0, NEGATIVE, NEGATIVE, 0], own=[1, 0, 0, 0, 1, 1, 0])
    found = weights(held, NEGATIVE, 0.5) / 7
    np.testing.assert_allclose(found, [0.25, 0.0625, 0.0625, 0.0625, 0.25, 0.25, 0.0625])


def test_for_a_temperature_alone_the_sources_count_half_too():
    few, many = sampled(1.0), sampled(3.0, seed=2)
    few = held_out(few.read.logits[:60], np.ones(60), few.classes[:60], own=[True] * 60)
    alike = Held.of([replace(few, own=~few.own), many])
    temperatures = [fitted(part, None).temperature for part in (few, Held.of([few, many]), alike, many)]
    assert temperatures == sorted(temperatures)
    assert temperatures[1] < temperatures[2] - 0.1


@pytest.mark.parametrize("share", [0.1, 0.5, 0.8])
def test_the_bias_is_what_the_share_of_the_settings_changes_in_the_log_odds_of_the_negative_label(share):
    held = sampled(1.0)
    found = fitted(held, negatives=share)
    assert found.bias == pytest.approx(log_odds(share) - log_odds(share_of(held)), abs=0.12)
    assert found.negatives == share


def test_probabilities_for_the_share_that_held_out_examples_had_are_those_from_which_they_were_drawn():
    held = sampled(2.0)
    found = fitted(held, negatives=0.8).probabilities(held.read.logits, NEGATIVE, share_of(held))
    np.testing.assert_allclose(found, softmax(held.read.logits / 2.0), atol=0.04)


@pytest.mark.parametrize("classes", [[0, 2, 0, 2], [NEGATIVE] * 4], ids=["none", "all"])
def test_where_held_out_examples_tell_nothing_of_negatives_there_is_a_temperature_alone(classes):
    held = held_out(np.eye(4, 3) * 2, np.ones(4), classes)
    found = fitted(held)
    assert found == Decision(found.temperature, least_similarity=1.0)
    assert found.negatives is None


# The threshold


def f1(held: Held, decision: Decision, share: float, threshold: float) -> float:
    """By scikit-learn: micro-F1 of all labels but the negative one, examples weighted to a share of negatives."""
    probabilities = decision.probabilities(held.read.logits, NEGATIVE)
    answers = decision.answers(held.read, probabilities, NEGATIVE, threshold)
    importance = weights(held, NEGATIVE, share)
    return precision_recall_fscore_support(
        held.classes, answers, labels=[0, 2], average="micro", sample_weight=importance, zero_division=0
    )[2]


@pytest.mark.parametrize("share", [0.2, 0.8])
def test_the_threshold_has_nearly_the_best_f1_at_the_share_that_it_is_for(share):
    held = sampled(1.0)
    found = fitted(held, threshold_negatives=share)
    best = max(f1(held, found, share, threshold) for threshold in np.linspace(0, 1, 101))
    assert f1(held, found, share, found.threshold) >= best - 0.02
    assert best > f1(held, found, share, 0.9) + 0.05


def test_the_more_negatives_are_expected_the_higher_is_the_threshold():
    held = sampled(1.0)
    low, high = (fitted(held, threshold_negatives=share).threshold for share in (0.2, 0.95))
    assert low < high - 0.1


def separate(stated: NDArray[np.float64], unstated: NDArray[np.float64]) -> Held:
    """Examples of the first label whatever they are: only the similarity tells which of them state anything."""
    logits = np.tile([2.0, 0.0, -2.0], (len(stated) + len(unstated), 1))
    similarities = np.concatenate([stated, unstated])
    return held_out(logits, similarities, [0] * len(stated) + [NEGATIVE] * len(unstated))


def test_for_the_threshold_each_example_counts_once_whoever_read_it():
    many = separate(np.linspace(0.2, 1.0, 400), np.linspace(0.0, 0.1, 400))
    few = separate(np.linspace(0.9, 1.0, 100), np.linspace(0.3, 0.4, 100))
    own = replace(few, own=np.ones(200, bool))
    thresholds = [fitted(Held.of([part, many]), score="distance").threshold for part in (few, own)]
    assert thresholds[0] == thresholds[1]
    assert fitted(own, score="distance").threshold > 0.4 > 0.25 > thresholds[0]


@pytest.mark.parametrize("share", [0.05, 0.95])
def test_answers_that_are_all_right_have_an_f1_of_1_however_few_they_are_and_whatever_they_count(share):
    held = separate(np.array([0.9, 0.8]), np.array([0.2, 0.1]))
    found = fitted(held, score="distance", threshold_negatives=share)
    assert 0.2 < found.threshold <= 0.8
    assert scores_of(found, held, NEGATIVE)[f"f1_at_{95 if share > 0.5 else 20}"] == 1


def test_of_thresholds_that_are_as_good_the_middle_one_is_taken():
    held = separate(np.linspace(0.8, 1.0, 20), np.linspace(0.1, 0.4, 20))
    assert fitted(held, score="distance").threshold == pytest.approx(0.6, abs=0.01)


def test_scores_that_are_close_to_each_other_have_a_threshold_between_them():
    held = separate(np.linspace(0.9990, 0.9995, 20), np.linspace(0.9970, 0.9975, 20))
    assert 0.9975 < fitted(held, score="distance").threshold <= 0.9990


def test_an_energy_score_has_its_own_threshold():
    logits = np.array([[3.0, 2.0, 3.0]] * 10 + [[2.5, 2.0, -9.0]] * 10)
    held = held_out(logits, np.ones(20), [0] * 10 + [NEGATIVE] * 10)
    found = fitted(held, score="energy")
    each = found.scores(held.read, found.probabilities(logits, NEGATIVE), NEGATIVE)
    assert each[10] < found.threshold <= each[0]


# Likeness, parts, settings


def test_an_item_is_like_nothing_in_training_where_nearly_all_held_out_examples_are_more_like_it():
    held = held_out(np.zeros((101, 3)), np.linspace(0, 1, 101), [0, 1] * 50 + [2])
    assert fitted(held).least_similarity == pytest.approx(0.02)


def test_parts_that_were_held_out_from_different_extractors_are_put_together_in_their_order():
    first, second = (held_out(np.full((2, 3), n), np.full(2, n), [int(n)] * 2, own=[n == 1] * 2) for n in (1.0, 2.0))
    both = Held.of([first, second])
    assert both.own.tolist() == [True, True, False, False]
    assert both.read.logits[:, 0].tolist() == both.read.similarities.tolist() == [1, 1, 2, 2]
    assert both.classes.tolist() == [1, 1, 2, 2]


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"folds": 1}, "one fold leaves nothing to learn from: give 0 or at least 2"),
        ({"folds": -1}, "folds"),
        ({"negatives": 0}, "negatives"),
        ({"threshold_negatives": 1}, "threshold_negatives"),
    ],
)
def test_settings_that_cannot_be_are_an_error(changes, says):
    with pytest.raises(ValidationError, match=says):
        settings(**changes)


# Scores on the held-out examples


def test_held_out_examples_are_scored_by_the_answers_at_their_threshold():
    held = sampled(1.0)
    decision = fitted(held)
    found = scores_of(decision, held, NEGATIVE)
    answers = decision.answers(held.read, decision.probabilities(held.read.logits, NEGATIVE), NEGATIVE)
    nothing = held.classes == NEGATIVE
    assert found["negatives_found"] == pytest.approx((answers[nothing] == NEGATIVE).mean())
    assert found["recall"] == pytest.approx((answers == held.classes)[~nothing].mean())
    for share in (0.2, 0.5, 0.8, 0.95):
        expected = precision_recall_fscore_support(
            held.classes, answers, labels=[0, 2], average="micro", sample_weight=weights(held, NEGATIVE, share)
        )
        assert found[f"precision_at_{100 * share:.0f}"] == pytest.approx(expected[0])
        assert found[f"f1_at_{100 * share:.0f}"] == pytest.approx(expected[2])
    assert found["calibration_error"] < 0.1


def test_scores_count_each_held_out_example_once_whoever_read_it():
    held = sampled(1.0)
    decision = fitted(held)
    half = Held(held.read, held.classes, np.arange(COUNT) < 60)
    assert scores_of(decision, half, NEGATIVE) == scores_of(decision, held, NEGATIVE)


def test_the_calibration_error_is_that_for_the_share_of_negatives_that_the_examples_have():
    held = sampled(1.0)
    assert scores_of(fitted(held, negatives=0.9), held, NEGATIVE)["calibration_error"] < 0.03


def test_without_a_negative_label_held_out_examples_say_only_whether_probabilities_hold():
    held = sampled(1.0)
    assert set(scores_of(fitted(held, None), held, None)) == {"calibration_error"}
