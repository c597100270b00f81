"""What an LLM answered for Gazette by the other ways to choose the next example, and after other first seeds."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.strategies import RECORDED, STRATEGIES
from benchmarks.tuned import merged
from relseed.datasets.draw import draw
from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, read_method
from relseed.generation.writing import write
from relseed.llm.client import open_client
from relseed.llm.engines.batch import read_responses
from relseed.pipeline.params import Params
from relseed.quality.duplicates import nearest
from relseed.tasks.relation import TASK, Example
from relseed.tasks.task import read_examples, read_schema

VALUES = Params.read().values
SCHEMA = read_schema(Path("data/gazette/relations.jsonl"), TASK)
SPLITS = {name: read_examples(Path(f"data/gazette/{name}.jsonl"), TASK, SCHEMA) for name in ("train", "test")}
SEEDS = draw(SPLITS["train"], shots=8, seed=1)
FIRSTS = Path("data/recorded/strategies/firsts.jsonl")
BY_CHOICE = [name for name in STRATEGIES if name.startswith("recorded-")]


def grown(changes: Mapping[str, Any]) -> tuple[Method, list[Exchange], list[Example]]:
    """The method with its changes, what was asked, and what its rules accept."""
    params = Params(merged(VALUES, changes))
    method = read_method(params, RECORDED, TASK, SCHEMA, SEEDS)
    exchanges = asyncio.run(asked(method, params))
    accepted, _ = method.rules.apply_all(found for each in exchanges for found in each.candidates)
    return method, exchanges, accepted


async def asked(method: Method, params: Params) -> list[Exchange]:
    async with open_client(method.llm, "test", Path(method.settings.reads), params) as client:
        return (await write(method, client)).exchanges


def copies(accepted: list[Example]) -> list[Any]:
    texts, known = ([TASK.text(example) for example in examples] for examples in (accepted, SPLITS["test"]))
    return [match for match in nearest(texts, known, threshold=0.6) if match]


@pytest.mark.parametrize("strategy", BY_CHOICE)
def test_five_sentences_of_each_label_have_grown_by_each_way_to_choose(strategy):
    method, exchanges, accepted = grown(STRATEGIES[strategy])
    assert len(accepted) == 80
    assert set(Counter(example.label for example in accepted).values()) == {5}
    assert copies(accepted) == []
    keys, recorded = {each.request.key for each in exchanges}, set(read_responses(Path(method.settings.reads)))
    assert keys <= recorded
    assert strategy == "recorded-tree" or keys == recorded


def test_thirty_two_sentences_have_grown_from_each_of_five_seeds():
    places = [STRATEGIES[name]["methods"][RECORDED]["first"][0] for name in STRATEGIES if name.startswith("first-")]
    _, exchanges, accepted = grown({"methods": {RECORDED: {"per_label": 2, "first": places, "reads": str(FIRSTS)}}})
    assert len({SEEDS[place - 1].label for place in places}) == 5
    assert set(Counter(example.id.rsplit("/", 2)[0] for example in accepted).values()) == {32}
    assert copies(accepted) == []
    assert {each.request.key for each in exchanges} == set(read_responses(FIRSTS))
