"""Scores: micro-F1, SemEval's official macro-F1, bootstrap intervals, baselines.

The answers and scores of the fixtures 1, 3 and 5 are those of the SemEval-2010 Task 8 scorer v1.2 (Hendrickx et al.
2010, CC BY 3.0): labels and numbers, no sentence.
"""

import re
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from relseed.evaluation.baselines import baseline_f1, majority, types_only, uniform
from relseed.evaluation.bootstrap import Interval, difference, interval
from relseed.evaluation.f1 import micro_f1, score
from relseed.evaluation.semeval import LABELS, RELATIONS, is_semeval, official
from relseed.tasks.relation import Example, Mention, Relation, Schema

FIXTURES = Path(__file__).parents[2] / "shared/data/semeval2010_task8/scorer_fixtures"
with_fixtures = pytest.mark.skipif(not FIXTURES.is_dir(), reason=f"needs the scorer's own files in {FIXTURES}")

# One column per item: CE2 is Cause-Effect(e2,e1), O is Other, - an item that the answers leave out.
KEY_1 = """CW2 O IA2 O MC1 O CE2 ED1 CC1 ED1 MC1 O MT1 CE2 IA2 MT1 IA2 PP2 CW2 MC2
           EO1 MC2 CE1 O MC2 O CE1 MT1 MT1 CW1 MT2 CE2 PP1 ED1 CW1 EO1 O CW2 CE1 IA2"""
ANSWERS_1 = """O IA2 O O O O O ED1 CC1 ED1 MC1 O MT1 CE2 IA2 MT1 IA2 PP2 CW1 MC2
               EO1 O CE1 MC2 MC2 O CE2 MT2 MT1 CW1 - - - - - - - - - -"""
KEY_3 = "CW2 O IA2 O MC1 O CE2 ED1 CC1 ED1"
ANSWERS_3 = "O CE1 O - IA2 MT1 CE1 - - ED1"
KEY_5 = "CE2 CE2 CE1 CE1 CE2 CE1"
ANSWERS_5 = "O CE2 CE1 CE2 - -"


def percent(value: float) -> object:
    return pytest.approx(value / 100, abs=5.1e-5)  # the scorer prints two decimals


def expand(short: str) -> list[str]:
    relations = {"".join(word[0] for word in relation.split("-")): relation for relation in RELATIONS}
    ways = {"1": "(e1,e2)", "2": "(e2,e1)"}
    return ["Other" if one in "O-" else relations[one[:2]] + ways[one[2]] for one in short.split()]


def read_answers(name: str) -> dict[str, str]:
    return dict(line.split("\t") for line in (FIXTURES / name).read_text(encoding="utf-8").splitlines())


def by_hand(gold: Sequence[int] | np.ndarray, predicted: Sequence[int] | np.ndarray, negative: int | None) -> float:
    right = proposed = actual = 0
    for label, answer in zip(gold, predicted, strict=True):
        actual += label != negative
        proposed += answer != negative
        right += label == answer and label != negative
    if right == 0:
        return 0.0
    precision, recall = right / proposed, right / actual
    return 2 * precision * recall / (precision + recall)


pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=40)


@settings(deadline=None)
@given(pairs, st.sampled_from([None, 0, 2, 4]))
def test_micro_f1_is_what_counting_by_hand_gives_wherever_the_negative_label_stands(
    pairs: list[tuple[int, int]], negative: int | None
) -> None:
    gold, predicted = [pair[0] for pair in pairs], [pair[1] for pair in pairs]
    assert micro_f1(gold, predicted, negative) == pytest.approx(by_hand(gold, predicted, negative))


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


def test_micro_f1_refuses_answers_for_another_number_of_examples() -> None:
    with pytest.raises(ValueError, match="inconsistent"):
        micro_f1([0, 0], [0], 0)


def test_a_score_holds_every_label_in_the_schemas_order_with_the_negative_one_marked() -> None:
    scores = score(["a", "a", "b", "none"], ["a", "b", "b", "a"], ("b", "none", "a"), "none")
    assert [one.relation for one in scores.relations] == ["b", "none", "a"]
    assert [one.negative for one in scores.relations] == [False, True, False]
    assert [one.support for one in scores.relations] == [1, 1, 2]
    assert [one.precision for one in scores.relations] == [1 / 2, 0, 1 / 2]
    assert [one.recall for one in scores.relations] == [1, 0, 1 / 2]
    assert scores.relations[0].f1 == pytest.approx(2 / 3)


def test_a_score_averages_over_relations_and_counts_confusions_gold_by_row() -> None:
    scores = score(["a", "a", "b", "none"], ["a", "b", "b", "a"], ("b", "none", "a"), "none")
    assert scores.confusion.tolist() == [[1, 0, 0], [0, 0, 1], [1, 0, 1]]
    assert scores.accuracy == 1 / 2
    assert (scores.micro.precision, scores.micro.recall) == (2 / 4, 2 / 3)
    assert scores.macro.f1 == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_the_macro_average_leaves_out_relations_without_gold_examples() -> None:
    scores = score(["a", "b"], ["a", "c"], ("a", "b", "c", "d"), None)
    assert scores.macro.f1 == 1 / 2


def test_a_score_refuses_labels_outside_the_schema() -> None:
    with pytest.raises(ValueError, match="outside the schema: \\['c'\\]"):
        score(["a", "b"], ["a", "c"], ("a", "b"), None)


@pytest.mark.parametrize(
    ("key", "answers", "macro", "micro"),
    [
        (KEY_1, ANSWERS_1, (81.48, 54.44, 64.09), (76.19, 48.48, 59.26)),
        (KEY_3, ANSWERS_3, (16.67, 8.33, 11.11), (25.00, 14.29, 18.18)),
        (KEY_5, ANSWERS_5, (66.67, 33.33, 44.44), (66.67, 33.33, 44.44)),
    ],
    ids=["1 unanswered items", "3 relations absent from the key", "5 Other absent from the key"],
)
def test_the_official_score_is_what_the_scorer_prints_for_its_small_fixtures(
    key: str, answers: str, macro: tuple[float, ...], micro: tuple[float, ...]
) -> None:
    scores = official(expand(key), expand(answers))
    for average, printed in ((scores.macro, macro), (scores.micro, micro)):
        assert (average.precision, average.recall, average.f1) == tuple(map(percent, printed))


@pytest.mark.parametrize(("key", "answers", "f1"), [(KEY_1, ANSWERS_1, 59.26), (KEY_5, ANSWERS_5, 44.44)])
def test_micro_f1_is_the_scorers_directed_micro_average_where_the_key_has_every_predicted_label(
    key: str, answers: str, f1: float
) -> None:
    assert micro_f1(expand(key), expand(answers), "Other") == percent(f1)


@with_fixtures
@pytest.mark.parametrize("number", [1, 2, 3, 5])
def test_the_scores_are_those_of_the_scorers_own_result_files(number: int) -> None:
    key, answers = read_answers(f"answer_key{number}.txt"), read_answers(f"proposed_answer{number}.txt")
    predicted = [answers.get(item, "Other") for item in key]
    printed = (FIXTURES / f"result_scores{number}.txt").read_text(encoding="utf-8")
    directed_micro, *_, micro, macro = map(float, re.findall(r"averaged result.*\n.*F1 = +([\d.]+)%", printed))
    scores = official(list(key.values()), predicted)
    assert scores.macro.f1 == percent(macro)
    assert scores.micro.f1 == percent(micro)
    if number != 3:  # its answers hold labels that its key lacks, which the scorer alone takes for Other
        assert micro_f1(list(key.values()), predicted, "Other") == percent(directed_micro)


@with_fixtures
def test_misspelt_labels_are_refused_as_the_scorer_refuses_its_fixture_4() -> None:
    answers = list(read_answers("proposed_answer4.txt").values())
    with pytest.raises(ValueError, match=re.escape("Message-Topc(e1,e2)")):
        official(answers, answers)


@pytest.mark.parametrize("label", ["Message-Topc(e1,e2)", "Cause-Effect(e1, e2)", "Cause-Effect", "other"])
def test_a_label_that_the_task_does_not_have_is_refused(label: str) -> None:
    with pytest.raises(ValueError, match=re.escape(label)):
        official(["Other"], [label])


def test_the_official_score_is_one_when_all_is_right_and_zero_when_directions_are_wrong_or_all_is_other() -> None:
    gold = sorted(LABELS)
    swapped = [label.translate(str.maketrans("12", "21")) for label in gold]
    assert official(gold, gold).macro.f1 == 1
    assert official(gold, swapped).macro.f1 == 0
    assert official(["Other"], ["Other"]).macro.f1 == 0


def test_semeval_is_known_by_its_labels() -> None:
    assert is_semeval(LABELS)
    assert is_semeval(LABELS - {"Entity-Destination(e2,e1)"})
    assert not is_semeval({"founded_by", "Other"})


def slow_interval(gold: np.ndarray, predictions: np.ndarray, negative: int, resamples: int) -> tuple[float, float]:
    rng = np.random.default_rng(7)
    samples = rng.integers(len(gold), size=(resamples, len(gold)))
    means = [np.mean([by_hand(gold[chosen], one[chosen], negative) for one in predictions]) for chosen in samples]
    return np.quantile(means, 0.025), np.quantile(means, 0.975)


def noisy(seeds: int, examples: int, accuracy: float) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(3)
    gold = rng.integers(4, size=examples)
    kept = rng.random((seeds, examples)) < accuracy
    return gold, np.where(kept, gold, rng.integers(4, size=(seeds, examples)))


def test_the_interval_of_a_difference_is_what_resampling_the_same_examples_for_both_gives() -> None:
    gold, ours = noisy(3, 60, 0.7)
    theirs = np.where(np.random.default_rng(5).random((2, 60)) < 0.6, gold, 0)
    found = difference(gold, ours, theirs, 0, resamples=4000)
    samples = np.random.default_rng(7).integers(60, size=(2000, 60))
    means = [
        np.mean([by_hand(gold[chosen], one[chosen], 0) for one in ours])
        - np.mean([by_hand(gold[chosen], one[chosen], 0) for one in theirs])
        for chosen in samples
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
        assert found.low < np.mean([micro_f1(gold, one, 0) for one in predictions]) < found.high
        widths.append(found.high - found.low)
    assert widths[0] / widths[1] == pytest.approx(4, rel=0.3)


def test_the_same_seed_gives_the_same_interval_and_another_seed_another() -> None:
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


def test_the_interval_refuses_predictions_of_another_shape() -> None:
    with pytest.raises(ValueError, match="not \\[n\\] and \\[seeds, n\\]"):
        interval([0, 1], [0, 1], None)


def test_the_interval_of_three_seeds_over_2717_examples_takes_under_two_seconds() -> None:
    gold, predictions = noisy(3, 2717, 0.6)
    start = time.perf_counter()
    interval(gold, predictions, 0, resamples=2000)
    assert time.perf_counter() - start < 2


CLASSES = ("owns", "none", "born_in", "made")
SCHEMA = Schema(relations=tuple(Relation(relation=one, definition="", negative=one == "none") for one in CLASSES))


def example(relation: str, head: str | None = None, tail: str | None = None) -> Example:
    marked = Mention(start=0, end=3, type=head), Mention(start=8, end=11, type=tail)
    return Example(id="x", text="Ann met Bob.", relation=relation, head=marked[0], tail=marked[1])


TRAIN = [example("none", "PERSON", "PLACE")] * 5 + [example("born_in", "PERSON", "PLACE")] * 2
TRAIN += [example("owns", "PERSON", "PLACE")] + [example("owns", "FIRM", "FIRM")] * 3


def test_majority_is_the_most_frequent_relation_but_never_the_negative_label() -> None:
    assert majority(TRAIN, TRAIN[:3], SCHEMA).tolist() == [0, 0, 0]


def test_a_tie_goes_to_the_relation_that_the_schema_names_first() -> None:
    assert majority([example("made"), example("born_in")], TRAIN[:1], SCHEMA).tolist() == [2]


def test_types_only_answers_what_is_most_frequent_between_the_types_and_else_overall() -> None:
    train = [*TRAIN, *[example("made", "FIRM", "PLACE")] * 9]
    sentences = [example("none", "PERSON", "PLACE"), example("none", "FIRM", "FIRM"), example("none", "PLACE", "FIRM")]
    assert types_only(train, sentences, SCHEMA).tolist() == [2, 0, 3]


def test_types_only_equals_majority_where_there_are_no_types() -> None:
    train = [example(one.relation) for one in TRAIN]
    assert types_only(train, train, SCHEMA).tolist() == majority(train, train, SCHEMA).tolist()


def test_uniform_draws_every_label_equally_often_and_the_same_for_the_same_seed() -> None:
    draws = uniform(TRAIN, SCHEMA, seed=1)
    assert draws.shape == (100, len(TRAIN))
    assert np.bincount(draws.ravel()) / draws.size == pytest.approx([0.25] * 4, abs=0.06)
    assert np.array_equal(draws, uniform(TRAIN, SCHEMA, seed=1))


def test_the_baselines_score_what_can_be_computed_by_hand() -> None:
    test = [example("born_in", "PERSON", "PLACE"), example("owns", "FIRM", "FIRM"), example("none", "FIRM", "FIRM")]
    found = baseline_f1(TRAIN, test * 40, SCHEMA, seed=1)
    assert found["majority"] == pytest.approx(2 * 1 / (3 + 2))
    assert found["types_only"] == pytest.approx(2 * 2 / (3 + 2))
    assert found["random"] == pytest.approx(2 * (2 / 4) / (3 * 3 / 4 + 2), abs=0.01)
