"""What can be relied on: negatives, scores at other shares of them, calibration, risk over coverage."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.evaluation.calibration import SHARES, calibration_error
from relseed.evaluation.f1 import micro_f1
from relseed.evaluation.record import Reliability
from relseed.evaluation.reliability import reliability

NEGATIVE = 2
GOLD = [0, 0, 1, 1, 2, 2, 2, 2]
ANSWERS = [0, 1, 1, 2, 2, 2, 0, 2]  # two of four found, one mistaken, one missed; one false alarm


def sure(answers: list[int], values: list[float] | None = None) -> np.ndarray:
    """Probabilities of three labels, whose likeliest is the answer, with these values or 0.6."""
    rows = np.empty((len(answers), 3))
    for row, answer, value in zip(rows, answers, values or [0.6] * len(answers), strict=True):
        row[:] = (1 - value) / 2
        row[answer] = value
    return rows


def found(*answers: list[int], gold: list[int] = GOLD, **changes: Any) -> Reliability:
    options: dict[str, Any] = {"negative": NEGATIVE, "resamples": 200, "seed": 1} | changes
    return reliability(gold, [np.array(each) for each in answers], [sure(each) for each in answers], **options)


# Negatives


def test_negatives_found_are_the_share_of_those_that_nothing_was_asserted_of_and_the_rest_false_alarms():
    result = found(ANSWERS)
    assert (result.negatives_found.mean, result.false_alarms.mean) == (0.75, 25.0)


def test_they_are_means_over_random_seeds_with_their_deviation():
    result = found(ANSWERS, GOLD)
    assert result.negatives_found.mean == 0.875
    assert result.negatives_found.std == pytest.approx(0.125 * 2**0.5)
    assert result.false_alarms.mean == pytest.approx(12.5)
    assert result.false_alarms.std == pytest.approx(12.5 * 2**0.5)


@pytest.mark.parametrize(
    ("gold", "negative"), [(GOLD, None), ([0, 0, 1, 1], NEGATIVE)], ids=["no negative label", "none of it in the test"]
)
def test_a_test_set_without_negatives_says_nothing_of_them_and_of_their_shares(gold, negative):
    result = found(ANSWERS[: len(gold)], gold=gold, negative=negative)
    assert (result.negatives_found, result.false_alarms, result.at_share) == (None, None, ())
    assert result.calibration_error.mean > 0


# Other shares of negatives


def resampled(share: float) -> tuple[list[int], list[int]]:
    """Gold and answers of a test set that has this share of negatives: each example so often that they have it."""
    negatives = round(100 * share)
    times = {True: negatives, False: 100 - negatives}  # there are as many of both
    repeats = [times[label == NEGATIVE] for label in GOLD]
    return np.repeat(GOLD, repeats).tolist(), np.repeat(ANSWERS, repeats).tolist()


@pytest.mark.parametrize("share", SHARES)
def test_precision_and_f1_at_a_share_are_those_of_a_test_set_that_has_it(share):
    at = found(ANSWERS).at(share)
    gold, answers = resampled(share)
    assert gold.count(NEGATIVE) / len(gold) == pytest.approx(share)
    asserted = [(right, answer) for right, answer in zip(gold, answers, strict=True) if answer != NEGATIVE]
    assert at.f1.mean == pytest.approx(micro_f1(gold, answers, NEGATIVE))
    assert at.precision.mean == pytest.approx(sum(right == answer for right, answer in asserted) / len(asserted))


@given(answers=st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_at_the_share_that_a_test_set_has_f1_is_the_micro_f1_whatever_was_answered(answers):
    at = found(answers).at(0.5)
    assert at.f1.mean == pytest.approx(micro_f1(GOLD, answers, NEGATIVE))


def test_the_more_negatives_the_lower_is_the_precision_of_one_that_raises_false_alarms():
    precisions = [found(ANSWERS).at(share).precision.mean for share in SHARES]
    assert precisions == sorted(precisions, reverse=True)
    assert len(set(precisions)) == len(SHARES)


def test_one_that_asserts_nothing_has_no_precision_and_no_f1_and_that_is_no_error():
    at = found([NEGATIVE] * 8).at(0.8)
    assert (at.precision.mean, at.f1.mean) == (0, 0)


def test_a_share_that_was_not_measured_has_no_scores():
    assert found(ANSWERS).at(0.33) is None


# Intervals


def test_the_interval_holds_the_score_and_is_narrower_on_a_larger_test_set():
    few, many = (found(ANSWERS * times, gold=GOLD * times, resamples=500).at(0.8).f1 for times in (2, 50))
    assert few.low < few.mean < few.high
    assert many.low < many.mean < many.high
    assert many.high - many.low < (few.high - few.low) / 3


def test_the_interval_is_as_wide_as_the_score_varies_over_test_sets_that_are_drawn():
    rng = np.random.default_rng(7)
    gold, answers = np.array(GOLD * 40), np.array(ANSWERS * 40)

    def drawn() -> float:
        chosen = rng.integers(len(gold), size=len(gold))
        return found(answers[chosen].tolist(), gold=gold[chosen].tolist(), resamples=2).at(0.8).f1.mean

    low, high = np.quantile([drawn() for _ in range(300)], [0.025, 0.975])
    at = found(answers.tolist(), gold=gold.tolist(), resamples=2000).at(0.8).f1
    assert (at.low, at.high) == (pytest.approx(low, abs=0.02), pytest.approx(high, abs=0.02))


def test_random_seeds_are_scored_on_the_same_resampled_examples():
    assert found(ANSWERS, ANSWERS).at(0.8).f1.low == found(ANSWERS).at(0.8).f1.low


def test_the_same_random_seed_gives_the_same_interval_and_another_another():
    first, again, other = (found(ANSWERS * 5, gold=GOLD * 5, seed=seed).at(0.2).f1 for seed in (1, 1, 2))
    assert first == again != other


# Calibration


def test_the_calibration_error_is_the_mean_distance_of_bins_weighted_by_their_answers():
    values = np.array([0.62, 0.68, 0.95, 0.95, 0.95, 0.95])
    right = np.array([True, False, True, True, True, False])
    assert calibration_error(values, right) == pytest.approx((2 * abs(0.65 - 0.5) + 4 * abs(0.95 - 0.75)) / 6)


def test_probabilities_that_hold_have_no_calibration_error():
    values, right = np.array([0.75] * 4 + [1.0] * 2), np.array([True, True, True, False, True, True])
    assert calibration_error(values, right) == 0


def test_answers_whose_probability_is_0_or_1_have_a_bin():
    assert calibration_error(np.array([0.0, 1.0]), np.array([True, False])) == 1


def test_bins_hold_the_answers_of_all_random_seeds_by_their_probability():
    first, second = sure([0, 1], [0.41, 0.95]), sure([1, 1], [0.97, 0.99])
    result = reliability([0, 1], [[0, 1], [1, 1]], [first, second], None, resamples=2, seed=1)
    assert [(each.accuracy, each.count) for each in result.bins] == [(1, 1), (pytest.approx(2 / 3), 3)]
    assert [each.probability for each in result.bins] == pytest.approx([0.41, 0.97])


def test_the_calibration_error_is_of_the_likeliest_label_whatever_the_threshold_made_of_it():
    plain = reliability(GOLD, [np.array(ANSWERS)], [sure(ANSWERS)], NEGATIVE, resamples=2, seed=1)
    silent = reliability(GOLD, [np.full(8, NEGATIVE)], [sure(ANSWERS)], NEGATIVE, resamples=2, seed=1)
    assert plain.calibration_error == silent.calibration_error
    assert plain.negatives_found.mean < silent.negatives_found.mean == 1


# Risk and coverage


def test_risk_is_the_share_of_wrong_answers_among_the_surest():
    values = sure([0, 0, 0, 0], [0.9, 0.8, 0.7, 0.6])
    result = reliability([0, 1, 0, 1], [[0, 0, 0, 0]], [values], None, resamples=2, seed=1)
    assert [point.coverage for point in result.risk_coverage] == [0.25, 0.5, 0.75, 1]
    assert [point.risk for point in result.risk_coverage] == pytest.approx([0, 1 / 2, 1 / 3, 1 / 2])


def test_the_curve_has_at_most_twenty_points_and_ends_with_all_answers():
    result = found(ANSWERS * 30, gold=GOLD * 30)
    assert len(result.risk_coverage) == 20
    assert (result.risk_coverage[-1].coverage, result.risk_coverage[-1].risk) == (1, pytest.approx(3 / 8))
