"""The runner under all loops: what it says before, and what becomes of refusals, failures and a spent budget."""

import asyncio
import weakref
from collections import Counter

import pytest

from relseed.generation import runner, writing
from relseed.generation.runner import CostEstimate
from relseed.generation.usage import rejection_table, usage_of
from relseed.generation.writing import rehearse, write
from relseed.llm.cache import Cache
from relseed.llm.client import Client
from relseed.llm.prices import Prices
from relseed.llm.request import RequestFailedError
from relseed.pipeline.errors import UserError
from relseed.quality.rules import RuleFilter
from tests.methods import BAD, LABELS, SETTINGS, good, label, method, run, targets, text_of, written
from tests.scripted import FREE, UNLIMITED, Scripted

REFUSED = RequestFailedError("refused", "not that")
both_loops = pytest.mark.parametrize("name", ["all_at_once", "one_by_one"])


# What it will take, and what it took


def test_the_estimate_is_said_before_anything_is_asked(capsys):
    said: list[str] = []

    def listening(request) -> str:
        said.append(capsys.readouterr().out)
        return good(request)

    written(Scripted(listening), method("one_by_one"), "owns")
    assert said[0].splitlines()[-1].startswith("6 requests to the engine 'scripted': prompts of about ")


def test_an_estimate_says_what_it_costs_where_there_are_prices():
    estimate = CostEstimate(requests=1200, prompt_tokens=2_000_000, completion_tokens=100_000)
    assert estimate.describe("openai", Prices(prompt=1, response=10)) == (
        "1,200 requests to the engine 'openai': prompts of about 2,000,000 tokens, responses of at most 100,000, "
        "a cost of about 3.00, if nothing is rejected"
    )
    assert "no prices are set" in estimate.describe("openai", FREE)


def test_tokens_and_money_are_summed_over_the_responses():
    exchanges = written(Scripted(good, prompt_tokens=10, completion_tokens=5), method("one_by_one"), "owns")
    usage = usage_of(exchanges, Prices(prompt=100, response=1000))
    assert (usage.prompt_tokens, usage.completion_tokens) == (60, 30)
    assert usage.cost == pytest.approx(0.036)
    assert usage_of(exchanges, FREE).cost is None


def test_how_many_responses_were_cut_off_is_said_with_a_cure(capsys):
    cut = Scripted(lambda asked: good(asked)[:-9], finish="length")
    written(cut, method("all_at_once"), "owns")
    assert f"note: {len(cut.requests)} of {len(cut.requests)} responses were cut off: raise" in capsys.readouterr().out


def test_rejections_are_counted_by_rule_the_most_frequent_first_and_then_what_was_accepted():
    assert rejection_table({"copy": 1, "length": 2}, 5) == [
        "length        2   25.0%",
        "copy          1   12.5%",
        "accepted      5   62.5%",
    ]


def test_what_the_rules_reject_on_the_way_is_counted_by_rule():
    found = run(Scripted(lambda _: text_of(BAD)), method("one_by_one"), "owns")
    assert found.rejected == {"length": found.candidates}
    assert found.candidates == len(list(found.exchanges)) > 0


# Refusals


@both_loops
def test_a_refused_request_is_an_exchange_with_its_refusal_and_the_writing_goes_on(name):
    engine = Scripted(lambda request: REFUSED if request is engine.requests[0] else good(request))
    exchanges = written(engine, method(name), "owns")
    assert (exchanges[0].response, exchanges[0].refusal, exchanges[0].candidates) == (None, "refused: not that", ())
    assert sum(len(exchange.candidates) for exchange in exchanges) == SETTINGS["per_label"]


@both_loops
def test_where_everything_is_refused_the_run_fails_and_says_why(name):
    with pytest.raises(UserError, match=r"requests were refused, the first with: refused: not that\. No other was"):
        written(Scripted(lambda _: REFUSED), method(name), "owns")


def test_some_refusals_are_said_and_the_run_goes_on(capsys):
    engine = Scripted(lambda request: REFUSED if label(request) == "owns" else good(request))
    written(engine, method("one_by_one"))
    assert "12 requests were refused, the first with: refused: not that" in capsys.readouterr().out


# What stops a run


@pytest.mark.parametrize(("name", "tried", "whole"), [("all_at_once", 2, 2), ("one_by_one", 1, 6)])
def test_failed_requests_stop_their_labels_and_the_others_run_to_their_end(name, tried, whole):
    failures = {"owns": RequestFailedError("timeout", "nothing came"), "none": RequestFailedError("connection", "cut")}
    engine = Scripted(lambda request: failures.get(label(request)) or good(request))
    with pytest.raises(
        UserError, match=rf"timeout \({tried}\), connection \({tried}\)\. {whole} new responses are kept"
    ):
        written(engine, method(name))
    assert Counter(map(label, engine.requests)) == {"owns": tried, "rows_to": whole, "none": tried}


def test_what_stopped_a_run_is_told_with_the_first_message_of_each_reason():
    cut = RequestFailedError("connection", "http://localhost:8000/v1: refused")
    with pytest.raises(UserError) as caught:
        written(Scripted(lambda _: cut), method("one_by_one"), "owns")
    assert str(caught.value).endswith("\n  connection: connection: http://localhost:8000/v1: refused")


def test_a_spent_budget_says_what_is_kept_and_a_larger_one_resumes_from_there(tmp_path):
    cache, first, second = Cache(tmp_path / "cache.db"), Scripted(good), Scripted(good)
    chosen = method("one_by_one")
    estimate = CostEstimate.of(asyncio.run(rehearse(chosen, targets(chosen, "owns"))))
    enough_for_some = UNLIMITED.model_copy(update={"tokens": estimate.prompt_tokens // 6 + 50})
    with pytest.raises(UserError, match=r"budget: .* tokens are spent") as caught:
        written(first, chosen, "owns", client=Client(first, cache, enough_for_some, FREE))
    assert 0 < len(first.requests) < SETTINGS["per_label"]
    assert f"{len(first.requests)} new responses are kept, 0 were there before. Run the stage again" in str(
        caught.value
    )
    written(second, chosen, "owns", client=Client(second, cache, UNLIMITED, FREE))
    assert len(first.requests) + len(second.requests) == SETTINGS["per_label"]


@both_loops
@pytest.mark.parametrize("wrong", [UserError("no credit"), RuntimeError("a defect")], ids=repr)
def test_after_an_error_that_a_person_must_mend_nothing_more_is_asked_and_what_is_in_flight_is_kept(
    name, wrong, tmp_path
):
    engine = Scripted(
        lambda request: wrong if label(request) == "owns" else good(request),
        turns=lambda request: 2 if label(request) == "owns" else 200,
    )
    client = Client(engine, Cache(tmp_path / "cache.db"), UNLIMITED, FREE)
    with pytest.raises(type(wrong), match=str(wrong)):
        written(engine, method(name), client=client)
    others = [request for request in engine.requests if label(request) != "owns"]
    assert len(others) == len(engine.most_in_flight) - sum(label(each) == "owns" for each in engine.most_in_flight)
    assert len(client.cache) == len(others) > 1


@both_loops
def test_an_interrupted_run_asks_nothing_more_and_keeps_what_is_in_flight(name, tmp_path):
    engine = Scripted(good, turns=lambda _: 50)
    client, chosen = Client(engine, Cache(tmp_path / "cache.db"), UNLIMITED, FREE), method(name)

    async def interrupt() -> None:
        task = asyncio.create_task(write(chosen, client, targets(chosen)))
        while not engine.in_flight:
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupt())
    assert len(client.cache) == len(engine.requests) == len(engine.most_in_flight)


# Refusals in words


@both_loops
def test_a_response_that_is_a_refusal_is_rejected_by_a_rule_of_its_own_with_the_words_of_the_model(name):
    class Polite(Scripted):
        async def complete(self, request):
            response = await super().complete(request)
            return response.model_copy(update={"text": "", "refusal": "I would rather not."})

    found = run(Polite(good), method(name), "owns")
    exchanges = list(found.exchanges)
    assert found.rejected == {"refused": len(exchanges)}
    assert [[candidate.problem for candidate in each.candidates] for each in exchanges] == [
        ["I would rather not."] for _ in exchanges
    ]
    assert all(exchange.response.refusal == "I would rather not." for exchange in exchanges)


def test_a_text_that_a_filter_cut_is_no_example():
    class Filtered(Scripted):
        async def complete(self, request):
            return (await super().complete(request)).model_copy(update={"refusal": "a content filter"})

    found = run(Filtered(good), method("all_at_once"), "owns")
    assert set(found.rejected) == {"refused"}
    assert all(len(exchange.candidates) == 1 for exchange in found.exchanges)


def test_the_bar_says_what_is_waited_for(monkeypatch, capsys):
    monkeypatch.setattr(runner, "_SECONDS_UNTIL_TOLD", 0.02)

    class Silent(Scripted):
        async def complete(self, request):
            await asyncio.sleep(0.2)
            return await super().complete(request)

        def waiting(self) -> str:
            return "nothing answered for 40 s"

    written(Silent(good), method("all_at_once"), "owns")
    assert "nothing answered for 40 s" in capsys.readouterr().err


def test_units_beyond_those_that_are_written_side_by_side_wait_and_the_exchanges_are_the_same(monkeypatch):
    every, few = Scripted(good), Scripted(good)
    exchanges = written(every, method("one_by_one"))
    monkeypatch.setattr(writing, "_SIDE_BY_SIDE", 2)
    assert written(few, method("one_by_one")) == exchanges
    assert (len(every.most_in_flight), len(few.most_in_flight)) == (len(LABELS), 2)


def test_what_a_unit_accepted_is_known_from_its_first_response_to_its_end_alone(monkeypatch):
    known = weakref.WeakSet()
    fresh = RuleFilter.with_nothing_accepted
    counts = []

    def remembering(rules: RuleFilter) -> RuleFilter:
        known.add(found := fresh(rules))
        return found

    def counting(request) -> str:
        counts.append(len(known))
        return good(request)

    monkeypatch.setattr(RuleFilter, "with_nothing_accepted", remembering)
    turns = dict(zip(LABELS, (1, 100, 2000), strict=True))  # each label is done before the next has a response
    engine = Scripted(counting, turns=lambda request: turns[label(request)])
    found = run(engine, method("one_by_one"), *LABELS)
    assert len(list(found.exchanges)) == len(LABELS) * SETTINGS["per_label"]
    assert max(counts) == 1
    assert len(known) == 0
