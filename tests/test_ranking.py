"""Ranking candidates about a tuple: the index, ties, gates, methods that are dropped, blends that are taken or not."""

import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.pipeline.errors import UserError
from relseed.ranking.candidates import Candidates, Scored, by_tuple
from relseed.ranking.counting import Counting
from relseed.ranking.index import indices, mid_ranks
from relseed.ranking.rank import rank
from relseed.ranking.settings import Ranking
from relseed.records.files import DataError, write_records
from relseed.records.scores import BLEND, ScoredExample

SETTINGS: dict[str, Any] = {
    "reads": "scores",
    "recorded": "blends.jsonl",
    "methods": ("template", "reasoned", "fusion"),
    "order": "arithmetic",
    "weights": {"accuracy": 1, "grammar": 1},
    "within": "tuple",
    "gate": {},
    "best_methods": None,
    "seed": 1,
    "blend": None,
}


def settings(**changes: Any) -> Ranking:
    return Ranking.model_validate(SETTINGS | changes)


def scored(method: str, accuracy: float, grammar: float, about: str = "a", id: str | None = None) -> Scored:
    id = id or f"{method}/owns/0/{about}"
    example = {"id": id, "relation": "owns", "tuple": about, "method": method}
    return Scored(id, about, method, {"accuracy": accuracy, "grammar": grammar}, example)


def order(candidates: Sequence[Scored], **changes: Any) -> list[str]:
    """The methods of the candidates that count, the best first."""
    [found] = rank(candidates, settings(**changes))
    return [each.method for each, _ in found.ranked]


# The index


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_mid_ranks_keep_the_order_and_have_the_mean_one_half(values):
    ranks = mid_ranks(values)
    assert sum(ranks) / len(ranks) == pytest.approx(0.5)
    assert all(0 < each < 1 for each in ranks)
    for one, other in zip(range(len(values)), range(1, len(values)), strict=False):
        assert (ranks[one] < ranks[other]) == (values[one] < values[other])
        assert (ranks[one] == ranks[other]) == (values[one] == values[other])


def test_equal_values_share_the_mean_of_their_places():
    assert mid_ranks([0.2, 0.9, 0.9, 0.5]) == [0.125, 0.75, 0.75, 0.375]


SCORES = [{"accuracy": 0.1, "grammar": 0.9}, {"accuracy": 0.5, "grammar": 0.9}, {"accuracy": 0.9, "grammar": 0.1}]


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ("arithmetic", [(1 / 6 + 2 / 3) / 2, (1 / 2 + 2 / 3) / 2, (5 / 6 + 1 / 6) / 2]),
        ("geometric", [math.sqrt(1 / 6 * 2 / 3), math.sqrt(1 / 2 * 2 / 3), math.sqrt(5 / 6 * 1 / 6)]),
    ],
)
def test_the_index_is_a_mean_of_the_ranks(order, expected):
    assert indices(SCORES, settings(order=order), ["a", "b", "c"]) == pytest.approx(expected)


def test_a_weight_counts_as_its_share_of_all():
    weighted = indices(SCORES, settings(weights={"accuracy": 3, "grammar": 1}), ["a", "b", "c"])
    assert weighted[2] == pytest.approx((3 * 5 / 6 + 1 / 6) / 4)


def test_a_random_order_depends_on_the_ids_and_the_seed_alone():
    def random(seed: int, scores: Sequence[dict[str, float]] = SCORES) -> list[float]:
        return indices(scores, settings(order="random", seed=seed), ["a", "b", "c"])

    assert random(1) == random(1, SCORES[::-1]) != random(2)


# The order


def test_the_best_about_each_tuple_comes_first():
    one, other = [scored("template", 0.9, 1), scored("reasoned", 0.4, 1)], [scored("template", 0.1, 0.5, "b")]
    assert [[each.method for each, _ in found.ranked] for found in rank([*other, *one], settings())] == [
        ["template"],
        ["template", "reasoned"],
    ]


def test_of_the_same_index_the_more_accurate_comes_first_then_the_first_id():
    assert order([scored("template", 0.1, 1), scored("reasoned", 0.9, 0)]) == ["reasoned", "template"]
    assert order([scored("template", 0.5, 1, id="z"), scored("reasoned", 0.5, 1, id="a")]) == ["reasoned", "template"]


def test_a_candidate_that_does_not_pass_the_gate_does_not_count():
    candidates = [scored("template", 0.3, 1), scored("reasoned", 0.6, 0)]
    assert order(candidates, gate={"accuracy": 0.5}) == ["reasoned"]
    [found] = rank(candidates, settings(gate={"accuracy": 0.9}))
    assert (list(found.ranked), [each.method for each in found.out]) == ([], ["template", "reasoned"])
    assert [record.rank for record in found.records] == [None, None]


def test_only_the_best_methods_of_a_relation_stay():
    candidates = [
        scored(method, accuracy, 1, about)
        for about in ("a", "b", "c")
        for method, accuracy in (("template", 0.2), ("reasoned", 0.9), ("fusion", 0.9 if about == "a" else 0.5))
    ]
    found = rank(candidates, settings(best_methods=1))
    assert [[each.method for each, _ in each.ranked] for each in found] == [["reasoned"]] * 3


def test_ranks_within_a_relation_are_among_all_its_candidates():
    candidates = [scored("template", 0.9, 1, "a"), scored("template", 0.1, 1, "b"), scored("reasoned", 0.2, 1, "b")]
    found = rank(candidates, settings(within="relation", weights={"accuracy": 1}))
    assert [[round(index, 3) for _, index in each.ranked] for each in found] == [[0.833], [0.5, 0.167]]


# Blends


def test_a_blend_that_ranks_above_all_others_is_the_best():
    assert order([scored("template", 0.5, 1), scored("reasoned", 0.4, 1), scored(BLEND, 0.9, 1)])[0] == BLEND


@pytest.mark.parametrize("blend", [scored(BLEND, 0.4, 1), scored(BLEND, 0.5, 1)])
def test_a_blend_that_does_not_is_left_out_as_if_it_was_never_written(blend):
    alone = [scored("template", 0.5, 1), scored("reasoned", 0.4, 1)]
    [without], [found] = rank(alone, settings()), rank([*alone, blend], settings())
    assert list(found.ranked) == list(without.ranked)
    assert list(found.out) == [blend]


def test_a_blend_that_does_not_pass_the_gate_is_left_out():
    candidates = [scored("template", 0.6, 0.2), scored("reasoned", 0.7, 0.1), scored(BLEND, 0.4, 1)]
    assert BLEND not in order(candidates, gate={"accuracy": 0.5})


@given(
    st.lists(st.tuples(st.sampled_from("ab"), st.floats(0, 1), st.floats(0, 1)), min_size=1, max_size=8),
    st.sampled_from(["arithmetic", "geometric", "random"]),
    st.sampled_from(["tuple", "relation"]),
)
def test_every_candidate_has_one_place_and_ranks_have_no_hole(found, kind, within):
    candidates = [
        scored("template", accuracy, grammar, about, id=str(at)) for at, (about, accuracy, grammar) in enumerate(found)
    ]
    for each in rank(candidates, settings(order=kind, within=within)):
        records = each.records
        assert [record.rank for record in records] == list(range(1, len(records) + 1))
        assert [record.index for record in records] == sorted((r.index for r in records), reverse=True)
    assert sum(len(each.records) for each in rank(candidates, settings(order=kind, within=within))) == len(candidates)


# What is read


def write_scores(folder: Path, criterion: str, *found: tuple[str, float], about: str | None = "a") -> None:
    examples = [
        {"id": id, "relation": "owns", "method": "template"} | ({"tuple": about} if about else {}) for id, _ in found
    ]
    records = [ScoredExample(score=score, example=each) for each, (_, score) in zip(examples, found, strict=True)]
    write_records(folder / f"{criterion}.jsonl", records)


def test_candidates_come_with_their_scores_by_each_criterion(tmp_path):
    write_scores(tmp_path, "accuracy", ("x", 0.5), ("y", 0.25))
    write_scores(tmp_path, "grammar", ("y", 1.0), ("x", 0.75))
    with Candidates(settings()) as candidates:
        candidates.read(tmp_path)
        assert {each.id: each.scores for each in candidates.of("owns")} == {
            "x": {"accuracy": 0.5, "grammar": 0.75},
            "y": {"accuracy": 0.25, "grammar": 1.0},
        }
        assert list(by_tuple(candidates.of("owns"))) == ["a"]
        assert candidates.of("rows") == []


def test_a_candidate_without_a_score_is_an_error_that_says_where_to_name_its_method(tmp_path):
    write_scores(tmp_path, "accuracy", ("x", 0.5))
    write_scores(tmp_path, "grammar")
    with Candidates(settings()) as candidates, pytest.raises(UserError, match=r"x has no score by grammar: name its"):
        candidates.read(tmp_path)


def test_an_example_that_is_about_no_tuple_cannot_be_ranked(tmp_path):
    write_scores(tmp_path, "accuracy", ("x", 0.5), about=None)
    with (
        Candidates(settings()) as candidates,
        pytest.raises(DataError, match=r"accuracy.jsonl:1: x is about no entity"),
    ):
        candidates.read(tmp_path)


def test_weights_must_not_all_be_zero():
    with pytest.raises(ValueError, match="all weights are 0"):
        settings(weights={"accuracy": 0})


# The summary


def test_the_summary_counts_who_is_best_and_where_blends_lose():
    lost, won = scored(BLEND, 0.1, 1.0), scored(BLEND, 0.9, 1.0, "b")
    candidates = [scored("template", 0.5, 0.5), lost, scored("reasoned", 0.4, 0.5, "b"), won]
    counting = Counting(("accuracy", "grammar"))
    counting.add(rank([*candidates, scored("template", 0.5, 0.25, "b")], settings()))
    found = counting.summary("r", ("template", "reasoned"), asked=2)
    assert (found.tuples, found.unranked) == (2, 0)
    assert {name: each.first for name, each in found.methods.items()} == {"template": 1, "reasoned": 0, BLEND: 1}
    assert found.blends is not None
    assert (found.blends.asked, found.blends.passed, found.blends.taken) == (2, 2, 1)
    assert found.blends.loss == pytest.approx({"accuracy": -0.4, "grammar": 0.5})
    assert json.loads(found.model_dump_json())["ranking"] == "r"
