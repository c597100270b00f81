"""What an LLM answered about entity tuples: complete, about the right names, and apart from the test set."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from relseed.datasets.draw import draw
from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, read_method
from relseed.generation.writing import write
from relseed.llm.client import open_client
from relseed.llm.engines.batch import read_responses
from relseed.llm.llm import LLM
from relseed.llm.request import Response
from relseed.pipeline.params import Params
from relseed.quality.duplicates import nearest
from relseed.records.files import write_records
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.task import read_examples, read_schema
from relseed.tuples import written as written_tuples
from relseed.tuples.collection import gather
from relseed.tuples.contexts import Contexts, entities_of, with_contexts, write_contexts, written_paragraphs
from relseed.tuples.drafts import with_drafts
from relseed.tuples.pairs import digests_of
from relseed.tuples.source import Asked

PARAMS = Params.read()
SCHEMA = read_schema(Path("data/gazette/relations.jsonl"), TASK)
SEEDS = draw(read_examples(Path("data/gazette/train.jsonl"), TASK, SCHEMA), shots=8, seed=1)
TEST = read_examples(Path("data/gazette/test.jsonl"), TASK, SCHEMA)
METHODS = ("template", "reasoned", "extended", "fusion")


@pytest.fixture(scope="module")
def tuples() -> list[EntityTuple]:
    asked = Asked(PARAMS.section("tuples", written_tuples.Settings), PARAMS, SCHEMA, SEEDS)
    return gather(written_tuples.collect(asked), asked, digests_of(TEST))


@pytest.fixture(scope="module")
def contexts(tuples) -> list[Exchange]:
    settings = PARAMS.section("contexts", Contexts)
    llm = PARAMS.section(f"llms.{settings.llm}", LLM)

    async def asked() -> list[Exchange]:
        async with open_client(llm, "test", settings.reads, PARAMS) as client:
            return await write_contexts(entities_of(tuples, SCHEMA), settings, llm, client)

    return asyncio.run(asked())


def asked_about(name: str, about: list[EntityTuple], folder: Path) -> tuple[Method, list[Exchange]]:
    """The method of params.yaml and its exchanges, about these tuples."""
    write_records(folder / f"{name}.jsonl", about)
    entry = PARAMS.values["methods"][name] | {"about": str(folder / f"{name}.jsonl")}
    values = PARAMS.values | {"methods": PARAMS.values["methods"] | {name: entry}}
    method = read_method(Params(values), name, TASK, SCHEMA, SEEDS)

    async def within() -> list[Exchange]:
        async with open_client(method.llm, "test", Path(method.settings.reads), PARAMS) as client:
            return list((await write(method, client)).exchanges)

    return method, asyncio.run(within())


@pytest.fixture(scope="module")
def written(tuples, contexts, tmp_path_factory) -> dict[str, tuple[list[Exchange], list[Example]]]:
    folder, found = tmp_path_factory.mktemp("recorded"), dict[str, tuple[list[Exchange], list[Example]]]()

    def add(name: str, about: list[EntityTuple]) -> dict[str, str]:
        method, exchanges = asked_about(name, about, folder)
        accepted, _ = method.rules.apply_all(each for exchange in exchanges for each in exchange.candidates)
        found[name] = exchanges, accepted
        return {(example.model_extra or {})["tuple"]: tagged(example) for example in accepted}

    first, second = add("template", tuples), add("reasoned", tuples)
    add("extended", list(with_contexts(tuples, written_paragraphs(contexts))))
    add("fusion", list(with_drafts(tuples, first, second)))
    return found


def test_every_entity_of_a_tuple_that_asserts_something_has_a_paragraph_that_names_it(tuples, contexts):
    entities = entities_of(tuples, SCHEMA)
    assert {each.key for each in entities} == set(written_paragraphs(contexts))


@pytest.mark.parametrize("name", METHODS)
def test_one_sentence_about_each_tuple_is_accepted(written, tuples, name):
    wanted = [each.id for each in tuples if name == "reasoned" or each.relation != SCHEMA.negative]
    assert Counter((example.model_extra or {})["tuple"] for example in written[name][1]) == Counter(wanted)


@pytest.mark.parametrize("name", METHODS)
def test_both_mentions_are_the_names_of_the_tuple(written, tuples, name):
    names = {each.id: (each.head, each.tail) for each in tuples}
    for example in written[name][1]:
        mentions = example.head.text_of(example.text), example.tail.text_of(example.text)
        assert mentions == names[(example.model_extra or {})["tuple"]]
        assert SCHEMA.by_label[example.relation].allows(example)


@pytest.mark.parametrize("name", METHODS)
def test_no_sentence_comes_near_one_of_the_test_set(written, name):
    texts, known = [example.text for example in written[name][1]], [example.text for example in TEST]
    assert [match for match in nearest(texts, known, threshold=0.3) if match] == []


def test_nothing_is_recorded_that_the_pipeline_does_not_ask_for(written, contexts):
    exchanges = {name: found for name, (found, _) in written.items()} | {"contexts": contexts}
    for name, found in exchanges.items():
        keys = {exchange.request.key for exchange in found if exchange.request}
        assert keys == set(read_responses(Path(f"data/recorded/{name}.jsonl")))


def test_blends_hold_the_names_of_a_tuple_each(tuples):
    names = {(each.head, each.tail) for each in tuples}
    found = []
    for response in read_responses(Path("data/recorded/blends.jsonl")).values():
        assert isinstance(response, Response)
        for sample in json.loads(response.text)["samples"]:
            sentence = untag(sample["sentence"])
            found.append(tuple(mention.text_of(sentence.text) for mention in (sentence.head, sentence.tail)))
    assert len(found) == 360
    assert set(found) <= names
