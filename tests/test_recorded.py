"""What the repository ships of an LLM's answers: complete, right in every span, and apart from the test set."""

import asyncio
from pathlib import Path

import pytest

from relseed.datasets.draw import draw
from relseed.generation.answers import Answer
from relseed.generation.asking import Asking
from relseed.generation.judging import verdicts
from relseed.generation.writer import Generate, Writer
from relseed.llm.engines.batch import read_answers
from relseed.llm.request import Completion
from relseed.llm.teacher import Teacher, open_client
from relseed.pipeline.params import section
from relseed.quality.duplicates import nearest
from relseed.tasks.relation import Example
from relseed.tasks.relation.explanation import Explaining
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tasks.relation.samples import Manner
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.relation.written import Accepted, Explanation
from stages.explain import Explain, _explain

# What each file of samples answers: a method, and the changes to `generate`.
ASKED = {
    "all_at_once": ("all_at_once", {}),
    "all_at_once_plain": ("all_at_once", {"diversity": False}),
    "one_by_one": ("one_by_one", {}),
}
SCHEMA = read_schema(Path("data/gazette/relations.jsonl"))
SEEDS = draw(read_examples(Path("data/gazette/train.jsonl"), SCHEMA), shots=8, seed=1)


async def _write(method: Manner, changes: dict) -> list[Answer]:
    judge, teacher = Judge(SCHEMA, section(Checks), SEEDS), section(Teacher)
    params = section(Generate).model_copy(update=changes)
    writers = [Writer(method, method, relation, judge, teacher, params) for relation in SCHEMA.relations]
    async with open_client("test", teacher) as client:
        asking = Asking(client, method, 1)
        return [answer for each in await asking.all([one.write(asking) for one in writers]) for answer in each]


@pytest.fixture(scope="module")
def written() -> dict[str, list[Answer]]:
    return {file: asyncio.run(_write(*asked)) for file, asked in ASKED.items()}


@pytest.fixture(scope="module")
def explained() -> list:
    return asyncio.run(_explain([Explaining(SCHEMA, seed) for seed in SEEDS], section(Teacher), section(Explain)))


@pytest.fixture(scope="module")
def accepted(written) -> dict[str, list[Accepted]]:
    judge = Judge(SCHEMA, section(Checks), SEEDS)
    return {file: verdicts(answers, judge.anew()).kept for file, answers in written.items()}


@pytest.mark.parametrize("file", ASKED)
def test_thirty_two_sentences_of_each_relation_are_accepted(accepted, file):
    counts = dict.fromkeys(SCHEMA.labels, 0)
    for one in accepted[file]:
        counts[one.relation] += 1
    assert set(counts.values()) == {32}


@pytest.mark.parametrize("file", ASKED)
def test_every_span_of_an_accepted_sentence_is_right(written, accepted, file):
    drafts = {draft.id: draft.text for answer in written[file] for draft in answer.drafts}
    for one in accepted[file]:
        assert tagged(one) == drafts[one.id]
        assert (
            untag(drafts[one.id]).head.within(one.text)
            == one.head.within(one.text)
            == one.head.within(one.text).strip()
        )
        for mention in (one.head, one.tail):
            around = f" {one.text} "[mention.start], f" {one.text} "[mention.end + 1]
            assert not (around[0].isalnum() and one.text[mention.start].isalnum())
            assert not (around[1].isalnum() and one.text[mention.end - 1].isalnum())
        assert SCHEMA.by_label[one.relation].allows(one)
        Example.model_validate(one.model_dump(exclude={"method"}))


def test_every_seed_is_explained_with_words_of_its_own(explained):
    kept = [outcome for one in explained for outcome in one.outcomes if isinstance(outcome, Explanation)]
    texts = {seed.id: seed.text for seed in SEEDS}
    assert {one.seed for one in kept} == set(texts)
    assert all(one.trigger in texts[one.seed] for one in kept)


def test_nothing_is_recorded_that_neither_the_pipeline_nor_a_study_asks_for(written, explained):
    asked = {answer.request.key for each in written.values() for answer in each}
    asked |= {answer.request.key for one in explained for answer in one.answers}
    recorded = read_answers(Path("data/recorded"))
    assert set(recorded) == asked
    assert all(isinstance(answer, Completion) for answer in recorded.values())


@pytest.mark.parametrize("split", ["validation", "test"])
def test_no_written_sentence_comes_near_one_of_validation_or_test(accepted, split):
    known = [example.text for example in read_examples(Path(f"data/gazette/{split}.jsonl"), SCHEMA)]
    texts = [one.text for file in ASKED for one in accepted[file]]
    assert [match for match in nearest(texts, known, threshold=0.3) if match] == []


def test_the_data_card_says_who_wrote_them_and_counts_right(written):
    card = Path("data/recorded/README.md").read_text(encoding="utf-8")
    assert "Claude" in card
    for file, answers in written.items():
        assert f"| {file}.jsonl | {len(answers)} |" in card
