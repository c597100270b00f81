"""How sure a micro-F1 is: intervals by resampling test examples."""

import time

import numpy as np
import pytest

from relseed.evaluation.bootstrap import Interval, difference, interval
from tests.counting import f1_by_hand


def mean_f1(gold: np.ndarray, predictions: np.ndarray, negative: int) -> float:
    return float(np.mean([f1_by_hand(gold, predicted, negative) for predicted in predictions]))


def slow_interval(gold: np.ndarray, predictions: np.ndarray, negative: int, resamples: int) -> tuple[float, float]:
    rng = np.random.default_rng(7)
    samples = rng.integers(len(gold), size=(resamples, len(gold)))
    means = [mean_f1(gold[chosen], predictions[:, chosen], negative) for chosen in samples]
    return np.quantile(means, 0.025), np.quantile(means, 0.975)


def noisy(seeds: int, examples: int, accuracy: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    gold = rng.integers(4, size=examples)
    right = rng.random((seeds, examples)) < accuracy
    return gold, np.where(right, gold, rng.integers(4, size=(seeds, examples)))


def test_the_interval_of_a_difference_is_what_resampling_the_same_examples_for_both_gives() -> None:
    gold, ours = noisy(3, 60, 0.7)
    theirs = np.where(np.random.default_rng(5).random((2, 60)) < 0.6, gold, 0)
    found = difference(gold, ours, theirs, 0, resamples=4000)
    samples = np.random.default_rng(7).integers(60, size=(2000, 60))
    means = [
        mean_f1(gold[chosen], ours[:, chosen], 0) - mean_f1(gold[chosen], theirs[:, chosen], 0) for chosen in samples
    ]
    assert (found.low, found.high) == pytest.approx((np.quantile(means, 0.025), np.quantile(means, 0.975)), abs=0.02)


def test_nothing_differs_from_itself() -> None:
    gold, ours = noisy(3, 60, 0.7)
    assert difference(gold, ours, ours, 0) == Interval(0.0, 0.0)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_is_what_resampling_examples_one_by_one_gives(seeds: int) -> None:
    gold, predictions = noisy(seeds, 60, 0.6)
    found = interval(gold, predictions, 2, resamples=20_000, seed=1)
    assert (found.low, found.high) == pytest.approx(slow_interval(gold, predictions, 2, 3000), abs=0.015)


@pytest.mark.parametrize("seeds", [1, 3])
def test_the_interval_covers_the_score_and_is_narrower_with_more_examples(seeds: int) -> None:
    widths = []
    for examples in (100, 1600):
        gold, predictions = noisy(seeds, examples, 0.7)
        found = interval(gold, predictions, 0, resamples=1000, seed=1)
        assert found.low < mean_f1(gold, predictions, 0) < found.high
        widths.append(found.high - found.low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.3)


def test_the_same_random_seed_gives_the_same_interval_and_another_another() -> None:
    gold, predictions = noisy(2, 80, 0.6)
    assert interval(gold, predictions, 0, seed=5) == interval(gold, predictions, 0, seed=5)
    assert interval(gold, predictions, 0, seed=5) != interval(gold, predictions, 0, seed=6)


def test_the_interval_is_the_same_for_texts_and_class_numbers() -> None:
    gold, predictions = noisy(2, 80, 0.6)
    names = np.array(["owns", "born", "none", "made"])
    assert interval(names[gold], names[predictions], "none") == interval(gold, predictions, 2)


@pytest.mark.parametrize(("predicted", "end"), [([[0, 1, 1]], 1.0), ([[1, 0, 0]], 0.0)])
def test_the_interval_of_all_right_or_all_wrong_is_a_point(predicted: list[list[int]], end: float) -> None:
    assert interval([0, 1, 1], predicted, None) == Interval(end, end)


def test_predictions_of_another_shape_are_an_error() -> None:
    with pytest.raises(ValueError, match="not \\[n\\] and \\[seeds, n\\]"):
        interval([0, 1], [0, 1], None)


def test_the_interval_of_three_trainings_over_2717_examples_takes_under_two_seconds() -> None:
    gold, predictions = noisy(3, 2717, 0.6)
    start = time.process_time()
    interval(gold, predictions, 0, resamples=2000)
    assert time.process_time() - start < 2
