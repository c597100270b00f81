"""The client over an engine: its cache, its budget, and its count of what responses take."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import pytest

from relseed.llm.cache import Cache
from relseed.llm.client import Budget, BudgetSpentError, Client, estimated_tokens
from relseed.llm.engines.engine import Engine
from relseed.llm.engines.openai import Endpoint, Limits
from relseed.llm.prices import Prices
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from tests.graph import ROOT
from tests.hostile import fails, serving
from tests.scripted import FREE, Scripted, request, response

LIMITS = Limits(concurrency=8, timeout=2, attempts=3, outage=0, rate_limit_timeout=2, backoff=0.01)
PRICES = Prices(prompt=10, response=30)


def scripted(prompt_tokens: int | None = 10, completion_tokens: int | None = 10) -> Scripted:
    return Scripted(prompt_tokens=prompt_tokens, completion_tokens=completion_tokens)


def client_of(
    engine: Engine, folder: Path, tokens: int | None = None, cost: float | None = None, prices: Prices = FREE
) -> Client:
    """A client whose cache is in a folder, with a budget of tokens or money or without."""
    return Client(engine, Cache(folder / "cache.db"), Budget(tokens=tokens, cost=cost), prices)


def send(client: Client, requests: Sequence[Request]) -> list:
    """The responses, or what was raised in their place."""

    async def gather() -> list:
        return list(await asyncio.gather(*map(client.send, requests), return_exceptions=True))

    return asyncio.run(gather())


def stopped(found: Sequence[object]) -> int:
    return sum(isinstance(each, BudgetSpentError) for each in found)


def test_what_was_answered_once_is_never_sent_again(tmp_path):
    engine = scripted()
    for _ in range(2):
        client = client_of(engine, tmp_path)
        send(client, [request(str(number)) for number in range(5)])
    assert len(engine.requests) == len({asked.key for asked in engine.requests}) == 5
    assert (client.usage.asked, client.usage.reused) == (0, 5)


def test_a_token_budget_is_never_exceeded_and_keeps_what_is_done(tmp_path):
    client = client_of(scripted(), tmp_path, tokens=100)
    found = send(client, [request(f"{number:030}", max_tokens=10) for number in range(20)])
    assert stopped(found)
    assert client.usage.tokens <= 100
    assert len(client.cache) == len(found) - stopped(found) > 0


def test_a_budget_is_used_up_before_it_stops_however_much_the_requests_in_flight_might_take(tmp_path):
    client = client_of(scripted(), tmp_path, tokens=200)
    found = send(client, [request(str(number), max_tokens=90) for number in range(20)])  # each may take 91, takes 20
    assert (client.usage.tokens, stopped(found)) == (120, 14)


def test_what_an_engine_does_not_count_is_held_against_the_budget_in_full(tmp_path):
    engine = scripted(None, None)
    requests = [request(f"{number:030}", max_tokens=10) for number in range(20)]  # at most 21 tokens each
    found = send(client_of(engine, tmp_path, tokens=100), requests)
    assert (len(engine.requests), stopped(found)) == (4, 16)


def test_a_budget_in_money_follows_the_prices(tmp_path):
    client = client_of(scripted(), tmp_path, cost=0.001, prices=PRICES)  # 0.0004 a request
    for number in range(20):
        send(client, [request(str(number), max_tokens=10)])
    assert client.cost() == pytest.approx(0.0008)


def test_responses_from_the_cache_cost_nothing_even_when_the_budget_is_spent(tmp_path):
    send(client_of(scripted(), tmp_path), [request()])
    [found] = send(client_of(scripted(), tmp_path, tokens=0), [request()])
    assert found.text == "because"


@pytest.mark.parametrize("prices", [FREE, Prices(prompt=1), Prices(response=1)], ids=["none", "prompt", "response"])
def test_a_budget_in_money_without_both_prices_is_an_error_with_a_cure(tmp_path, prices):
    with pytest.raises(UserError, match=r"budget\.cost needs prices: set `prices` of the LLM in params\.yaml"):
        client_of(scripted(), tmp_path, cost=1, prices=prices)


@pytest.mark.parametrize(
    ("engine", "prices"),
    [(scripted(), FREE), (scripted(None), PRICES), (scripted(10, None), PRICES)],
    ids=["no prices", "no count of the prompt", "no count of the response"],
)
def test_without_prices_or_counts_there_is_no_cost_rather_than_a_guess(tmp_path, engine, prices):
    client = client_of(engine, tmp_path, prices=prices)
    send(client, [request()])
    assert client.cost() is None


def test_failed_requests_are_counted_by_reason(tmp_path):
    async def send_both(url: str) -> Client:
        client = client_of(Endpoint("openai", url, LIMITS), tmp_path)
        await asyncio.gather(*map(client.send, [request("a"), request("b")]), return_exceptions=True)
        return client

    with serving(fails(500)) as server:
        client = asyncio.run(send_both(server.url))
    assert client.usage.failed == {"server_fault": 2}
    assert len(client.cache) == 0


def test_a_response_is_kept_even_if_whoever_sent_the_request_is_stopped_meanwhile(tmp_path):
    class Slow(Cache):
        def put(self, request, response):
            time.sleep(0.2)
            return super().put(request, response)

    async def stop_while_writing(client: Client) -> None:
        task = asyncio.create_task(client.send(request()))
        await asyncio.sleep(0.1)
        task.cancel()
        await asyncio.sleep(0.3)

    client = Client(scripted(), Slow(tmp_path / "cache.db"), Budget(tokens=None, cost=None), FREE)
    asyncio.run(stop_while_writing(client))
    assert client.cache.get(request()) is not None


@pytest.mark.parametrize("fails_at", ["engine", "cache"])
def test_after_an_error_for_all_nothing_more_is_asked_and_what_is_in_flight_is_kept(fails_at, tmp_path):
    class Full(Cache):
        def put(self, request, response):
            if request.messages[0].content == "0":
                raise UserError("the disk is full")
            return super().put(request, response)

    def is_first(asked: Request) -> bool:
        return asked.messages[0].content == "0"

    def answers(asked: Request) -> str | Exception:
        return UserError("no credit") if fails_at == "engine" and is_first(asked) else "because"

    engine = Scripted(answers, turns=lambda asked: 2 if is_first(asked) else 50)
    cache = (Cache if fails_at == "engine" else Full)(tmp_path / "cache.db")
    client = Client(engine, cache, Budget(tokens=None, cost=None), FREE)

    async def gather() -> list:
        first = [asyncio.create_task(client.send(request(str(number)))) for number in range(5)]
        await asyncio.wait(first, return_when=asyncio.FIRST_EXCEPTION)
        later = await asyncio.gather(client.send(request("later")), return_exceptions=True)
        return [*await asyncio.gather(*first, return_exceptions=True), *later]

    error, *answered, late = asyncio.run(gather())
    assert isinstance(error, UserError)
    assert [response.text for response in answered] == ["because"] * 4
    assert late.reason == "stopped"
    assert (len(engine.requests), len(cache)) == (5, 4)


def test_what_another_process_asks_is_waited_for_and_asked_once(tmp_path):
    code = """
import sys
from pathlib import Path
from relseed.llm.cache import Cache
from tests.scripted import request, response
cache = Cache(Path(sys.argv[1]))
assert cache.reserve(request())
print("asking", flush=True)
sys.stdin.readline()
cache.put(request(), response("of the other"))
cache.release(request())
"""
    command = [sys.executable, "-c", code, str(tmp_path / "cache.db")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT) as other:
        assert other.stdout.readline() == "asking\n"
        engine = scripted()
        client = client_of(engine, tmp_path)

        async def wait() -> str:
            task = asyncio.create_task(client.send(request()))
            while not client.waiting():
                await asyncio.sleep(0.01)
            assert client.waiting() == "1 requests are asked by another process"
            other.stdin.write("\n")
            other.stdin.flush()
            return (await task).text

        assert asyncio.run(wait()) == "of the other"
    assert (engine.requests, client.usage.asked, client.usage.reused) == ([], 0, 1)


def test_what_a_process_asked_that_was_killed_is_asked_again(tmp_path):
    code = """
import os, signal, sys
from pathlib import Path
from relseed.llm.cache import Cache
from tests.scripted import request
assert Cache(Path(sys.argv[1])).reserve(request())
os.kill(os.getpid(), signal.SIGKILL)
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "cache.db")], cwd=ROOT)
    [found] = send(client_of(scripted(), tmp_path), [request()])
    assert found.text == "because"


def test_two_tasks_that_ask_the_same_ask_once(tmp_path):
    engine = scripted()
    found = send(client_of(engine, tmp_path), [request(), request()])
    assert (len(engine.requests), {each.text for each in found}) == (1, {"because"})


def test_whoever_was_slower_gets_what_the_cache_keeps(tmp_path):
    class Late(Cache):
        def put(self, request, response):
            super().put(request, response.model_copy(update={"text": "first"}))
            return super().put(request, response)

    client = Client(scripted(), Late(tmp_path / "cache.db"), Budget(tokens=None, cost=None), FREE)
    [found] = send(client, [request()])
    assert found.text == "first"


def test_the_estimate_of_a_prompt_is_on_the_safe_side():
    assert estimated_tokens(request("a word " * 30)) >= 61


def test_a_half_that_an_earlier_version_kept_is_asked_for_again(tmp_path):
    cache, asked = Cache(tmp_path / "requests.db"), request()
    cache.put(asked, response("beca", finish="abort"))
    assert cache.get(asked) is None
    cache.put(asked, response("because"))
    assert cache.get(asked) == response("because")
