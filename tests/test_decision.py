"""From logits to answers: probabilities for a share of negatives, scores, the threshold."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.classifier.decision import Decision, Read, best_stated
from relseed.pipeline.errors import UserError

NEGATIVE = 1
LOGITS = np.log([[0.5, 0.3, 0.2], [0.1, 0.6, 0.3], [0.2, 0.2, 0.6]])
READ = Read(LOGITS, np.array([0.9, 0.5, 0.1]))


def test_logits_are_divided_by_the_temperature_and_the_bias_is_added_to_the_negative_label():
    found = Decision(temperature=2.0, bias=0.5).probabilities(np.array([[2.0, 1.0, 0.0]]), NEGATIVE)
    raised = np.exp([1.0, 1.0, 0.0])
    np.testing.assert_allclose(found, [raised / raised.sum()])


def test_logits_stay_as_they_were():
    logits = LOGITS.copy()
    Decision(bias=0.5, negatives=0.2).probabilities(logits, NEGATIVE, 0.8)
    np.testing.assert_array_equal(logits, LOGITS)


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5, 0.8])
def test_for_another_share_of_negatives_probabilities_are_reweighted_as_saerens_et_al_say(share):
    """Their equation 4: p(label) new(label) / old(label), normalised; the other labels keep their ratios."""
    own = Decision(negatives=0.2).probabilities(LOGITS, NEGATIVE)
    ratio = np.full(3, (1 - share) / 0.8)
    ratio[NEGATIVE] = share / 0.2
    expected = own * ratio / (own * ratio).sum(-1, keepdims=True)
    np.testing.assert_allclose(Decision(negatives=0.2).probabilities(LOGITS, NEGATIVE, share), expected)


@given(share=st.floats(0.001, 0.999), own=st.floats(0.01, 0.99))
def test_the_greater_the_share_of_negatives_the_less_likely_is_every_other_label(share, own):
    decision = Decision(negatives=own)
    plain, shifted = decision.probabilities(LOGITS, NEGATIVE), decision.probabilities(LOGITS, NEGATIVE, share)
    np.testing.assert_allclose(shifted.sum(-1), 1)
    assert (np.sign(share - own) * (plain - shifted)[:, [0, 2]] >= -1e-9).all()


@pytest.mark.parametrize("share", [0.0, 1.0, -0.2, 80, float("nan")])
def test_a_share_that_is_not_between_0_and_1_is_an_error(share):
    with pytest.raises(UserError, match=r"the share of negatives is .*: give one between 0 and 1, such as 0\.8"):
        Decision(negatives=0.2).probabilities(LOGITS, NEGATIVE, share)


@pytest.mark.parametrize("negative", [None, NEGATIVE])
def test_a_share_for_which_nothing_was_fitted_is_an_error_instead_of_being_left_aside(negative):
    with pytest.raises(UserError, match=r"calibrated without examples of a negative label.*: leave the share"):
        Decision().probabilities(LOGITS, negative, 0.8)


def answers(decision: Decision, **changes: float) -> list[int]:
    probabilities = decision.probabilities(LOGITS, NEGATIVE)
    return decision.answers(READ, probabilities, NEGATIVE, **changes).tolist()


def test_without_a_threshold_the_likeliest_label_is_the_answer():
    assert answers(Decision()) == [0, NEGATIVE, 2]


def test_below_the_threshold_the_answer_is_the_negative_label():
    assert answers(Decision(threshold=0.55)) == [NEGATIVE, NEGATIVE, 2]


def test_at_the_threshold_a_label_is_asserted():
    assert answers(Decision(threshold=float(Decision().probabilities(LOGITS, NEGATIVE)[0, 0]))) == [0, NEGATIVE, 2]


def test_where_the_negative_label_is_likeliest_no_threshold_brings_another_label():
    assert answers(Decision(threshold=0.0)) == [0, NEGATIVE, 2]


def test_a_threshold_that_is_given_takes_the_place_of_the_checkpoint_s():
    assert answers(Decision(threshold=0.55), threshold=0.4) == [0, NEGATIVE, 2]
    assert answers(Decision(threshold=0.4), threshold=0.99) == [NEGATIVE] * 3


def test_without_a_negative_label_there_is_always_an_answer_and_a_threshold_is_an_error():
    probabilities = Decision(threshold=0.9).probabilities(LOGITS, None)
    assert Decision(threshold=0.9).answers(READ, probabilities, None).tolist() == [0, 1, 2]
    with pytest.raises(UserError, match="knows no negative label, so that it always asserts: leave the threshold out"):
        Decision().answers(READ, probabilities, None, 0.9)


def scores(decision: Decision, negative: int | None = NEGATIVE) -> np.ndarray:
    return decision.scores(READ, decision.probabilities(LOGITS, negative), negative)


def test_the_score_is_the_probability_of_the_best_label_other_than_the_negative_one():
    np.testing.assert_allclose(scores(Decision()), [0.5, 0.3, 0.6])


def test_the_energy_score_is_the_log_sum_of_what_the_temperature_leaves_of_the_other_labels_logits():
    np.testing.assert_allclose(scores(Decision(score="energy")), np.log([0.7, 0.4, 0.8]))
    halved = np.log(np.sqrt([0.5, 0.1, 0.2]) + np.sqrt([0.2, 0.3, 0.6]))
    np.testing.assert_allclose(scores(Decision(2.0, score="energy")), halved)
    np.testing.assert_allclose(scores(Decision(score="energy"), None), np.zeros(3), atol=1e-12)


def test_an_energy_score_is_what_it_is_whatever_the_bias_of_the_negative_label():
    np.testing.assert_array_equal(scores(Decision(score="energy")), scores(Decision(bias=3.0, score="energy")))


def test_the_distance_score_is_the_similarity_to_the_nearest_training_example():
    assert scores(Decision(score="distance")).tolist() == [0.9, 0.5, 0.1]
    assert answers(Decision(score="distance", threshold=0.3)) == [0, NEGATIVE, NEGATIVE]


def test_the_best_label_is_the_likeliest_that_asserts_something():
    probabilities = np.exp(LOGITS)
    assert best_stated(probabilities, NEGATIVE).tolist() == [0, 2, 2]
    assert best_stated(probabilities, None).tolist() == [0, 1, 2]
    np.testing.assert_array_equal(probabilities, np.exp(LOGITS))
