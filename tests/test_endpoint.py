"""The engine openai, against an endpoint that does all that endpoints do."""

import asyncio
import json
import resource
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
import yaml

from relseed.llm.cache import Cache
from relseed.llm.engines import openai
from relseed.llm.engines.files import need_open_files
from relseed.llm.engines.openai import Endpoint, Limits, retry_after
from relseed.llm.engines.statuses import KEY
from relseed.llm.request import Request, RequestFailedError, Response
from relseed.pipeline.errors import UserError
from tests.graph import ROOT
from tests.hostile import Behaviour, Server, chat, echoes, fails, hangs_up, responds, sends, serving, sleeps, trickles
from tests.scripted import request

PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
LIMITS = Limits(concurrency=8, timeout=20, attempts=3, outage=0, rate_limit_timeout=20, backoff=0.01)


def send(server: Server, requests: Sequence[Request], limits: Limits = LIMITS) -> tuple[list, Endpoint]:
    """The responses, or what was raised in their place, and the endpoint that was used."""

    async def gather():
        endpoint = Endpoint("openai", server.url, limits)
        try:
            return await asyncio.gather(*map(endpoint.complete, requests), return_exceptions=True), endpoint
        finally:
            await endpoint.close()

    return asyncio.run(gather())


def send_one(*script: Behaviour, limits: Limits = LIMITS):
    with serving(*script) as server:
        [found], endpoint = send(server, [request()], limits)
        return found, endpoint.waits, server.requests["why?"]


def test_a_response_keeps_what_was_answered_and_what_it_took():
    found, *_ = send_one(responds("because"))
    assert found.model_dump(exclude={"seconds"}) == {
        "text": "because",
        "finish": "stop",
        "prompt_tokens": 7,
        "completion_tokens": 5,
        "engine": "openai",
        "model": "hostile-1",
    }
    assert 0 < found.seconds < 20


def test_a_truncated_response_says_so():
    found, *_ = send_one(responds("bec", finish="length"))
    assert found.truncated


@pytest.mark.parametrize("trouble", [fails(500), fails(503), hangs_up, sends("{not json"), sends("{}"), sends("")])
def test_a_fault_is_tried_again_and_counted(trouble):
    found, waits, tries = send_one(trouble, trouble, responds("at last"))
    assert (found.text, waits, tries) == ("at last", {"rate_limit": 0, "fault": 2}, 3)


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
        (sends('{"choices": [{"message": {"content": 7}}]}'), "malformed"),
        (sends("[" * 100_000), "malformed"),
        (responds("beca", finish="abort"), "server_fault"),
        (sends('{"error": {"message": "the provider went away", "code": 502}}'), "server_fault"),
        (sends("caf\udce9"), "malformed"),
        (fails(408), "server_fault"),
        (fails(409), "server_fault"),
    ],
)
def test_a_fault_that_stays_ends_after_the_attempts_with_its_name(trouble, reason):
    found, _, tries = send_one(trouble)
    assert isinstance(found, RequestFailedError)
    assert (found.reason, tries) == (reason, 3)


def completion(**changes) -> str:
    """A good completion with other values in these places (`usage`, `model`, `finish_reason`, `content`)."""
    whole = json.loads(chat("because"))
    [choice] = whole["choices"]
    for name, value in changes.items():
        place = {"content": choice["message"], "refusal": choice["message"], "finish_reason": choice}.get(name, whole)
        place[name] = value
    return json.dumps(whole)


@pytest.mark.parametrize(
    "odd",
    [
        {"usage": {"prompt_tokens": 1.5, "completion_tokens": 2.5}},
        {"usage": {"prompt_tokens": -1, "completion_tokens": -1}},
        {"usage": {"prompt_tokens": "7", "completion_tokens": True}},
        {"usage": [7, 5]},
        {"usage": "much"},
        {"usage": None},
        {"finish_reason": 7},
        {"finish_reason": ["stop"]},
        {"finish_reason": "sto\ud800"},
        {"model": 7},
        {"model": "a\ud800"},
        {"model": None},
        {"id": None, "created": "now", "object": []},
        {"content": [{"type": "text", "text": "bec"}, {"type": "image"}, "ause"]},
        {"error": None, "choices_of_others": [], "service_tier": 9},
    ],
    ids=str,
)
def test_what_is_not_needed_to_read_a_response_never_costs_it(odd, tmp_path):
    found, _, tries = send_one(sends(completion(**odd)))
    assert (found.text, tries) == ("because", 1)
    assert Cache(tmp_path / "cache.db").put(request(), found) == found  # it can be kept


def test_counts_that_are_none_are_not_counted():
    found, *_ = send_one(sends(completion(usage={"prompt_tokens": -1, "completion_tokens": 5})))
    assert (found.prompt_tokens, found.completion_tokens) == (None, 5)


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"content": None, "refusal": "I can't help with that."}, "I can't help with that."),
        ({"content": None, "finish_reason": "content_filter"}, "a content filter held the response back"),
        ({"content": "Old <e1>In", "finish_reason": "content_filter"}, "a content filter held the response back"),
    ],
)
def test_a_refusal_is_a_response_with_the_words_of_the_model(said, words):
    found, _, tries = send_one(sends(completion(**said)))
    assert (found.refusal, tries) == (words, 1)


@pytest.mark.parametrize(
    ("body", "reason", "tries"),
    [
        ({"error": {"message": "no such schema", "code": 400}}, "refused", 1),
        ({"error": {"message": "no such schema", "code": "422"}}, "refused", 1),
        ({"error": {"message": "no such schema"}}, "server_fault", 3),
        ({"error": "no such schema"}, "server_fault", 3),
        ({"error": {"message": "no such schema", "code": 502}, "choices": []}, "server_fault", 3),
        ({"choices": [{"finish_reason": "error", "error": {"message": "no such schema", "code": 502}}]}, None, 3),
        ({"choices": [{"finish_reason": "stop", "error": {"message": "no such schema"}, "message": {}}]}, None, 3),
    ],
    ids=str,
)
def test_an_error_with_status_200_is_one_by_its_code_in_its_own_words(body, reason, tries):
    found, _, tried = send_one(sends(json.dumps(body)))
    assert isinstance(found, RequestFailedError)
    assert (found.reason, tried) == (reason or "server_fault", tries)
    assert "no such schema" in str(found)


def test_a_rate_limit_with_status_200_is_waited_out():
    limited = sends(json.dumps({"error": {"message": "slow down", "code": "rate_limit_exceeded"}}))
    found, waits, _ = send_one(*[limited] * 5, responds("at last"))
    assert (found.text, waits) == ("at last", {"rate_limit": 5, "fault": 0})


def test_no_credit_with_status_200_is_an_error_with_a_cure():
    found, *_ = send_one(sends(json.dumps({"error": {"message": "pay", "code": 402}})))
    assert isinstance(found, UserError)
    assert "no credit left" in str(found)


@pytest.mark.parametrize("finish", ["abort", "error"])
def test_a_response_that_the_server_broke_off_is_asked_again(finish):
    found, waits, tries = send_one(responds("bec", finish=finish), responds("because"))
    assert (found.text, waits["fault"], tries) == ("because", 1, 2)


# When nothing is answered at all


def test_an_endpoint_that_is_down_for_a_while_is_waited_for_however_many_tries_that_takes():
    found, waits, _ = send_one(*[fails(503)] * 6, responds("up"), limits=LIMITS.model_copy(update={"outage": 60}))
    assert (found.text, waits["fault"]) == ("up", 6)


def test_an_outage_that_begins_while_requests_are_in_flight_is_waited_for_too():
    async def in_flight(url: str) -> tuple:
        endpoint = Endpoint("openai", url, LIMITS.model_copy(update={"outage": 60}))
        failing = asyncio.create_task(endpoint.complete(request("failing")))
        await asyncio.sleep(0.1)
        answered = await endpoint.complete(request("answered"))
        found = await failing
        await endpoint.close()
        return answered.text, found.text

    def restarts(handler) -> None:
        if handler.prompt == "answered":
            responds("soon")(handler)
        elif handler.server.requests["failing"] == 1:
            time.sleep(0.4)
            fails(503)(handler)
        else:
            (fails(503) if handler.server.requests["failing"] < 6 else responds("late"))(handler)

    with serving(restarts) as server:
        assert asyncio.run(in_flight(server.url)) == ("soon", "late")


def test_the_outage_of_an_endpoint_is_waited_for_a_minute_by_default():
    assert PARAMS["engines"]["limits"]["outage"] > 60


@pytest.mark.parametrize("trouble", [fails(500), fails(429), sleeps(1), sends("{}")])
def test_where_nothing_at_all_is_answered_the_first_request_that_gives_up_ends_the_others(trouble):
    limits = LIMITS.model_copy(update={"concurrency": 1, "attempts": 2, "timeout": 0.3, "rate_limit_timeout": 0.3})
    with serving(trouble) as server:
        found, _ = send(server, [request(str(number)) for number in range(40)], limits)
        assert set(server.requests) == {"0"}
    assert "nothing at all was answered for" in str(found[0])
    assert {error.reason for error in found} == {found[0].reason}


def test_a_request_that_fails_while_others_are_answered_fails_alone():
    def answers_most(handler) -> None:
        (fails(500) if handler.prompt == "0" else responds())(handler)

    limits = LIMITS.model_copy(update={"concurrency": 2, "outage": 60})
    with serving(answers_most) as server:
        found, _ = send(server, [request(str(number)) for number in range(30)], limits)
    assert [type(each) for each in found] == [RequestFailedError, *[Response] * 29]


def test_what_is_waited_for_is_said_once_nothing_has_come_for_a_while(monkeypatch):
    monkeypatch.setattr(openai, "_SILENT", 0.2)
    said = []

    async def listen(url: str) -> None:
        endpoint = Endpoint("openai", url, LIMITS.model_copy(update={"backoff": 0.3}))
        said.append(endpoint.waiting())
        task = asyncio.create_task(endpoint.complete(request()))
        while not (endpoint.waits["rate_limit"] and endpoint.waiting()):
            await asyncio.sleep(0.05)
        said.append(endpoint.waiting())
        endpoint.halt()
        await asyncio.gather(task, return_exceptions=True)
        await endpoint.close()

    with serving(fails(429)) as server:
        asyncio.run(asyncio.wait_for(listen(server.url), 20))
    assert said[0] is None
    assert "nothing answered for" in said[1]
    assert "pauses so far" in said[1]
    assert "rate_limited" in said[1]


def test_a_halted_endpoint_sends_nothing_more_and_lets_in_what_is_in_flight():
    async def halt(url: str) -> list:
        endpoint = Endpoint("openai", url, LIMITS.model_copy(update={"concurrency": 2}))
        tasks = [asyncio.create_task(endpoint.complete(request(str(number)))) for number in range(6)]
        while endpoint._in_flight < 2:
            await asyncio.sleep(0.01)
        endpoint.halt()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await endpoint.close()
        return found

    with serving(sleeps(0.3)) as server:
        found = asyncio.run(halt(server.url))
        assert len(server.requests) == 2
    assert [type(each) for each in found] == [Response] * 2 + [RequestFailedError] * 4


def test_a_machine_that_allows_too_few_open_files_is_said_before_anything_is_asked(monkeypatch):
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 64))
    with pytest.raises(UserError, match=r"concurrency is 100, and this process may have 64 files open, .*ulimit -n"):
        need_open_files(100)
    monkeypatch.setattr(resource, "getrlimit", lambda _: (64, 4096))
    raised = []
    monkeypatch.setattr(resource, "setrlimit", lambda _, limits: raised.append(limits))
    need_open_files(100)
    [(soft, hard)] = raised
    assert 100 < soft < hard == 4096


def test_a_response_that_does_not_come_is_a_timeout():
    found, _, tries = send_one(sleeps(1), limits=LIMITS.model_copy(update={"timeout": 0.2, "attempts": 2}))
    assert (found.reason, tries) == ("timeout", 2)


def test_a_response_that_trickles_in_without_end_is_a_timeout():
    limits = LIMITS.model_copy(update={"timeout": 0.3, "attempts": 1})
    start = time.monotonic()
    found, *_ = send_one(trickles(20), limits=limits)
    assert found.reason == "timeout"
    assert time.monotonic() - start < 10


def test_an_endpoint_that_is_not_there_is_a_fault_of_the_connection():
    with serving(responds()) as server:
        gone = server
    [found], _ = send(gone, [request()])
    assert found.reason == "connection"


def test_rate_limits_are_waited_out_and_are_no_faults():
    limited = [fails(429)] * 5  # more than the attempts against faults
    found, waits, _ = send_one(*limited, responds("at last"))
    assert (found.text, waits) == ("at last", {"rate_limit": 5, "fault": 0})


def test_a_pause_that_the_server_asks_for_is_kept():
    start = time.monotonic()
    found, *_ = send_one(fails(429, retry_after="0.5"), responds("at last"))
    assert found.text == "at last"
    assert time.monotonic() - start >= 0.5


def test_a_pause_longer_than_we_wait_for_rate_limits_ends_at_once():
    start = time.monotonic()
    found, _, tries = send_one(fails(429, retry_after="3600"))
    assert (found.reason, tries) == ("rate_limited", 1)
    assert time.monotonic() - start < 30


def test_rate_limits_without_end_are_waited_for_no_longer_than_allowed():
    found, *_ = send_one(fails(429), limits=LIMITS.model_copy(update={"rate_limit_timeout": 0.3}))
    assert found.reason == "rate_limited"


def test_one_rate_limit_holds_all_requests_back():
    arrived: dict[str, float] = {}

    def limits_the_first(handler):
        first = not arrived
        arrived[handler.prompt] = time.monotonic()
        (fails(429, retry_after="0.5") if first else responds())(handler)

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
    _, waits, tries = send_one(
        fails(429, retry_after=header), limits=LIMITS.model_copy(update={"backoff": 0.2, "rate_limit_timeout": 2})
    )
    assert waits["rate_limit"] < 30
    assert tries == waits["rate_limit"] + 1


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_request_that_the_endpoint_refuses_is_not_sent_again(status):
    found, waits, tries = send_one(fails(status))
    assert (found.reason, tries, waits["fault"]) == ("refused", 1, 0)


def test_a_quota_that_is_used_up_is_not_waited_for():
    found, waits, tries = send_one(fails(429, code="insufficient_quota"))
    assert isinstance(found, UserError)
    assert "no credit left" in str(found)
    assert (tries, waits["rate_limit"]) == (1, 0)


def test_a_half_that_the_engine_broke_off_is_asked_for_again():
    found, waits, tries = send_one(responds("beca", finish="error"), responds("because"))
    assert (found.text, waits["fault"], tries) == ("because", 1, 2)


@pytest.mark.parametrize(
    ("error", "reason", "tries"),
    [
        ('{"message": "too long", "code": 400}', "refused", 1),
        ('{"message": "too busy", "code": 502}', "server_fault", 3),
    ],
)
def test_an_error_with_status_200_is_final_or_tried_again_by_its_code_and_keeps_its_words(error, reason, tries):
    found, _, tried = send_one(sends(f'{{"error": {error}}}'))
    assert (found.reason, tried) == (reason, tries)
    assert "the engine says: too" in str(found)


def test_a_wrong_key_with_status_200_is_an_error_with_a_cure():
    found, *_ = send_one(sends('{"error": {"message": "no", "code": 401}}'))
    assert isinstance(found, UserError)
    assert KEY in str(found)


@pytest.mark.parametrize(
    ("said", "cure"),
    [
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "limit_name: max_completion_tokens",
        ),
        ("`temperature` and `top_p` cannot both be specified", "temperature: null leaves it out; top_p: null"),
        ("Extra inputs are not permitted: seed", "seed: null"),
        ("Invalid schema for response_format 'answer': schema must have a 'type' key", "structured_output: false"),
        ("reasoning_effort is not supported", "reasoning_effort: null"),
    ],
)
@pytest.mark.parametrize(
    "form", ['{{"error": {{"message": "{}"}}}}', '{{"detail": [{{"msg": "{}"}}]}}', '{{"why": "{}"}}']
)
def test_a_refused_parameter_is_shown_in_the_words_of_the_endpoint_with_the_setting_that_helps(said, cure, form):
    found, *_ = send_one(lambda handler: handler.send(400, form.format(said)))
    assert found.reason == "refused"
    assert said in str(found)
    assert cure in str(found)


def test_what_a_model_does_not_take_is_left_out_or_renamed():
    changes = {"temperature": None, "sends_seed": False, "limit_name": "max_completion_tokens"}
    body = request(**changes, reasoning_effort="low").body()
    assert body.keys() == {"model", "messages", "top_p", "max_completion_tokens", "reasoning_effort"}
    assert (body["max_completion_tokens"], body["reasoning_effort"]) == (16, "low")


@pytest.mark.parametrize(("status", "cure"), [(401, KEY), (402, "no credit"), (403, KEY), (404, "no such model")])
def test_what_every_request_would_meet_is_an_error_with_a_cure(status, cure):
    found, *_ = send_one(fails(status))
    assert isinstance(found, UserError)
    assert cure in str(found)


def test_an_empty_text_and_an_echo_of_the_prompt_are_responses_that_rules_may_reject_later():
    assert send_one(responds(""))[0].text == ""
    assert send_one(echoes)[0].text == "why?"


def test_no_more_requests_are_in_flight_than_allowed():
    with serving(sleeps(0.1)) as server:
        start = time.monotonic()
        send(server, [request(str(number)) for number in range(6)], LIMITS.model_copy(update={"concurrency": 2}))
    assert time.monotonic() - start >= 0.3


def test_the_key_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv(KEY, "secret-1")
    with serving(responds()) as server:
        send(server, [request()])
        assert server.keys == {"Bearer secret-1"}


def test_a_server_of_our_own_is_reached_without_the_proxy_of_the_environment(monkeypatch):
    async def through_no_proxy(url: str) -> str:
        endpoint = Endpoint("vllm", url, LIMITS)
        try:
            return (await endpoint.complete(request())).text
        finally:
            await endpoint.close()

    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    with serving(responds()) as dead:
        gone = f"http://127.0.0.1:{dead.server_port}"
    monkeypatch.setenv("HTTP_PROXY", gone)
    with serving(responds("because")) as server:
        assert asyncio.run(through_no_proxy(server.url)) == "because"


def test_a_schema_goes_to_the_endpoint_as_a_response_format():
    body = request(response_schema={"type": "string"}).body()
    assert body["response_format"]["json_schema"] == {"name": "answer", "schema": {"type": "string"}, "strict": True}
    assert body["seed"] == 1


def test_retry_after_is_read_as_seconds_or_as_a_date():
    soon = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    assert retry_after("2.5") == 2.5
    assert 25 < retry_after(soon) <= 30
    assert [retry_after(header) for header in (None, "soon", "nan-day")] == [None, None, None]


def test_nothing_of_the_key_is_in_a_request_or_a_response(monkeypatch):
    monkeypatch.setenv(KEY, "secret-2")
    with serving(responds()) as server:
        [found], _ = send(server, [request()])
    assert "secret-2" not in json.dumps([request().model_dump(), found.model_dump()])
