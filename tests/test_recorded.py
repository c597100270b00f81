"""What the repository ships of an LLM's responses: complete, right in every span, and apart from the test set."""

import asyncio
import json
import re
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from relseed.datasets.draw import draw
from relseed.explanations.explain import Attempts, Explain, explain
from relseed.explanations.explanation import Explanation
from relseed.explanations.prompt import ExplanationPrompt
from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, read_method
from relseed.generation.writing import write
from relseed.labelling.ask import label_requests
from relseed.labelling.inputs import read_prompts
from relseed.labelling.labeller import read_labeller
from relseed.labelling.prompt import LabelPrompt
from relseed.llm.client import open_client
from relseed.llm.engines.batch import read_responses
from relseed.llm.llm import LLM
from relseed.llm.request import Request, Response
from relseed.pipeline.params import Params
from relseed.quality.duplicates import nearest, normalise
from relseed.quality.embeddings import embed
from relseed.quality.templates import masked_copies
from relseed.records.files import read_records, write_records
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tasks.relation.passages import Passage
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.task import read_examples, read_schema
from relseed.tuples import written as written_tuples
from relseed.tuples.collection import gather
from relseed.tuples.pairs import digests_of
from relseed.tuples.source import Asked

PARAMS = Params.read()
BY_LABEL = ("all_at_once", "all_at_once_plain", "one_by_one")
METHODS = (*BY_LABEL, "negatives", "passages", "creator")  # those whose responses are recorded
OF_TUPLES = ("template", "reasoned", "extended", "fusion", "contexts", "blends")  # see test_recorded_tuples.py
SCHEMA = read_schema(Path("data/gazette/relations.jsonl"), TASK)
SEEDS = draw(read_examples(Path("data/gazette/train.jsonl"), TASK, SCHEMA), shots=8, seed=1)


async def _write(method: Method) -> list[Exchange]:
    async with open_client(method.llm, "test", Path(method.settings.reads), PARAMS) as client:
        return list((await write(method, client)).exchanges)


async def _explain() -> list[Attempts]:
    settings = PARAMS.section("explain", Explain)
    llm = PARAMS.section(f"llms.{settings.llm}", LLM)
    async with open_client(llm, "test", settings.reads, PARAMS) as client:
        return await explain([ExplanationPrompt(SCHEMA, seed) for seed in SEEDS], settings, llm, client)


@pytest.fixture(scope="module")
def methods() -> dict[str, Method]:
    return {name: read_method(PARAMS, name, TASK, SCHEMA, SEEDS) for name in METHODS}


@pytest.fixture(scope="module")
def written(methods) -> dict[str, list[Exchange]]:
    return {name: asyncio.run(_write(method)) for name, method in methods.items()}


@pytest.fixture(scope="module")
def explained() -> list[Attempts]:
    return asyncio.run(_explain())


@pytest.fixture(scope="module")
def accepted(methods, written) -> dict[str, list[Example]]:
    candidates = {
        name: [candidate for exchange in exchanges for candidate in exchange.candidates]
        for name, exchanges in written.items()
    }
    return {name: methods[name].rules.apply_all(candidates[name])[0] for name in METHODS}


@pytest.mark.parametrize("method", BY_LABEL)
def test_thirty_two_sentences_of_each_relation_are_accepted(accepted, method):
    counts = dict.fromkeys(SCHEMA.labels, 0)
    for example in accepted[method]:
        counts[example.label] += 1
    assert set(counts.values()) == {32}


def test_twenty_four_near_misses_of_each_relation_and_eighteen_co_occurrences_of_each_pair_of_types_are_accepted(
    accepted,
):
    units = Counter((getattr(example, "near", None), TASK.surface(example)) for example in accepted["negatives"])
    near = {(label, surface): count for (label, surface), count in units.items() if label}
    assert set(near.values()) == {24}
    assert {label for label, _ in near} == set(SCHEMA.labels) - {SCHEMA.negative}
    assert {surface: count for (label, surface), count in units.items() if not label} == dict.fromkeys(
        TASK.surfaces(SCHEMA), 18
    )


def test_a_tree_has_grown_twenty_four_sentences_of_each_label(accepted):
    counts = Counter(example.label for example in accepted["creator"])
    assert counts.total() == 24 * len(SCHEMA.labels)
    assert all(20 <= counts[label] <= 28 for label in SCHEMA.labels)  # the rarest are asked for, level by level


def test_forty_eight_news_sentences_or_more_state_each_relation_and_most_of_their_pairs_state_nothing(accepted):
    counts = Counter(example.label for example in accepted["passages"])
    assert all(counts[label] >= 48 for label in SCHEMA.labels)
    assert counts[SCHEMA.negative] > 0.75 * counts.total()


@pytest.mark.parametrize("method", METHODS[:-1])  # of what grew from one sentence, a pair is as similar as 0.4
def test_no_sentence_comes_near_another_or_a_seed_but_for_names(accepted, method):
    sentences = {example.text: example for example in [*SEEDS, *accepted[method]]}
    masked = [TASK.masked(example) for example in sentences.values()]
    assert masked_copies(masked, threshold=0.4).copies == 0  # the rule draws the line at 0.85


@pytest.mark.parametrize("method", METHODS)
def test_every_span_of_an_accepted_sentence_is_right(written, accepted, method):
    texts = {candidate.id: candidate.text for exchange in written[method] for candidate in exchange.candidates}
    for example in accepted[method]:
        assert tagged(example) == texts[example.id]
        for mention in (example.head, example.tail):
            words = mention.text_of(example.text)
            before, after = f" {example.text} "[mention.start], f" {example.text} "[mention.end + 1]
            assert words == words.strip()
            assert not (before.isalnum() and words[0].isalnum())
            assert not (after.isalnum() and words[-1].isalnum())
        assert SCHEMA.by_label[example.relation].allows(example)


def test_every_seed_is_explained_with_words_of_its_own(explained):
    outcomes = [outcome for attempts in explained for outcome in attempts.outcomes]
    explanations = [outcome for outcome in outcomes if isinstance(outcome, Explanation)]
    texts = {seed.id: seed.text for seed in SEEDS}
    assert {explanation.seed for explanation in explanations} == set(texts)
    assert all(explanation.trigger in texts[explanation.seed] for explanation in explanations)


@pytest.fixture(scope="module")
def labelled(tmp_path_factory) -> dict[str, list[Request]]:
    """The requests of each labeller, those included that a machine would make that rounds differently."""
    write_records(seeds := tmp_path_factory.mktemp("seeds") / "train.jsonl", SEEDS)
    requests = {}
    for name in PARAMS.names("labellers"):
        settings, llm = read_labeller(PARAMS, name)
        files = {part: Path(f"data/gazette/{part}.jsonl") for part in ("relations", "test")}
        prompts = read_prompts(settings, TASK, labels=files["relations"], test=files["test"], seeds=seeds)
        asked = [*prompts, *turned(prompts)] if settings.demonstrations == "nearest" else prompts
        requests[name] = label_requests(name, asked, settings, llm)
    return requests


def turned(prompts: list[LabelPrompt]) -> list[LabelPrompt]:
    """The prompts with two demonstrations exchanged that are as similar to the item, but for rounding."""
    texts = [TASK.masked(example) for example in (*(prompt.item for prompt in prompts), *SEEDS)]
    both = embed(texts, "find demonstrations")
    similar, place = both[: len(prompts)] @ both[len(prompts) :].T, {seed.id: at for at, seed in enumerate(SEEDS)}
    found = []
    for prompt, row in zip(prompts, similar, strict=True):
        shown = list(prompt.demonstrations)
        gaps = np.diff([row[place[each.example.id]] for each in shown])
        for at in np.flatnonzero(gaps < 1e-5):
            exchanged = [*shown[:at], shown[at + 1], shown[at], *shown[at + 2 :]]
            found.append(replace(prompt, demonstrations=exchanged))
    return found


@pytest.fixture(scope="module")
def collected() -> tuple[list[EntityTuple], Asked]:
    """The tuples, and how they were asked for."""
    asked = Asked(PARAMS.section("tuples", written_tuples.Settings), PARAMS, SCHEMA, SEEDS)
    in_test = digests_of(read_examples(Path("data/gazette/test.jsonl"), TASK, SCHEMA))
    return gather(written_tuples.collect(asked), asked, in_test), asked


def test_twenty_four_tuples_of_each_relation_and_twelve_negatives_of_each_pair_of_types_are_collected(collected):
    tuples, asked = collected
    counts = Counter(each.relation for each in tuples)
    assert counts.pop(str(SCHEMA.negative)) == 12 * len({(each.head_type, each.tail_type) for each in tuples})
    assert counts == {label: 24 for label in SCHEMA.labels if label != SCHEMA.negative}
    assert asked.left_out == []


def test_no_tuple_holds_a_name_of_a_seed(collected):
    of_seeds = {normalise(mention.text_of(seed.text)) for seed in SEEDS for mention in (seed.head, seed.tail)}
    assert not of_seeds & {name for each in collected[0] for name in each.names}


def test_two_hundred_test_sentences_are_labelled_by_each_labeller(labelled):
    for name, requests in labelled.items():
        recorded = read_responses(Path(f"data/recorded/{name}.jsonl"))
        assert {request.key for request in requests} == set(recorded)
    assert {name: len(requests) for name, requests in labelled.items()} == {"llm_zero": 200, "llm_knn": 204}


def test_nothing_is_recorded_that_the_pipeline_does_not_ask_for(written, explained, labelled, collected):
    asked = {exchange.request.key for exchanges in written.values() for exchange in exchanges}
    asked |= {exchange.request.key for attempts in explained for exchange in attempts.exchanges}
    asked |= {request.key for requests in labelled.values() for request in requests}
    asked |= {exchange.request.key for exchange in collected[1].exchanges}
    recorded = read_responses(Path("data/recorded"))  # without those in folders, for other data or studies
    for name in OF_TUPLES:
        asked |= set(read_responses(Path(f"data/recorded/{name}.jsonl")))
    assert set(recorded) == asked
    assert all(isinstance(response, Response) for response in recorded.values())


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_written_sentence_comes_near_one_of_validation_or_test(accepted, split):
    known = [example.text for example in read_examples(Path(f"data/gazette/{split}.jsonl"), TASK, SCHEMA)]
    texts = [example.text for method in METHODS for example in accepted[method]]
    assert [match for match in nearest(texts, known, threshold=0.3) if match] == []


def test_no_written_sentence_comes_near_one_of_a_passage_of_wire(accepted):
    passages = [passage for _, passage in read_records(Path("data/gazette/wire.jsonl"), Passage)]
    known = [passage.text[span.start : span.end] for passage in passages for span in passage.sentences]
    texts = list({example.text for method in METHODS for example in accepted[method]})
    assert [match for match in nearest(texts, known, threshold=0.3) if match] == []


def test_each_near_miss_says_of_which_kind_it_is_and_the_kinds_are_spread(accepted):
    kinds: dict[str, Counter[str]] = {}
    for example in accepted["negatives"]:
        if near := getattr(example, "near", None):
            kinds.setdefault(near, Counter())[example.kind] += 1
    wanted = set(PARAMS.value("methods.negatives")["negatives"])
    for near, counts in kinds.items():
        assert set(counts) == (wanted if SCHEMA.by_label[near].reversible else wanted - {"inverse"})
        assert min(counts.values()) >= 2


@pytest.mark.parametrize(
    ("path", "count"), [("semeval/all_at_once", 576), ("semeval/negatives", 196), ("crossre/all_at_once", 240)]
)
def test_the_sentences_recorded_for_other_data_have_their_mentions_in_tags_and_no_two_are_the_same(path, count):
    """Which requests they answer is known where the data is."""
    texts = []
    for response in read_responses(Path(f"data/recorded/{path}.jsonl")).values():
        samples = json.loads(response.text)["samples"]
        texts += [untag(sample["sentence"]).text for sample in samples]
    assert len(texts) == len(set(texts)) == count


def test_the_sentences_recorded_for_crossre_have_three_to_five_names_in_tags_and_no_two_are_the_same():
    texts = []
    for response in read_responses(Path("data/recorded/crossre/passages.jsonl")).values():
        for sample in json.loads(response.text)["samples"]:
            numbers = [int(number) for number in re.findall(r"<(\d)>[^<>]+</\1>", sample["sentence"])]
            assert numbers == list(range(1, len(sample["types"]) + 1))
            assert 3 <= len(numbers) <= 5
            texts.append(re.sub(r"</?\d>", "", sample["sentence"]))
    assert len(texts) == len(set(texts)) == 168


@pytest.mark.parametrize("name", ["llm_zero", "llm_knn"])
def test_the_labels_recorded_for_other_data_are_codes_and_hold_nothing_of_a_sentence(name):
    responses = read_responses(Path(f"data/recorded/semeval/{name}.jsonl"))
    assert len(responses) == 200
    assert all(re.fullmatch(r'\{"answer": "[A-S]"\}', response.text) for response in responses.values())


def test_the_data_card_says_who_wrote_them_and_counts_right(written, labelled):
    card = Path("data/recorded/README.md").read_text(encoding="utf-8")
    assert "Claude" in card
    for name, asked in {**written, **labelled}.items():
        assert f"| {name}.jsonl | {len(asked)} |" in card
    for path in Path("data/recorded").glob("*/*.jsonl"):
        assert f"| {path.parent.name}/{path.name} | {len(read_responses(path))} |" in card
