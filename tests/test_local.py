"""A model in this process: held to the schema, drawn by each request's own seed."""

import asyncio
import json

import pytest

from relseed.llm.engines.transformers import Local, Transformers
from relseed.llm.request import Completion, Message, Request
from relseed.pipeline.errors import UserError
from relseed.tasks.relation.rules import Checks, Judge
from tests.tiny_llm import SCHEMA, born_in, save_tiny_llm

SAMPLES = born_in(1)
CHECKS = Checks(shortest=1, longest=500, near_duplicate=1, language=None)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return str(save_tiny_llm(tmp_path_factory.mktemp("model")))


@pytest.fixture(scope="module")
def engine(model):
    return Local(Transformers(batch_size=4), model, None, {})


def request(seed: int = 1, **changes) -> Request:
    fields = {"model": "m", "temperature": 1, "top_p": 1, "max_tokens": 400, "answer": SAMPLES.answer()}
    return Request(messages=(Message(role="user", content="Write."),), seed=seed, **fields | changes)


def answered(engine: Local, *requests: Request) -> list[Completion]:
    async def ask() -> list[Completion]:
        return list(await asyncio.gather(*map(engine.complete, requests)))

    return asyncio.run(ask())


def test_whatever_a_random_model_writes_its_tags_and_types_are_right(engine):
    completions = answered(engine, *(request(seed) for seed in range(6)))
    whole = [one for one in completions if one.finish == "stop"]
    assert len(whole) > 3
    for one in whole:
        [draft] = SAMPLES.parse("x", one.text, truncated=False)
        assert draft.problem is None
        assert draft.text.count("<e1>") == draft.text.count("</e2>") == 1
        assert (draft.said, draft.head_type, draft.tail_type) == ("born in", "PERSON", "PLACE")
        Judge(SCHEMA, CHECKS, []).judge(draft)


def test_an_answer_depends_on_its_own_seed_and_not_on_who_shares_the_batch(engine):
    [alone] = answered(engine, request(3))
    *_, together = answered(engine, request(1), request(2), request(3))
    [other] = answered(engine, request(4))
    assert together.text == alone.text != other.text


def test_an_answer_that_is_too_long_is_cut_and_says_so(engine):
    [cut] = answered(engine, request(max_tokens=5))
    assert (cut.finish, cut.completion_tokens) == ("length", 5)
    assert cut.truncated


def test_requests_of_different_lengths_share_a_batch_and_each_keeps_to_its_own_length(model):
    engine = Local(Transformers(batch_size=4), model, None, {})
    batches: list[list[int]] = []
    answer = engine._answer
    engine._answer = lambda requests: batches.append([one.max_tokens for one in requests]) or answer(requests)
    short, long = answered(engine, request(max_tokens=3), request(max_tokens=9))
    assert batches == [[3, 9]]
    assert [(one.finish, one.completion_tokens) for one in (short, long)] == [("length", 3), ("length", 9)]


def test_without_temperature_every_seed_gives_the_same(engine):
    first, second = answered(engine, request(1, temperature=0, max_tokens=20), request(2, temperature=0, max_tokens=20))
    assert first.text == second.text


def test_tokens_of_prompt_and_answer_are_counted(engine):
    [one] = answered(engine, request(answer=None, max_tokens=4))
    assert one.prompt_tokens == len("Write.\n\n")
    assert 1 <= one.completion_tokens <= 4
    assert one.engine == "transformers"


def test_a_schema_of_any_kind_is_kept(engine):
    schema = {
        "type": "object",
        "properties": {"n": {"enum": [7]}},
        "required": ["n"],
        "additionalProperties": False,
    }
    [one] = answered(engine, request(answer=schema, max_tokens=300))
    assert json.loads(one.text) == {"n": 7}


def test_a_model_that_is_not_there_is_an_error_that_says_so(tmp_path):
    with pytest.raises(UserError, match="no causal model"):
        Local(Transformers(batch_size=1), str(tmp_path / "nothing"), None, {})
