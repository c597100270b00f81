"""The loop self_reference: which example is shown next, how many are asked for, and with which answers."""

import json
import re
from typing import Any

import numpy as np
import pytest

from relseed.generation.exchanges import Exchange, generations
from relseed.generation.method import Method, loop_of
from relseed.generation.units import targets_of
from relseed.llm.request import Request, RequestFailedError
from relseed.methods.self_reference import Settings, targets
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.quality import embeddings
from relseed.tasks.relation import TASK, Schema
from tests.methods import PARAMS, SCHEMA, SEEDS, TEACHER, new, rule_filter, run, written
from tests.scripted import Scripted

ALIKE = ("owner_of", "Owner of", "rows_to")
ENTRY = {
    "loop": "self_reference",
    "llm": "teacher",
    "reads": "data/recorded/creator.jsonl",
    "about": "data/dataset/labels.jsonl",
    "per_label": 4,
    "max_request_factor": 3.0,
    "choose": "tree",
    "among": "response",
    "per_request": 2,
    "first": [1],
    "balanced": False,
    "names": "plain",
    "definitions": True,
    "negatives": ["co_occurrence"],
    "max_tokens_per_example": 40,
}


def method(seeds: Any = SEEDS, **changes: Any) -> Method:
    return Method("grown", Settings(**ENTRY | changes), TEACHER, TASK, SCHEMA, rule_filter(seeds))


def formatted(request: Request) -> dict[str, Any]:
    """The example that a request shows, as JSON."""
    return json.loads(request.messages[-1].content)


def sentence(request: Request) -> str:
    return formatted(request)["samples"][0]["sentence"]


def wanted(request: Request) -> int:
    return request.response_schema["properties"]["samples"]["minItems"]


def answer(request: Request, *answers: str) -> str:
    """New sentences that have these answers in turn, or those that are asked for."""
    asked = re.search(r"in this order: (.*)\.$|Its answer is (.*)\.$", request.messages[0].content, re.MULTILINE)
    named = json.loads(f"[{asked[1] or asked[2]}]") if asked else [(answers or ("owns", "rows to", "none"))[0]]
    sentences = new(request, wanted(request))
    samples = [{"answer": named[n % len(named)], "sentence": text} for n, text in enumerate(sentences)]
    return json.dumps({"options": ["owns", "rows to", "none"], "samples": samples})


def in_order(request: Request) -> list[str]:
    """The answers that a request asks for."""
    [named] = re.findall(r"in this order: (.*)\.$", request.messages[0].content, re.MULTILINE)
    return json.loads(f"[{named}]")


def accepted(exchange: Exchange) -> list[str]:
    return [candidate.text for candidate in exchange.candidates if candidate.problem is None]


def test_every_strategy_ends_with_exactly_as_many_as_wanted(monkeypatch):
    monkeypatch.setattr(embeddings, "embed", lambda texts: np.eye(len(texts)))
    for choose in ("naive", "random", "contrastive", "similar", "tree"):
        exchanges = written(Scripted(answer), method(choose=choose, per_label=3, per_request=2))
        assert sum(len(accepted(exchange)) for exchange in exchanges) == 9, choose


def test_naive_shows_the_first_example_alone_in_requests_that_are_sent_at_the_same_time():
    engine = Scripted(answer)
    run(engine, method(choose="naive"))
    assert {sentence(request) for request in engine.requests} == {TASK.show(SEEDS[0])}
    assert len(engine.most_in_flight) == 6


def test_a_tree_shows_every_accepted_example_once_level_by_level():
    engine = Scripted(answer)
    exchanges = written(engine, method(per_label=5))
    texts = [text for exchange in exchanges for text in accepted(exchange)]
    assert [sentence(request) for request in engine.requests] == [
        TASK.show(SEEDS[0]),
        *texts[: len(engine.requests) - 1],
    ]


def test_the_requests_of_a_level_of_a_tree_are_sent_at_the_same_time():
    engine = Scripted(answer)
    run(engine, method(per_label=5))
    assert len(engine.most_in_flight) == 4


def test_a_level_of_which_nothing_is_accepted_is_shown_once_more():
    left = iter([False, True])
    engine = Scripted(lambda request: answer(request) if next(left, True) else "nothing")
    run(engine, method(per_label=1, per_request=3))
    assert [sentence(request) for request in engine.requests] == [TASK.show(SEEDS[0])] * 2


def test_a_level_that_covers_what_is_missing_is_gone_on_with_before_the_next():
    """Of the second level one example is needed; what it lacks comes after the other, not after its own."""
    answers = iter(["2", "0", "1"])
    engine = Scripted(lambda request: answer(request) if next(answers) != "0" else "nothing")
    exchanges = written(engine, method(per_label=1, per_request=2, max_request_factor=9.0))
    first, second = accepted(exchanges[0])
    assert [sentence(request) for request in engine.requests] == [TASK.show(SEEDS[0]), first, second]


@pytest.mark.parametrize(("choose", "shown"), [("contrastive", 0), ("similar", 1)])
def test_the_next_is_the_least_or_the_most_similar_of_the_last_response(choose, shown, monkeypatch):
    vectors = np.array([[1.0, 0.0], [0.0, 1.0], [0.8, 0.6]])
    monkeypatch.setattr(embeddings, "embed", lambda texts: vectors[: len(texts)])
    engine = Scripted(answer)
    exchanges = written(engine, method(choose=choose))
    batches = list(map(accepted, exchanges))
    assert [sentence(request) for request in engine.requests[1:]] == [batch[shown] for batch in batches[:-1]]


def test_similarity_is_that_of_sentences_with_their_mentions_masked(monkeypatch):
    seen: list[str] = []
    monkeypatch.setattr(embeddings, "embed", lambda texts: seen.extend(texts) or np.eye(len(texts)))
    run(Scripted(answer), method(choose="similar"))
    assert all(text.startswith("[MASK]") for text in seen)


def test_among_all_means_that_earlier_responses_are_chosen_from_too(monkeypatch):
    sizes: list[int] = []
    monkeypatch.setattr(embeddings, "embed", lambda texts: sizes.append(len(texts) - 1) or np.eye(len(texts)))
    run(Scripted(answer), method(choose="similar", among="all"))
    assert sizes[-5:] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("choose", ["random", "contrastive", "similar"])
def test_among_all_no_example_is_shown_twice(choose, monkeypatch):
    monkeypatch.setattr(embeddings, "embed", _by_letters)
    engine = Scripted(answer)
    run(engine, method(choose=choose, among="all", per_label=8))
    shown = list(map(sentence, engine.requests))
    assert len(set(shown)) == len(shown) == 12


def _by_letters(texts: list[str]) -> np.ndarray:
    counts = np.array([[text.count(letter) for letter in "0123456789abcdef"] for text in texts]) + 0.1
    return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def test_a_response_of_which_nothing_is_accepted_changes_nothing_in_a_chain():
    left = iter([True, False, True])
    engine = Scripted(lambda request: answer(request) if next(left, True) else "nothing")
    run(engine, method(choose="random"))
    assert sentence(engine.requests[1]) == sentence(engine.requests[2])


def test_a_chain_is_the_same_every_time():
    first, second = Scripted(answer), Scripted(answer)
    run(first, method(choose="random"))
    run(second, method(choose="random"))
    assert [request.key for request in first.requests] == [request.key for request in second.requests]


def test_no_more_are_asked_for_than_the_bound_allows():
    engine = Scripted(lambda request: "nothing")
    run(engine, method(per_label=2, max_request_factor=2.0))
    assert sum(map(wanted, engine.requests)) == 12


def test_the_rarest_labels_are_asked_for_next():
    engine = Scripted(answer)
    exchanges = written(engine, method(balanced=True, per_label=2))
    asked = [
        re.findall(r'"([^"]+)"', request.messages[0].content.split("in this order: ")[1].split("\n")[0])
        for request in engine.requests
    ]
    assert asked == [["owns", "rows to"], ["none", "owns"], ["rows to", "none"]]
    labels = [candidate.label for exchange in exchanges for candidate in exchange.candidates]
    assert labels == ["owns", "rows_to", "none", "owns", "rows_to", "none"]


def test_answers_that_are_asked_for_are_demanded_of_each_sample_in_turn():
    engine = Scripted(answer)
    run(engine, method(balanced=True, per_label=1, per_request=3))
    samples = engine.requests[0].response_schema["properties"]["samples"]["prefixItems"]
    assert [sample["properties"]["answer"]["enum"] for sample in samples] == [["owns"], ["rows to"], ["none"]]


def test_without_balance_answers_are_to_be_different_where_there_are_enough_labels():
    engine = Scripted(answer)
    run(engine, method(per_request=3))
    assert "They must all have different answers." in engine.requests[0].messages[0].content
    engine = Scripted(answer)
    run(engine, method(per_request=4))
    assert "as far as the options allow" in engine.requests[0].messages[0].content


def test_the_negative_label_is_no_option_where_it_is_not_wanted():
    engine = Scripted(answer)
    run(engine, method(negatives=[], per_label=20))  # more requests than seeds, one of which has that label
    assert formatted(engine.requests[0])["options"] == ["owns", "rows to"]


def test_labels_can_be_shown_as_codes_that_say_nothing():
    engine = Scripted(lambda request: json.dumps({"samples": [{"answer": "R02", "sentence": new(request, 1)[0]}]}))
    exchanges = written(engine, method(names="codes", definitions=False, per_label=1))
    assert formatted(engine.requests[0])["options"] == ["R01", "R02", "R03"]
    assert "rows to" not in engine.requests[0].messages[0].content
    assert {candidate.label for exchange in exchanges for candidate in exchange.candidates} == {"rows_to"}


def test_permuted_names_are_read_back_as_the_labels_that_they_stand_for():
    engine = Scripted(lambda request: json.dumps({"samples": [{"answer": "owns", "sentence": new(request, 1)[0]}]}))
    exchanges = written(engine, method(names="permuted", per_label=1))
    assert {candidate.label for exchange in exchanges for candidate in exchange.candidates} == {"rows_to"}


def test_the_seed_that_is_shown_first_is_a_setting():
    engine = Scripted(answer)
    run(engine, method(first=[7]))
    assert sentence(engine.requests[0]) == TASK.show(SEEDS[6])


def test_several_seeds_can_be_shown_first_each_of_which_grows_by_itself():
    engine = Scripted(answer)
    exchanges = written(engine, method(first=[1, 7], per_label=1))
    assert {exchange.unit for exchange in exchanges} == {f"from/{SEEDS[0].id}", f"from/{SEEDS[6].id}"}
    assert sum(len(accepted(exchange)) for exchange in exchanges) == 6


def test_what_was_shown_is_kept_with_what_was_written_after_it():
    exchanges = written(Scripted(answer), method(per_label=3))
    ids = [candidate.id for exchange in exchanges for candidate in exchange.candidates]
    assert [exchange.after for exchange in exchanges] == [SEEDS[0].id, *ids[: len(exchanges) - 1]]
    assert list(generations(exchanges).values()) == [1, 1, 2, 2, 2, 2, 3, 3, 3]


def test_there_must_be_as_many_seeds():
    chosen = method(first=[99])
    with pytest.raises(UserError, match=r"methods\.grown\.first has 99, and there are 15 seeds"):
        targets_of(chosen, loop_of(Params(PARAMS | {"methods": {"grown": ENTRY}}), "grown"))


def test_a_seed_of_a_label_that_is_not_written_is_not_shown_first():
    chosen = method(first=[15], negatives=[])
    with pytest.raises(UserError, match=r"methods\.grown\.first has the seed .* of the negative label, which is not"):
        targets_of(chosen, loop_of(Params(PARAMS | {"methods": {"grown": ENTRY}}), "grown"))


def test_labels_that_an_answer_could_not_tell_apart_are_an_error_unless_they_are_shown_as_codes():
    schema = Schema.model_validate({"relations": [{"relation": name, "definition": "is so"} for name in ALIKE]})
    seeds = [seed.model_copy(update={"relation": "owner_of"}) for seed in SEEDS]
    settings = [Settings(**ENTRY | {"names": names, "negatives": []}) for names in ("plain", "codes")]
    plain, coded = (Method("grown", each, TEACHER, TASK, schema, rule_filter(seeds, schema)) for each in settings)
    with pytest.raises(UserError, match=r"would show the labels owner_of and Owner of alike, as 'owner of'"):
        targets(plain)
    assert len(targets(coded)) == 1


def test_an_llm_that_goes_on_with_a_text_cannot_be_asked():
    llm = TEACHER.model_copy(update={"form": "continuation", "prompt_characters": 900})
    chosen = Method("grown", Settings(**ENTRY), llm, TASK, SCHEMA, rule_filter())
    with pytest.raises(UserError, match="the loop self_reference needs an LLM whose form is chat"):
        run(Scripted(answer), chosen)


def test_one_bad_sample_never_costs_the_others():
    def spoilt(request: Request) -> str:
        response = json.loads(answer(request))
        response["samples"][0] = {"answer": "sinks", "sentence": 3}
        return json.dumps(response)

    exchanges = written(Scripted(spoilt), method(per_label=2, per_request=3, max_request_factor=9.0))
    assert all(len(accepted(exchange)) == len(exchange.candidates) - 1 for exchange in exchanges)


def test_a_response_with_other_options_is_rejected_with_the_reason():
    exchanges = written(
        Scripted(lambda request: answer(request).replace('"rows to", "none"]', '"rows to"]')),
        method(per_label=1, max_request_factor=1.0),
    )
    problems = [candidate.problem for exchange in exchanges for candidate in exchange.candidates]
    assert problems
    assert all("other options" in str(problem) for problem in problems)


def test_samples_beyond_those_asked_for_are_rejected():
    exchanges = written(
        Scripted(lambda request: answer(request).replace('"samples": [', '"samples": [{"answer": "owns"}, ')),
        method(per_label=1, per_request=3, max_request_factor=1.0),
    )
    problems = [candidate.problem for exchange in exchanges for candidate in exchange.candidates]
    assert "sample 4 of a response that was to hold 3" in problems


def test_a_response_that_fails_stops_the_method_with_the_others_kept():
    with pytest.raises(UserError, match="not every request was answered"):
        run(Scripted(lambda request: RequestFailedError("timeout", "no answer")), method())
