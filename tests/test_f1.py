"""Precision, recall and F1, each label's and averaged, the negative label left out."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relseed.evaluation.f1 import micro_f1, score
from tests.counting import f1_by_hand

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=40)


@settings(deadline=None)
@given(pairs, st.sampled_from([None, 0, 2, 4]))
def test_micro_f1_is_what_counting_by_hand_gives_wherever_the_negative_label_stands(
    pairs: list[tuple[int, int]], negative: int | None
) -> None:
    gold, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assert micro_f1(gold, predicted, negative) == pytest.approx(f1_by_hand(gold, predicted, negative))


def test_micro_f1_is_the_same_for_texts_and_class_numbers() -> None:
    texts = ["owns", "none", "made", "made", "owns"], ["owns", "made", "made", "none", "made"]
    assert micro_f1(*texts, negative="none") == pytest.approx(2 * 2 / (4 + 4))
    assert micro_f1([0, 1, 2, 2, 0], [0, 2, 2, 1, 2], 1) == pytest.approx(2 * 2 / (4 + 4))


@pytest.mark.parametrize(
    ("gold", "predicted", "expected"),
    [
        (["a", "b", "none"], ["a", "b", "none"], 1.0),
        (["a", "b", "none"], ["b", "none", "a"], 0.0),
        (["a", "b"], ["none", "none"], 0.0),
        (["none", "none"], ["none", "none"], 0.0),
        ([], [], 0.0),
    ],
    ids=["all right", "none right", "nothing asserted", "nothing to find", "empty"],
)
def test_micro_f1_at_the_edges(gold: list[str], predicted: list[str], expected: float) -> None:
    assert micro_f1(gold, predicted, "none") == expected


def test_micro_f1_of_another_number_of_predictions_is_an_error() -> None:
    with pytest.raises(ValueError, match="inconsistent"):
        micro_f1([0, 0], [0], 0)


def test_a_score_holds_every_label_in_the_schemas_order_with_the_negative_one_marked() -> None:
    scores = score(["a", "a", "b", "none"], ["a", "b", "b", "a"], ("b", "none", "a"), "none")
    assert [found.label for found in scores.labels] == ["b", "none", "a"]
    assert [found.negative for found in scores.labels] == [False, True, False]
    assert [found.support for found in scores.labels] == [1, 1, 2]
    assert [found.precision for found in scores.labels] == [1 / 2, 0, 1 / 2]
    assert [found.recall for found in scores.labels] == [1, 0, 1 / 2]
    assert scores.labels[0].f1 == pytest.approx(2 / 3)


def test_a_score_averages_over_labels_and_counts_confusions_gold_by_row() -> None:
    scores = score(["a", "a", "b", "none"], ["a", "b", "b", "a"], ("b", "none", "a"), "none")
    assert scores.confusion.tolist() == [[1, 0, 0], [0, 0, 1], [1, 0, 1]]
    assert scores.accuracy == 1 / 2
    assert (scores.micro.precision, scores.micro.recall) == (2 / 4, 2 / 3)
    assert scores.macro.f1 == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_the_macro_average_leaves_out_labels_without_gold_examples() -> None:
    scores = score(["a", "b"], ["a", "c"], ("a", "b", "c", "d"), None)
    assert scores.macro.f1 == 1 / 2


def test_a_label_outside_the_schema_is_an_error() -> None:
    with pytest.raises(ValueError, match="outside the schema: \\['c'\\]"):
        score(["a", "b"], ["a", "c"], ("a", "b"), None)
