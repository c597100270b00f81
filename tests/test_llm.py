"""Requests, the cache under all engines, and an endpoint that does all that endpoints do."""

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from relseed.llm.cache import Cache
from relseed.llm.client import Budget, BudgetSpentError, Client, estimated_tokens
from relseed.llm.engines.openai import KEY, Endpoint, Limits, retry_after
from relseed.llm.request import Completion, Message, Request, UnansweredError
from relseed.pipeline.errors import UserError
from tests.graph import ROOT
from tests.hostile import Behaviour, Server, answers, echoes, fails, hangs_up, sends, serving, sleeps, trickles

LIMITS = Limits(concurrency=8, timeout=2, attempts=3, patience=2, pause=0.01)
FREE = Budget(tokens=None, cost=None, prompt_price=None, completion_price=None)


def request(prompt: str = "why?", **changes) -> Request:
    fields = {"model": "m", "temperature": 1, "top_p": 0.9, "max_tokens": 16, "seed": 1}
    return Request(messages=(Message(role="user", content=prompt),), **fields | changes)


def completion(text: str = "because", **changes) -> Completion:
    fields = {"finish": "stop", "prompt_tokens": 3, "completion_tokens": 2, "seconds": 0.5, "engine": "e", "model": "m"}
    return Completion(text=text, **fields | changes)


# The key


def test_the_key_of_a_request_is_the_same_on_every_machine():
    asked = request("wörum?", answer={"b": 1, "a": [2]})
    assert asked.key == "0fb37155a86a7e545785ade456f58169980e8e5d4a0c1e82372e22cab4a8250e"
    assert asked.key == request("wörum?", answer={"a": [2], "b": 1}).key


@pytest.mark.parametrize(
    "change",
    [
        {"model": "n"},
        {"revision": "abc"},
        {"messages": (Message(role="system", content="why?"),)},
        {"answer": {"type": "string"}},
        {"temperature": 0.9},
        {"top_p": 0.8},
        {"max_tokens": 17},
        {"seed": 2},
    ],
    ids=lambda change: next(iter(change)),
)
def test_whatever_changes_in_a_request_changes_its_key(change):
    assert Request(**request().model_dump() | change).key != request().key


@given(st.text(), st.text())
def test_two_prompts_share_a_key_only_if_they_are_one(first, second):
    try:
        keys = request(first).key, request(second).key
    except UnicodeEncodeError:  # lone surrogates are no text
        return
    assert (keys[0] == keys[1]) == (first == second)


# The cache


def test_an_answer_is_there_when_the_cache_is_opened_again(tmp_path):
    cache = Cache(tmp_path / "cache.db")
    assert cache.get(request()) is None
    cache.put(request(), completion())
    cache.close()
    assert Cache(tmp_path / "cache.db").get(request()) == completion()


def test_the_first_answer_to_a_request_stays(tmp_path):
    cache = Cache(tmp_path / "cache.db")
    cache.put(request(), completion("first"))
    cache.put(request(), completion("second"))
    assert (cache.get(request()).text, len(cache)) == ("first", 1)


def test_a_file_that_is_no_cache_is_refused_with_a_cure(tmp_path):
    (tmp_path / "cache.db").write_text("something else entirely, and long enough to look like a header")
    with pytest.raises(UserError, match=r"cache\.db is no request cache .* move it away"):
        Cache(tmp_path / "cache.db")


def test_a_cache_that_cannot_be_opened_is_not_taken_for_a_spoilt_one(tmp_path):
    (tmp_path / "cache.db").mkdir()
    with pytest.raises(UserError, match=r"request cache .*cache\.db cannot be used now .* that you may write there"):
        Cache(tmp_path / "cache.db")


def test_a_row_that_is_no_completion_is_refused_with_a_cure(tmp_path):
    cache = Cache(tmp_path / "cache.db")
    with sqlite3.connect(tmp_path / "cache.db") as connection:
        connection.execute("INSERT INTO completions VALUES (?, '{}', '{}')", (request().key,))
    with pytest.raises(UserError, match="something else than a completion"):
        cache.get(request())


WRITER = """
import sys
from pathlib import Path
from relseed.llm.cache import Cache
from tests.test_llm import completion, request
cache = Cache(Path(sys.argv[1]))
for number in range(int(sys.argv[2]), int(sys.argv[2]) + 10**6):
    cache.put(request(str(number)), completion(str(number)))
    print(number, flush=True)
"""


def test_what_put_returned_from_survives_kill_9(tmp_path):
    writer = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(tmp_path / "cache.db"), "0"], stdout=subprocess.PIPE, text=True, cwd=ROOT
    )
    said = [int(writer.stdout.readline()) for _ in range(20)]
    os.kill(writer.pid, signal.SIGKILL)
    writer.wait()
    cache = Cache(tmp_path / "cache.db")
    assert [cache.get(request(str(number))).text for number in said] == [str(number) for number in said]


def test_two_processes_may_fill_one_cache_at_once(tmp_path):
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER.replace("10**6", "30"), str(tmp_path / "cache.db"), start], cwd=ROOT
        )
        for start in ("0", "1000")
    ]
    assert [writer.wait() for writer in writers] == [0, 0]
    assert len(Cache(tmp_path / "cache.db")) == 60


# The endpoint


def ask(server: Server, requests: Sequence[Request], limits: Limits = LIMITS) -> tuple[list, Endpoint]:
    """The answers, or what was raised in their place, and the endpoint that was used."""

    async def gather():
        endpoint = Endpoint("openai", server.url, limits)
        try:
            return await asyncio.gather(*map(endpoint.complete, requests), return_exceptions=True), endpoint
        finally:
            await endpoint.close()

    return asyncio.run(gather())


def ask_one(*script: Behaviour, limits: Limits = LIMITS):
    with serving(*script) as server:
        [answer], endpoint = ask(server, [request()], limits)
        return answer, endpoint.waits, server.asked["why?"]


def test_a_completion_keeps_what_was_answered_and_what_it_took():
    answer, *_ = ask_one(answers("because"))
    assert answer.model_dump(exclude={"seconds"}) == {
        "text": "because",
        "finish": "stop",
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "engine": "openai",
        "model": "hostile-1",
    }
    assert 0 < answer.seconds < 2


def test_a_truncated_answer_says_so():
    answer, *_ = ask_one(answers("bec", finish="length"))
    assert answer.truncated


@pytest.mark.parametrize("trouble", [fails(500), fails(503), hangs_up, sends("{not json"), sends("{}"), sends("")])
def test_a_fault_is_tried_again_and_counted(trouble):
    answer, waits, asked = ask_one(trouble, trouble, answers("at last"))
    assert (answer.text, waits, asked) == ("at last", {"rate_limit": 0, "fault": 2}, 3)


@pytest.mark.parametrize(
    ("trouble", "reason"),
    [
        (fails(500), "server_fault"),
        (hangs_up, "connection"),
        (sends("{not json"), "malformed"),
        (sends("[]"), "malformed"),
        (sends('{"choices": []}'), "malformed"),
        (sends('{"choices": [{}]}'), "malformed"),
        (sends('{"choices": "abc"}'), "malformed"),
        (sends('{"choices": [{"message": null}]}'), "malformed"),
        (sends('{"choices": [{"message": {"content": [{"type": "text", "text": "because"}]}}]}'), "malformed"),
        (sends('{"choices": [{"message": {"content": "so"}, "finish_reason": 7}]}'), "malformed"),
        (sends("caf\udce9"), "malformed"),
        (fails(408), "server_fault"),
        (fails(409), "server_fault"),
    ],
)
def test_a_fault_that_stays_ends_after_the_attempts_with_its_name(trouble, reason):
    answer, _, asked = ask_one(trouble)
    assert isinstance(answer, UnansweredError)
    assert (answer.reason, asked) == (reason, 3)


def test_an_answer_that_does_not_come_is_a_timeout():
    answer, _, asked = ask_one(sleeps(1), limits=LIMITS.model_copy(update={"timeout": 0.2, "attempts": 2}))
    assert (answer.reason, asked) == ("timeout", 2)


def test_an_answer_that_trickles_in_without_end_is_a_timeout():
    limits = LIMITS.model_copy(update={"timeout": 0.3, "attempts": 1})
    start = time.monotonic()
    answer, *_ = ask_one(trickles(2), limits=limits)
    assert answer.reason == "timeout"
    assert time.monotonic() - start < 2.5


def test_an_endpoint_that_is_not_there_is_a_connection_trouble():
    with serving(answers()) as server:
        gone = server
    [answer], _ = ask(gone, [request()])
    assert answer.reason == "connection"


def test_rate_limits_are_waited_out_and_are_no_faults():
    limited = [fails(429)] * 5  # more than the attempts against faults
    answer, waits, _ = ask_one(*limited, answers("at last"))
    assert (answer.text, waits) == ("at last", {"rate_limit": 5, "fault": 0})


def test_a_pause_that_the_server_asks_for_is_kept():
    start = time.monotonic()
    answer, *_ = ask_one(fails(429, retry_after="0.5"), answers("at last"))
    assert answer.text == "at last"
    assert time.monotonic() - start >= 0.5


def test_a_pause_longer_than_our_patience_ends_at_once():
    start = time.monotonic()
    answer, _, asked = ask_one(fails(429, retry_after="3600"))
    assert (answer.reason, asked) == ("rate_limited", 1)
    assert time.monotonic() - start < 2


def test_rate_limits_without_end_end_with_our_patience():
    answer, *_ = ask_one(fails(429), limits=LIMITS.model_copy(update={"patience": 0.3}))
    assert answer.reason == "rate_limited"


def test_one_rate_limit_holds_all_requests_back():
    arrived: dict[str, float] = {}

    def limits_the_first(handler):
        first = not arrived
        arrived[handler.prompt] = time.monotonic()
        (fails(429, retry_after="0.5") if first else answers())(handler)

    async def one_after_the_other(url: str) -> None:
        endpoint = Endpoint("openai", url, LIMITS)
        first = asyncio.create_task(endpoint.complete(request("first")))
        await asyncio.sleep(0.2)
        await asyncio.gather(first, endpoint.complete(request("second")))
        await endpoint.close()

    with serving(limits_the_first) as server:
        start = time.monotonic()
        asyncio.run(one_after_the_other(server.url))
    assert arrived["second"] - start >= 0.5


@pytest.mark.parametrize("header", ["0", "-5", "Wed, 21 Oct 2015 07:28:00 GMT"])
def test_a_pause_of_nothing_does_not_have_us_ask_without_a_break(header):
    _, waits, asked = ask_one(fails(429, retry_after=header), limits=LIMITS.model_copy(update={"pause": 0.2}))
    assert waits["rate_limit"] < 30
    assert asked == waits["rate_limit"] + 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_the_endpoint_refuses_is_not_tried_again(status):
    answer, waits, asked = ask_one(fails(status))
    assert (answer.reason, asked, waits["fault"]) == ("refused", 1, 0)


def test_a_quota_that_is_used_up_is_not_waited_for():
    answer, waits, asked = ask_one(fails(429, code="insufficient_quota"))
    assert isinstance(answer, UserError)
    assert "no credit left" in str(answer)
    assert (asked, waits["rate_limit"]) == (1, 0)


@pytest.mark.parametrize(("status", "cure"), [(401, KEY), (402, "no credit"), (403, KEY), (404, "no such model")])
def test_what_every_request_would_meet_is_an_error_with_a_cure(status, cure):
    answer, *_ = ask_one(fails(status))
    assert isinstance(answer, UserError)
    assert cure in str(answer)


def test_an_empty_answer_and_an_echo_of_the_prompt_are_answers_to_be_judged_later():
    assert ask_one(answers(""))[0].text == ""
    assert ask_one(echoes)[0].text == "why?"


def test_no_more_requests_are_in_flight_than_allowed():
    with serving(sleeps(0.1)) as server:
        start = time.monotonic()
        ask(server, [request(str(number)) for number in range(6)], LIMITS.model_copy(update={"concurrency": 2}))
    assert time.monotonic() - start >= 0.3


def test_the_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv(KEY, "secret-1")
    with serving(answers()) as server:
        ask(server, [request()])
        assert server.keys == {"Bearer secret-1"}


def test_a_schema_goes_to_the_endpoint_as_a_response_format():
    body = request(answer={"type": "string"}).body()
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": {"type": "string"}, "strict": True}
    assert body["seed"] == 1


def test_retry_after_is_read_as_seconds_or_as_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after("2.5") == 2.5
    assert 25 < retry_after(soon) <= 30
    assert [retry_after(header) for header in (None, "soon", "nan-day")] == [None, None, None]


# The client


def ask_client(client: Client, requests: Sequence[Request]) -> list:
    async def gather():
        return [*await asyncio.gather(*map(client.ask, requests), return_exceptions=True)]

    return asyncio.run(gather())


class Scripted:
    """An engine that answers at once, and keeps what it was asked."""

    name = "scripted"

    def __init__(self, prompt_tokens: int | None = 10, completion_tokens: int | None = 10) -> None:
        self.asked: list[str] = []
        self.counts = {"prompt_tokens": prompt_tokens, "completion_tokens": completion_tokens}

    async def complete(self, one: Request) -> Completion:
        self.asked.append(one.key)
        await asyncio.sleep(0)
        return completion(**self.counts)


def test_what_was_answered_once_is_never_asked_again(tmp_path):
    engine = Scripted()
    for _ in range(2):
        client = Client(engine, Cache(tmp_path / "cache.db"), FREE)
        ask_client(client, [request(str(number)) for number in range(5)])
    assert len(engine.asked) == len(set(engine.asked)) == 5
    assert (client.spent.asked, client.spent.reused) == (0, 5)


def test_a_token_budget_is_never_exceeded_and_keeps_what_is_done(tmp_path):
    prompts = [request(f"{number:030}", max_tokens=10) for number in range(20)]
    budget = FREE.model_copy(update={"tokens": 100})
    client = Client(Scripted(), Cache(tmp_path / "cache.db"), budget)
    found = ask_client(client, prompts)
    stopped = [answer for answer in found if isinstance(answer, BudgetSpentError)]
    assert stopped
    assert client.spent.tokens <= 100
    assert len(client.cache) == len(found) - len(stopped) > 0


def test_a_budget_is_used_up_before_it_stops_however_much_the_waiting_requests_might_take(tmp_path):
    prompts = [request(str(number), max_tokens=90) for number in range(20)]  # 20 of 90 and more are taken
    budget = FREE.model_copy(update={"tokens": 200})
    client = Client(Scripted(), Cache(tmp_path / "cache.db"), budget)
    stopped = [answer for answer in ask_client(client, prompts) if isinstance(answer, BudgetSpentError)]
    assert (client.spent.tokens, len(stopped)) == (120, 14)


def test_what_an_engine_does_not_count_is_held_against_the_budget_in_full(tmp_path):
    engine = Scripted(prompt_tokens=None, completion_tokens=None)
    prompts = [request(f"{number:030}", max_tokens=10) for number in range(20)]  # at most 21 tokens each
    client = Client(engine, Cache(tmp_path / "cache.db"), FREE.model_copy(update={"tokens": 100}))
    stopped = [answer for answer in ask_client(client, prompts) if isinstance(answer, BudgetSpentError)]
    assert (len(engine.asked), len(stopped)) == (4, 16)


def test_a_budget_in_money_follows_the_prices(tmp_path):
    budget = Budget(tokens=None, cost=0.001, prompt_price=10, completion_price=30)  # 0.0004 a request
    client = Client(Scripted(), Cache(tmp_path / "cache.db"), budget)
    prompts = [request(str(number), max_tokens=10) for number in range(20)]
    for one in prompts:
        ask_client(client, [one])
    assert client.cost() == pytest.approx(0.0008)


def test_answers_from_the_cache_cost_nothing_even_when_the_budget_is_spent(tmp_path):
    ask_client(Client(Scripted(), Cache(tmp_path / "cache.db"), FREE), [request()])
    broke = Client(Scripted(), Cache(tmp_path / "cache.db"), FREE.model_copy(update={"tokens": 0}))
    assert ask_client(broke, [request()])[0].text == "because"


def test_a_budget_in_money_without_prices_is_refused():
    with pytest.raises(ValidationError, match="needs both prices"):
        Budget(tokens=None, cost=1, prompt_price=None, completion_price=1)


def test_without_prices_or_counts_there_is_no_cost_rather_than_a_guess(tmp_path):
    client = Client(Scripted(), Cache(tmp_path / "cache.db"), FREE)
    ask_client(client, [request()])
    assert client.cost() is None


def test_unanswered_requests_are_counted_by_reason(tmp_path):
    async def go(url: str) -> Client:
        client = Client(Endpoint("openai", url, LIMITS), Cache(tmp_path / "cache.db"), FREE)
        await asyncio.gather(*map(client.ask, [request("a"), request("b")]), return_exceptions=True)
        return client

    with serving(fails(500)) as server:
        client = asyncio.run(go(server.url))
    assert client.spent.unanswered == {"server_fault": 2}
    assert len(client.cache) == 0


def test_an_answer_is_kept_even_if_whoever_asked_is_stopped_meanwhile(tmp_path):
    class Slow(Cache):
        def put(self, one, answer):
            time.sleep(0.2)
            super().put(one, answer)

    async def stop_while_writing(client: Client) -> None:
        task = asyncio.create_task(client.ask(request()))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(0.3)

    client = Client(Scripted(), Slow(tmp_path / "cache.db"), FREE)
    asyncio.run(stop_while_writing(client))
    assert client.cache.get(request()) is not None


def test_the_estimate_of_a_prompt_is_on_the_safe_side():
    assert estimated_tokens(request("a word " * 30)) >= 61


def test_nothing_of_the_key_is_in_a_request_or_a_completion(monkeypatch):
    monkeypatch.setenv(KEY, "secret-2")
    with serving(answers()) as server:
        [answer], _ = ask(server, [request()])
    assert "secret-2" not in json.dumps([request().model_dump(), answer.model_dump()])
