"""Methods and their loops: what is asked for, in which order, and when it is enough."""

import asyncio
import json
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from relseed.generation.exchanges import Exchange
from relseed.generation.method import read_method
from relseed.generation.runner import CostEstimate
from relseed.generation.writing import rehearse
from relseed.llm.client import estimated_tokens
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.tasks.relation import TASK
from relseed.tasks.relation.tags import tagged
from tests.methods import (
    LABELS,
    PARAMS,
    SCHEMA,
    SEEDS,
    TEACHER,
    good,
    in_turn,
    label,
    method,
    mixed,
    rule_filter,
    shown,
    size,
    targets,
    text_of,
    written,
)
from tests.scripted import Scripted

both_loops = pytest.mark.parametrize("name", ["all_at_once", "one_by_one"])


@pytest.mark.parametrize(
    ("name", "accepted", "sizes"),
    [
        ("all_at_once", [4, 2], [4, 2]),
        ("all_at_once", [3, 0, 2, 1], [4, 2, 3, 1]),
        ("all_at_once", [9, 9], [4, 2]),
        ("one_by_one", [1, 0, 1, 1, 0, 1, 1, 1], [1] * 8),
    ],
)
def test_what_is_missing_is_asked_for_until_enough_are_accepted(name, accepted, sizes):
    engine = Scripted(in_turn(*accepted))
    written(engine, method(name), "owns")
    assert list(map(size, engine.requests)) == sizes


@both_loops
@pytest.mark.parametrize(("factor", "most"), [(1, 4), (1.5, 6)])
def test_a_label_stays_short_once_as_many_were_asked_for_as_may_be(name, factor, most):
    engine = Scripted(lambda request: mixed(request, 0))
    written(engine, method(name, per_label=4, max_request_factor=factor), "owns")
    assert sum(map(size, engine.requests)) == most


values = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
pieces = st.lists(st.sampled_from(["<e1>", "</e1>", "<e2>", "</e2>", " Sula ", "row", '"']), max_size=12)
garbage = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"])),
    values.map(lambda samples: json.dumps({"samples": samples})),
    pieces.map(lambda parts: text_of("".join(parts))),
)


@both_loops
@settings(max_examples=6)
@given(texts=st.lists(garbage, min_size=4, max_size=4))
@example(texts=[text_of("<<e1>e1</e1>> went to <e2>Sula</e2> in May")] * 4)
def test_whatever_is_answered_the_writing_ends_and_keeps_every_response(name, texts):
    engine = Scripted(lambda _: texts[len(engine.requests) % 4])
    changes = {"per_request": 1} if name == "all_at_once" else {}
    exchanges = written(engine, method(name, per_label=2, **changes), "owns")
    assert sum(map(size, engine.requests)) <= 4
    assert all(exchange.candidates for exchange in exchanges)
    assert [exchange.request for exchange in exchanges] == engine.requests


# What is shown


def test_all_at_once_shows_the_seeds_of_the_label_in_an_order_of_each_request_s_own():
    engine = Scripted(good)
    written(engine, method("all_at_once", per_request=1), "owns")
    assert {frozenset(shown(request)) for request in engine.requests} == {frozenset(map(tagged, SEEDS[:5]))}
    assert len({tuple(shown(request)) for request in engine.requests}) > 3


def test_the_orders_are_the_same_on_every_run_and_change_with_the_random_seed():
    engines = [Scripted(good) for _ in range(3)]
    for engine, seed in zip(engines, (1, 1, 2), strict=True):
        written(engine, method("all_at_once", llm=TEACHER.model_copy(update={"seed": seed})), "owns")
    first, again, other = (list(map(shown, engine.requests)) for engine in engines)
    assert first == again != other


def test_a_method_that_is_seeded_as_another_has_its_orders_and_the_random_seeds_of_its_requests():
    engines = [Scripted(good) for _ in range(3)]
    methods = [method("all_at_once"), method("all_at_once_plain"), method("all_at_once_plain", seeded_as=None)]
    for engine, chosen in zip(engines, methods, strict=True):
        written(engine, chosen, "owns")
    first, same, other = ([(shown(request), request.seed) for request in engine.requests] for engine in engines)
    assert first == same != other


@both_loops
def test_no_more_seeds_are_shown_than_allowed(name):
    engine = Scripted(good)
    written(engine, method(name, demonstrations=2), "rows_to")
    assert set(shown(engine.requests[0])) == {tagged(seed) for seed in SEEDS[5:7]}


def test_one_by_one_shows_the_seeds_and_all_that_was_accepted_so_far_and_nothing_rejected():
    engine = Scripted(in_turn(1, 0, 0, 1, 1, 0, 1, 1, 0, 1))
    exchanges = written(engine, method("one_by_one"), "owns")
    rules = rule_filter()
    assert shown(engine.requests[0]) == [*map(tagged, SEEDS[:5])]
    for exchange, (before, after) in zip(exchanges, pairwise(engine.requests), strict=False):
        accepted, _ = rules.apply_all(exchange.candidates)
        assert shown(after) == [*shown(before), *map(tagged, accepted)]
    assert len(shown(engine.requests[-1])) == 10


@both_loops
def test_a_seed_that_holds_a_tag_is_an_error_that_names_it(name):
    bad = SEEDS[0].model_copy(update={"id": "boats-7", "text": "Marit owns Sula </e1> still"})
    with pytest.raises(UserError, match="example boats-7 cannot be shown to an LLM: the text itself holds </e1>"):
        written(Scripted(good), method(name, seeds=[bad]))


def test_types_that_only_seeds_have_may_be_used_where_a_relation_names_none():
    seeds = [seed.model_copy(update={"tail": seed.tail.model_copy(update={"type": "BOAT"})}) for seed in SEEDS]
    engine = Scripted(good)
    written(engine, method("one_by_one", seeds=seeds), "owns")
    sample = engine.requests[0].response_schema["properties"]["samples"]["items"]
    assert sample["properties"]["tail_type"] == {"enum": ["BOAT"]}


# Labels


@pytest.mark.parametrize(("name", "in_flight"), [("all_at_once", 3), ("one_by_one", 1)])
def test_labels_are_written_side_by_side_and_one_by_one_waits_for_each_response(name, in_flight):
    engine = Scripted(good, turns=lambda _: 3)
    changes = {"per_request": 1} if name == "all_at_once" else {}
    written(engine, method(name, per_label=3, **changes))
    assert Counter(map(label, engine.most_in_flight)) == dict.fromkeys(LABELS, in_flight)


@both_loops
def test_the_exchanges_do_not_depend_on_the_order_in_which_responses_arrive(name):
    def run(turns) -> list[Exchange]:
        engine = Scripted(lambda request: mixed(request, request.seed % (size(request) + 1)), turns)
        changes = {"per_request": 2} if name == "all_at_once" else {}
        return written(engine, method(name, per_label=3, **changes), *LABELS[:2])

    exchanges = run(lambda request: request.seed % 7)
    assert exchanges == run(lambda request: 7 - request.seed % 7)
    counts = Counter(exchange.unit for exchange in exchanges)
    ids = [f"{name}/{label}/{number}" for label in LABELS[:2] for number in range(counts[label])]
    assert [exchange.id for exchange in exchanges] == ids


def test_an_exchange_knows_the_unit_that_it_was_asked_for_though_its_name_has_slashes():
    exchange = Exchange(id="negatives/near/owns/0", request=None, response=None)
    assert exchange.unit == "near/owns"


def test_exchanges_hold_no_seconds():
    exchanges = written(Scripted(good), method("all_at_once"), "owns")
    assert {exchange.response.seconds for exchange in exchanges} == {None}


def test_the_kinds_of_examples_of_the_negative_label_take_turns():
    engine = Scripted(good)
    written(engine, method("one_by_one"), "none")
    together, close = "The two mentions occur together", "It comes close to one of the relations"
    prompts = [request.messages[-1].content for request in engine.requests]
    assert [[words for words in (together, close) if words in prompt] for prompt in prompts] == [
        [together],
        [close],
    ] * 3


@pytest.mark.parametrize(("negatives", "labels"), [(["hard"], {*LABELS}), ([], {*LABELS[:2]})])
def test_the_negative_label_is_asked_for_only_where_it_is_wanted(negatives, labels):
    engine = Scripted(good)
    written(engine, method("one_by_one", negatives=negatives))
    assert set(map(label, engine.requests)) == labels


def test_a_label_without_seeds_is_skipped_and_said(capsys):
    engine = Scripted(good)
    written(engine, method("one_by_one"), *LABELS[:2])
    assert set(map(label, engine.requests)) == {*LABELS[:2]}
    assert "skipped none: it has no seeds to show" in capsys.readouterr().out


def test_a_method_none_of_whose_labels_has_seeds_is_an_error():
    engine = Scripted(good)
    with pytest.raises(UserError, match="the method one_by_one has nothing to write: none of its labels has seeds"):
        written(engine, method("one_by_one", negatives=[]), "none")


# The estimate


@both_loops
@pytest.mark.parametrize("asked_for", ["owns", "none"])
def test_the_estimate_is_what_a_run_asks_that_rejects_nothing(name, asked_for):
    engine = Scripted(good)
    written(engine, method(name), asked_for)
    estimate = CostEstimate.of(asyncio.run(rehearse(method(name), targets(method(name), asked_for))))
    about = 0 if name == "all_at_once" else 0.02  # the length of what will be written is not known
    assert estimate.requests == len(engine.requests)
    assert estimate.prompt_tokens == pytest.approx(sum(map(estimated_tokens, engine.requests)), rel=about)
    assert estimate.completion_tokens == sum(request.max_tokens for request in engine.requests)


# Entries of params.yaml


def read(name: str, **changes: object):
    methods = {name: PARAMS["methods"].get(name, PARAMS["methods"]["one_by_one"]) | changes}
    return read_method(Params(PARAMS | {"methods": methods}), name, TASK, SCHEMA, SEEDS)


def test_a_method_is_found_by_its_name_with_its_llm():
    found = read("untuned")
    assert (found.name, found.llm.model, found.settings.per_label) == ("untuned", "models/lm/base", 8)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"loop": "two_by_two"}, "no loop of a method 'two_by_two': there are all_at_once, negatives, one_by_one, "),
        ({"llm": "scribe"}, "llms has no entry 'scribe', it has teacher, untuned, tuned"),
        ({"negatives": ["soft"]}, "negatives has 'soft', the task relation knows co_occurrence, hard"),
        ({"per_request": 3}, "methods.one_by_one.per_request: Extra inputs are not permitted"),
        ({"max_request_factor": 0.5}, "methods.one_by_one.max_request_factor: .* greater than or equal to 1"),
        ({"llm": "none"}, "methods.one_by_one.llm is none: the loop one_by_one asks an LLM, and this entry is null"),
    ],
)
def test_an_entry_that_does_not_fit_is_an_error_that_says_where(changes, says):
    with pytest.raises(UserError, match=says):
        read("one_by_one", **changes)


def test_a_method_that_params_do_not_have_is_an_error_that_lists_those_that_they_have():
    with pytest.raises(UserError, match="methods has no entry 'two_by_two', it has all_at_once"):
        read_method(Params(PARAMS), "two_by_two", TASK, SCHEMA, SEEDS)
