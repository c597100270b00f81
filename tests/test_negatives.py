"""The loop `negatives`: near-misses of each label, and mentions that merely occur together."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, read_method
from relseed.generation.runner import CostEstimate
from relseed.generation.writing import rehearse
from relseed.llm.adapters import ADAPTERS, Adapters
from relseed.llm.client import estimated_tokens
from relseed.llm.llm import LLM
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.task import Task, load_task
from tests import boats
from tests.methods import PARAMS, SCHEMA, SEEDS, TEACHER, good, method, shown, size, targets, written
from tests.scripted import Scripted

UNITS = ["near/owns", "near/rows_to", "co_occurrence/any"]


def negatives(llm: LLM = TEACHER, seeds: Sequence[Example] = SEEDS, schema: Schema = SCHEMA, **changes: Any) -> Method:
    return method(
        "negatives", llm, seeds, schema, **{"negatives": ["denied", "planned"], "co_occurrences": 3} | changes
    )


def asked(chosen: Method) -> tuple[list[Exchange], dict[str, Request]]:
    """What is asked and answered, and the first request of each unit."""
    exchanges = written(Scripted(good), chosen)
    return exchanges, {exchange.unit: exchange.request for exchange in reversed(exchanges)}


# What is asked for


def test_near_misses_of_each_label_are_wanted_and_then_what_merely_occurs_together():
    assert [(target.unit, target.wanted) for target in targets(negatives())] == list(zip(UNITS, (6, 6, 3), strict=True))


def test_what_merely_occurs_together_is_wanted_of_each_pair_of_types_that_a_relation_asks_for():
    found = targets(negatives(seeds=boats.SEEDS, schema=boats.SCHEMA))
    assert [target.unit for target in found] == ["near/owner_of", "co_occurrence/PERSON-BOAT", "co_occurrence/any"]


def test_a_label_without_seeds_has_no_near_misses_and_that_is_said(capsys):
    targets(negatives(seeds=boats.SEEDS, schema=boats.SCHEMA))
    assert "skipped boat:built_in: it has no seeds to show" in capsys.readouterr().out


def test_near_misses_alone_can_be_wanted():
    assert [target.unit for target in targets(negatives(co_occurrences=0))] == UNITS[:2]


def test_many_are_asked_for_in_one_response_until_all_are_there():
    exchanges, _ = asked(negatives())
    assert [(exchange.id, size(exchange.request)) for exchange in exchanges] == [
        ("negatives/near/owns/0", 4),
        ("negatives/near/owns/1", 2),
        ("negatives/near/rows_to/0", 4),
        ("negatives/near/rows_to/1", 2),
        ("negatives/co_occurrence/any/0", 3),
    ]


def test_all_are_examples_of_the_negative_label_that_keep_what_they_come_near():
    exchanges, _ = asked(negatives())
    candidates = {exchange.unit: exchange.candidates[0] for exchange in exchanges}
    assert {candidate.label for candidate in candidates.values()} == {"none"}
    assert [candidate.fields.get("near") for candidate in candidates.values()] == ["owns", "rows_to", None]
    assert candidates[UNITS[2]].fields["kind"] == "co_occurrence"


def test_a_near_miss_is_asked_for_with_seeds_of_its_label_and_what_occurs_together_with_seeds_of_the_negative_one():
    _, requests = asked(negatives())
    seeds = {label: {TASK.show(seed) for seed in SEEDS if seed.label == label} for label in SCHEMA.labels}
    assert [set(shown(requests[unit])) for unit in UNITS] == [seeds["owns"], seeds["rows_to"], seeds["none"]]


def test_where_the_negative_label_has_no_seeds_others_show_the_language():
    _, requests = asked(negatives(seeds=SEEDS[:10], demonstrations=7))
    assert set(shown(requests[UNITS[2]])) == set(map(TASK.show, SEEDS[:7]))


def test_the_kinds_are_spread_over_each_response_and_not_over_requests():
    exchanges, _ = asked(negatives())
    prompts = {exchange.unit: [] for exchange in exchanges}
    for exchange in exchanges:
        prompts[exchange.unit].append(exchange.request.messages[-1].content)
    near = [*prompts["near/owns"], *prompts["near/rows_to"]]
    assert all("- denied: " in prompt and "- planned: " in prompt for prompt in near)
    assert "- denied: " not in prompts[UNITS[2]][0]


def test_near_misses_are_written_by_the_adapter_that_writes_of_their_label(tmp_path):
    by_label = {"owns": "even", "rows_to": "odd"}
    (tmp_path / ADAPTERS).write_text(Adapters(by_label=by_label).model_dump_json(), encoding="utf-8")
    _, requests = asked(negatives(LLM(**PARAMS["llms"]["teacher"] | {"adapters": str(tmp_path)})))
    assert [requests[unit].adapter for unit in UNITS[:2]] == ["even", "odd"]


def test_the_estimate_is_what_a_run_asks_that_rejects_nothing():
    chosen, engine = negatives(), Scripted(good)
    written(engine, chosen)
    estimate = CostEstimate.of(asyncio.run(rehearse(chosen, targets(chosen))))
    assert estimate.requests == len(engine.requests)
    assert estimate.prompt_tokens == sum(map(estimated_tokens, engine.requests))


# What does not fit


def read(task: Task = TASK, schema: Any = SCHEMA, **changes: Any) -> Method:
    methods = {"negatives": PARAMS["methods"]["negatives"] | changes}
    return read_method(Params(PARAMS | {"methods": methods}), "negatives", task, schema, [])


@pytest.mark.parametrize("kinds", [[], ["denied", "co_occurrence"]])
def test_the_kinds_are_those_of_near_misses(kinds):
    with pytest.raises(UserError, match=r"methods\.negatives\.negatives: it lists the kinds of near-misses, at least"):
        read(negatives=kinds)


def test_a_schema_without_a_negative_label_is_an_error_with_two_cures():
    schema = Schema(relations=SCHEMA.relations[:2])
    with pytest.raises(UserError, match=r'schema has none: mark the label .* with `"negative": true`, or leave the me'):
        targets(negatives(seeds=SEEDS[:10], schema=schema))


def test_a_task_whose_negatives_have_no_kinds_is_an_error():
    task = load_task("yes_no")
    with pytest.raises(UserError, match="negatives has 'denied', the task yes_no knows none"):
        read(task, task.fixed_schema)


def test_kinds_that_a_relation_cannot_have_are_an_error_where_there_is_no_other():
    chosen = negatives(seeds=boats.SEEDS, schema=boats.SCHEMA, negatives=["inverse"])
    with pytest.raises(UserError, match="asks for inverse alone, which owner_of cannot be by its types or its symmet"):
        asyncio.run(rehearse(chosen, targets(chosen)))


@pytest.mark.parametrize("name", ["negatives", "passages"])
def test_an_llm_that_takes_no_instructions_is_an_error(name):
    llm = LLM(**PARAMS["llms"]["untuned"])
    chosen = negatives(llm) if name == "negatives" else method(name, llm, negatives=[])
    with pytest.raises(UserError, match=f"the loop {name} needs an LLM whose form is chat, not continuation"):
        asyncio.run(rehearse(chosen, targets(chosen)))
