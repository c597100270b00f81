"""A model in this process: held to the response schema, drawn by each request's own random seed."""

import asyncio
import json

import pytest
from transformers import LlamaForCausalLM

from relseed.llm.engines.transformers import Transformers, TransformersEngine
from relseed.llm.request import Message, Request, RequestFailedError
from relseed.pipeline.errors import UserError
from tests.tiny_llm import born_in, save_tiny_llm

PROMPT = born_in(1)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_tiny_llm(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def engine(model):
    return TransformersEngine(Transformers(batch_size=4), model, None, {})


@pytest.fixture
def batches(monkeypatch) -> list[int]:
    """How many requests each call of `generate` answers."""
    sizes: list[int] = []
    generate = LlamaForCausalLM.generate

    def counted(model, **inputs):
        sizes.append(len(inputs["input_ids"]))
        return generate(model, **inputs)

    monkeypatch.setattr(LlamaForCausalLM, "generate", counted)
    return sizes


def request(seed: int = 1, **changes) -> Request:
    fields = {
        "model": "m",
        "temperature": 1,
        "top_p": 1,
        "max_tokens": 400,
        "response_schema": PROMPT.response_schema(),
    }
    return Request(messages=(Message(role="user", content="Write."),), seed=seed, **fields | changes)


def send(engine: TransformersEngine, *requests: Request) -> list:
    """The responses, or what was raised in their place."""

    async def gather() -> list:
        return list(await asyncio.gather(*map(engine.complete, requests), return_exceptions=True))

    return asyncio.run(gather())


def test_whatever_a_random_model_writes_its_tags_and_types_are_right(engine):
    responses = send(engine, *(request(seed) for seed in range(6)))
    whole = [response for response in responses if response.finish == "stop"]
    assert len(whole) > 3
    for response in whole:
        [candidate] = PROMPT.parse("x", response.text, truncated=False)
        assert candidate.problem is None
        assert [candidate.text.count(tag) for tag in ("<e1>", "</e1>", "<e2>", "</e2>")] == [1, 1, 1, 1]
        assert candidate.fields == {"relation": "born in", "head_type": "PERSON", "tail_type": "PLACE"}


def test_a_response_depends_on_its_own_random_seed_and_not_on_who_shares_the_batch(engine):
    [alone] = send(engine, request(3))
    *_, together = send(engine, request(1), request(2), request(3))
    [other] = send(engine, request(4))
    assert together.text == alone.text != other.text


def test_a_response_that_is_too_long_is_cut_and_says_so(engine):
    [cut] = send(engine, request(max_tokens=5))
    assert (cut.finish, cut.completion_tokens) == ("length", 5)
    assert cut.truncated


def test_requests_of_different_lengths_share_a_batch_and_each_keeps_to_its_own_length(engine, batches):
    short, long = send(engine, request(max_tokens=3), request(max_tokens=9))
    assert batches == [2]
    assert [(response.finish, response.completion_tokens) for response in (short, long)] == [
        ("length", 3),
        ("length", 9),
    ]


def test_no_more_requests_share_a_batch_than_allowed(engine, batches):
    send(engine, *(request(seed, max_tokens=2) for seed in range(6)))
    assert batches == [4, 2]


def test_a_response_that_has_ended_leaves_the_batch_and_those_beside_it_stay_as_they_are(engine, batches):
    short = request(response_schema={"regex": "a"})
    long = [request(seed, response_schema={"regex": "[ab]{40} [ab]{40}"}) for seed in (2, 3)]
    alone = [send(engine, each)[0].text for each in long]
    batches.clear()
    responses = send(engine, long[0], short, long[1])
    assert [response.text for response in responses] == [alone[0], "a", alone[1]]
    assert batches[:2] == [3, 2]
    assert {response.finish for response in responses} == {"stop"}


def test_a_request_that_has_no_room_fails_and_leaves_those_beside_it_alone(engine):
    failed, response = send(engine, request(max_tokens=9000), request(max_tokens=2))
    assert isinstance(failed, RequestFailedError)
    assert failed.reason == "too_long"
    assert "has room for 8192 tokens, prompt and response may take 9008: show less" in str(failed)
    assert response.completion_tokens == 2


def test_without_temperature_every_random_seed_gives_the_same(engine):
    first, second = send(engine, request(1, temperature=0, max_tokens=20), request(2, temperature=0, max_tokens=20))
    assert first.text == second.text


def test_tokens_of_prompt_and_response_are_counted(engine):
    [response] = send(engine, request(response_schema=None, max_tokens=4))
    assert response.prompt_tokens == len("Write.\n\n")
    assert 1 <= response.completion_tokens <= 4
    assert response.engine == "transformers"


def test_a_schema_of_any_kind_is_kept(engine):
    schema = {
        "type": "object",
        "properties": {"n": {"enum": [7]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    [response] = send(engine, request(response_schema=schema, max_tokens=300))
    assert json.loads(response.text) == {"n": 7}


def test_a_request_with_a_schema_and_one_without_share_a_batch(engine):
    held, free = send(engine, request(1), request(2, response_schema=None, max_tokens=30))
    alone = send(engine, request(1)) + send(engine, request(2, response_schema=None, max_tokens=30))
    assert [held.text, free.text] == [response.text for response in alone]


def test_a_model_that_is_not_there_is_an_error_that_says_so(tmp_path):
    with pytest.raises(UserError, match="no causal model"):
        TransformersEngine(Transformers(batch_size=1), str(tmp_path / "nothing"), None, {})
