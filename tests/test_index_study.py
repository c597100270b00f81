"""The index beside BLEU, ROUGE-L and length: overlap, associations with answers, other weights."""

from collections.abc import Mapping, Sequence

import numpy as np
import pytest

from benchmarks import index_study, index_weights
from benchmarks.index_measures import (
    associations,
    bleu,
    greatest_correlation,
    length,
    ranks_within,
    resampled,
    rouge_l,
)
from benchmarks.index_weights import BREVITY, EQUAL, FITTED, RANDOM, compared, fitted, orders, variants
from relseed.ranking.candidates import Scored
from relseed.ranking.settings import Ranking
from relseed.records.scores import RankedExample
from tests.graph import ROOT

SETTINGS = Ranking(
    reads="scores",
    recorded="blends.jsonl",
    methods=("template", "fusion"),
    order="arithmetic",
    weights={"accuracy": 1, "grammar": 1},
    within="tuple",
    gate={},
    best_methods=None,
    seed=1,
    blend=None,
)


def scored(id: str, about: str, method: str = "template", **scores: float) -> Scored:
    return Scored(id, about, method, scores, {"id": id, "relation": "owns", "text": id, "method": method})


def ranked(
    id: str, about: str, rank: int | None, scores: Mapping[str, float], method: str = "template", text: str = "a b"
) -> RankedExample:
    example = {"id": id, "relation": "owns", "text": text, "method": method}
    return RankedExample(
        tuple=about, rank=rank, index=None if rank is None else 1 / rank, scores=scores, example=example
    )


# Overlap and length


def test_bleu_of_a_text_that_is_among_the_others_is_1():
    assert bleu("Ada owns the boat.", ["Bo rows.", "Ada owns the boat."]) == pytest.approx(1)


def test_bleu_is_the_geometric_mean_of_the_shares_of_ngrams_and_half_of_one_where_none_is_shared():
    assert bleu("a b c d", ["a b c e"]) == pytest.approx((3 / 4 * 2 / 3 * 1 / 2 * 1 / 2) ** 0.25)


def test_rouge_l_counts_the_longest_common_subsequence_in_words():
    assert rouge_l("a b c d", ["a x c d e f"]) == pytest.approx(2 * 3 / 10)


def test_rouge_l_minds_the_order_of_words_and_not_their_case_nor_full_stops():
    assert rouge_l("Bo owns Ada.", ["ada owns bo"]) == pytest.approx(2 * 1 / 6)
    assert rouge_l("Ada owns Bo.", ["ada owns bo"]) == 1


def test_rouge_l_is_that_of_the_nearest_other():
    assert rouge_l("a b", ["c d", "a d", "a b c"]) == pytest.approx(2 * 2 / 5)


def test_rouge_l_of_no_words_is_0():
    assert rouge_l("...", ["a"]) == 0


def test_the_length_of_a_text_is_its_words_between_blanks():
    assert length("Ada's boat, the  Vega.") == 4


# Associations


def test_ranks_are_those_within_the_group():
    values = {"a": {"words": 3.0}, "b": {"words": 9.0}, "c": {"words": 1.0}, "d": {"words": 1.0}}
    assert ranks_within([["a", "b"], ["c", "d"]], values) == {
        "a": {"words": 0.25},
        "b": {"words": 0.75},
        "c": {"words": 0.5},
        "d": {"words": 0.5},
    }


def test_a_measure_that_is_higher_of_all_that_is_stated_has_the_area_1_and_its_opposite_0():
    stated = np.array([False, False, True, True])
    rho, area = associations(np.array([[1.0, 2.0, 3.0, 4.0], [4.0, 3.0, 2.0, 1.0]]), stated)
    assert area.tolist() == [1, 0]
    assert rho == pytest.approx([2 / 5**0.5, -2 / 5**0.5])


def test_equal_values_count_one_half_in_the_area_and_a_measure_without_differences_has_no_correlation():
    rho, area = associations(np.array([[1.0, 1.0, 1.0], [2.0, 2.0, 3.0]]), np.array([False, True, True]))
    assert area.tolist() == [0.5, 0.75]
    assert rho == pytest.approx([0, 0.5])


def test_a_measure_without_an_error_correlates_by_far_less_than_1_where_few_are_not_stated():
    assert greatest_correlation(np.array([False, True, True, True])) == pytest.approx(3 / 15**0.5)
    assert greatest_correlation(np.arange(400) >= 10) < 0.28


def test_tuples_are_drawn_again_with_all_their_items_and_always_the_same():
    first, second = (list(resampled(["a", "b", "a", "c"])) for _ in range(2))
    assert all(list(draw).count(0) == list(draw).count(2) for draw in first)
    assert all(len(draw) >= 3 for draw in first)
    assert all((one == other).all() for one, other in zip(first, second, strict=True))


def test_a_sentence_on_two_sheets_is_stated_where_both_say_so():
    sheets = [{"a": True, "b": True, "c": False}, {"a": True, "b": False, "d": True}]
    assert index_study.agreed(sheets) == {"a": True, "b": False, "c": False, "d": True}


def test_what_goes_with_being_stated_is_counted_over_the_sentences_that_were_asked_about():
    found = [ranked(f"{about}{at}", about, at, {"accuracy": 1 / at}) for about in "abcdefgh" for at in (1, 2)]
    found.append(ranked("blend", "a", None, {"accuracy": 0.0}, method="blend"))
    stated = {each.example["id"]: each.rank == 1 for each in found[:-1]}
    values = index_study.measures(found, {"owns": ["a b"]})
    measured = index_study.predictors(found, values, stated)
    assert (measured["sentences"], measured["stated"], measured["tuples"]) == (16, 8, 8)
    assert list(measured["predictors"]) == [
        *["index", "accuracy", "bleu", "rouge_l", "words", "self_bleu", "large", "rank: accuracy"]
    ]
    assert measured["predictors"]["rank: accuracy"]["area"] == 1
    assert measured["predictors"]["words"]["area_low"] == measured["predictors"]["words"]["area_high"] == 0.5


def test_sentences_that_are_no_longer_as_they_were_shown_are_left_out(monkeypatch):
    monkeypatch.chdir(ROOT)
    id = "template/lives_in/0/0/13"
    text = (
        "Since selling up three years ago, Abd al-Karim ibn Yunus al-Harrani has been quietly settled in Aleppo with "
    )
    text += "a telescope and a box of unread novels."
    assert index_study.answers("amalrec", {id: text}) == {id: True}
    assert index_study.answers("amalrec", {id: "Another text."}) == {}


def test_ranks_that_the_parameters_do_not_give_stop_the_study():
    better, worse = {"accuracy": 0.9, "grammar": 0.9}, {"accuracy": 0.1, "grammar": 0.1}
    index_study.check_ranks([ranked("a", "t", 1, better), ranked("b", "t", 2, worse)], SETTINGS)
    with pytest.raises(SystemExit, match="other parameters"):
        index_study.check_ranks([ranked("a", "t", 2, better), ranked("b", "t", 1, worse)], SETTINGS)


# Methods, correlations


def test_the_means_of_a_method_count_blends_that_were_not_taken_among_the_candidates(monkeypatch):
    monkeypatch.setattr(index_study, "accepted", lambda method: 1.0)
    found = [
        ranked("a", "t", 1, {"accuracy": 0.9, "grammar": 0.5}, text="a b c"),
        ranked("b", "t", None, {"accuracy": 0.5, "grammar": 0.1}, method="blend", text="a b"),
        ranked("c", "u", 1, {"accuracy": 0.7, "grammar": 0.5}, text="a"),
    ]
    values = index_study.measures(found, {"owns": ["a b"]})
    means = index_study.methods(found, values, SETTINGS, {"a": True, "c": False})
    assert list(means) == ["template", "blend"]
    assert means["template"]["index"] == pytest.approx((0.75 + 0.5) / 2)
    assert means["blend"]["index"] == pytest.approx(0.25)
    assert means["template"] | {"index": 0, "bleu": 0, "rouge_l": 0} == {
        **{"candidates": 2, "index": 0, "accuracy": pytest.approx(0.8), "grammar": 0.5, "bleu": 0, "rouge_l": 0},
        **{"words": 2, "accepted": 1, "answered": 2, "stated": 1},
    }


def test_correlations_are_of_scores_over_all_candidates_and_of_ranks_within_the_tuple():
    scores = {"a": (0.1, 0.2), "b": (0.2, 0.1), "c": (0.8, 0.9), "d": (0.9, 0.8)}
    found = [
        ranked(id, "t" if id in "ab" else "u", 1, {"accuracy": one, "grammar": two, "fluency": one})
        for id, (one, two) in scores.items()
    ]
    measured = index_study.correlations(found, {each.example["id"]: each.scores for each in found})
    assert measured["candidates"]["accuracy"]["grammar"] == pytest.approx(0.6)
    assert measured["within"]["accuracy"]["grammar"] == pytest.approx(-1)
    assert measured["within"]["accuracy"]["fluency"] == pytest.approx(1)


# Weights


def test_every_criterion_is_left_out_and_alone_and_weights_that_are_all_0_are_no_ranking():
    names = [EQUAL, "without accuracy", "without grammar", "accuracy alone", "grammar alone", "geometric mean"]
    names += ["ranks within the relation", FITTED, "fewest words", RANDOM]
    fit = {"accuracy": 1.0, "grammar": 0.0}
    assert list(variants(SETTINGS, fit)) == names
    assert list(variants(SETTINGS, dict.fromkeys(fit, 0.0))) == [name for name in names if name != FITTED]
    assert variants(SETTINGS, fit)["without accuracy"].weights == {"grammar": 1}


def test_fitted_weights_are_of_what_is_higher_where_it_is_stated_and_sum_up_to_1():
    ranks = np.array([[0.1, 0.9, 0.5], [0.9, 0.1, 0.5], [0.9, 0.1, 0.5]])
    assert fitted(ranks, np.array([False, True, True])) == pytest.approx([1, 0, 0])


def test_no_weight_is_fitted_where_everything_is_higher_of_what_is_not_stated():
    assert fitted(np.array([[0.9], [0.1]]), np.array([False, True])).tolist() == [0]


def test_fitted_weights_have_an_interval_and_the_share_of_resamples_that_have_none():
    ranks = {
        id: {"accuracy": place} for id, place in zip("abcdefgh", [0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.2, 0.1], strict=True)
    }
    stated = {id: place["accuracy"] > 0.5 for id, place in ranks.items()}
    measured = index_weights.fit(ranks, stated, {id: id for id in ranks})
    assert (measured["accuracy"]["weight"], measured["accuracy"]["high"]) == (1, 1)
    assert measured["accuracy"]["zero"] < 0.05


@pytest.fixture
def three() -> list[Scored]:
    """Two tuples: of the first, accuracy and grammar find another one the best; of the second the same."""
    return [
        scored("a", "t", accuracy=0.9, grammar=0.2, brevity=-9),
        scored("b", "t", accuracy=0.5, grammar=0.9, brevity=-3),
        scored("c", "t", accuracy=0.1, grammar=0.1, brevity=-6),
        scored("d", "u", accuracy=0.9, grammar=0.9, brevity=-5),
        scored("e", "u", "weak", accuracy=0.2, grammar=0.2, brevity=-4),
    ]


def best(found: Sequence[Scored], **weights: float) -> list[str]:
    ordered = orders(found, SETTINGS.model_copy(update={"weights": weights}))
    return ["".join(each.id for each, _ in order.ranked) for order in ordered.values()]


def test_orders_are_those_of_the_ranker_of_the_same_index_the_more_accurate_first(three):
    assert best(three, accuracy=1, grammar=1) == ["abc", "de"]


def test_fewest_words_is_a_ranking_by_brevity(three):
    assert best(three, **{BREVITY: 1.0}) == ["bca", "ed"]


def test_an_order_is_compared_by_its_best_candidates_and_by_kendalls_tau(three):
    equal = orders(three, SETTINGS)
    other = orders(three, SETTINGS.model_copy(update={"weights": {BREVITY: 1.0}}))
    stated = {"a": True, "b": True, "e": False}
    assert compared(equal, other, stated, {"a": True}, "weak") == {
        "changed": 1,
        "tau": pytest.approx((-1 / 3 + -1) / 2),
        "weak": 1,
        "answered": {"sentences": 2, "stated": 1},
        "drawn": {"sentences": 0, "stated": 0},
    }


def test_an_order_is_itself(three):
    equal = orders(three, SETTINGS)
    assert compared(equal, equal, {}, {}, "weak") | {"answered": 0, "drawn": 0} == {
        **{"changed": 0, "tau": 1, "weak": 0, "answered": 0, "drawn": 0}
    }
