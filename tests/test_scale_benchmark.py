"""The benchmark of growth: what it runs on, and the exponent that it says."""

import json
import re
from typing import Any

from benchmarks import scale_data
from benchmarks.scale import SLOW, SLOW_UP_TO, STAGES, growth, measured, params
from relseed.pipeline.params import Params
from relseed.quality.duplicates import nearest
from relseed.ranking.settings import Ranking
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.relation.tags import untag
from relseed.tasks.relation.tuple_prompts import TuplesPrompt
from tests.graph import ROOT
from tests.test_tuple_methods import ask

TUPLES = [EntityTuple.model_validate(each) for each in scale_data.tuples(600)]


def run(size: int, seconds: float) -> tuple[int, dict[str, Any]]:
    return size, {"stages": {stage: {"cpu": seconds} for stage in STAGES}}


def test_growth_is_the_exponent_of_the_time_beyond_the_start():
    _, start = run(10, 5.0)
    assert set(growth(start, run(1000, 6.0), run(10_000, 15.0)).values()) == {1.0}
    assert set(growth(start, run(1000, 6.0), run(10_000, 105.0)).values()) == {2.0}


def test_a_stage_that_takes_no_longer_than_to_start_has_no_growth():
    _, start = run(10, 5.0)
    assert set(growth(start, run(1000, 4.9), run(10_000, 15.0)).values()) == {None}


def test_a_stage_that_only_one_of_two_sizes_measures_has_no_growth_between_them():
    _, start = run(10, 5.0)
    size, more = run(100_000, 15.0)
    del more["stages"][SLOW[0]]
    assert set(growth(start, run(10_000, 6.0), (size, more))) == {*STAGES} - {SLOW[0]}


def test_of_more_tuples_than_slow_stages_are_measured_on_candidates_are_ranked_by_the_quick_criteria(monkeypatch):
    monkeypatch.chdir(ROOT)
    weights = [params(size, "http://localhost:1/v1")["rankings"]["best"]["weights"] for size in (SLOW_UP_TO, 100_000)]
    assert weights == [{"sentiment": 0.5, "grammar": 0.5}, {"sentiment": 1.0}]
    assert [stage for stage in STAGES if not measured(stage, 100_000)] == list(SLOW)


def test_the_synthetic_tuples_are_of_255_relations_and_no_two_names_are_the_same():
    names = [name for each in TUPLES for name in (each.head, each.tail)]
    assert (len({each.relation for each in TUPLES}), len(set(names))) == (255, 1200)


def test_the_synthetic_seeds_fit_their_schema():
    schema = Schema.model_validate({"relations": scale_data.relations()})
    seeds = [Example.model_validate(seed) for seed in scale_data.seeds()]
    assert len(seeds) == 255 * scale_data.SEEDS
    assert not any(TASK.misfit(seed, schema) for seed in seeds)


def test_the_endpoint_answers_with_a_sentence_about_each_pair_and_no_two_are_alike():
    schema = Schema.model_validate({"relations": scale_data.relations()})
    texts = []
    for each in TUPLES[:100]:
        prompt = TuplesPrompt(ask([each], schema=schema, label=each.relation))
        response = scale_data.respond("\n".join(message.content for message in prompt.messages([])))
        [found] = prompt.parse(f"m/{each.relation}/0", response, truncated=False)
        pattern = prompt.response_schema()["properties"]["samples"]["prefixItems"][0]["properties"]["sentence"]
        assert re.fullmatch(pattern["pattern"], json.loads(response)["samples"][0]["sentence"])
        assert found.problem is None
        texts.append(untag(found.text).text)
    assert not any(nearest([text], texts[:at], threshold=0.5)[0] for at, text in enumerate(texts))


def test_its_params_are_those_of_the_repository_with_entries_of_its_own(monkeypatch):
    monkeypatch.chdir(ROOT)
    values = params(1000, "http://localhost:1/v1")
    assert Params(values).section("rankings.best", Ranking).blend is None
    assert values["rules"] == Params.read(ROOT / "params.yaml").value("rules")
