"""Preference pairs: each flaw as it is meant, no leak from one half into the other, the prompts that a loop sends."""

import random
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest

from relseed.datasets.draw import draw
from relseed.generation.method import Method, Target, read_method
from relseed.llm.request import Request
from relseed.pipeline.params import Params
from relseed.preference.pair import FLAWS, PreferencePair
from relseed.preference.pairs import near_copy, pairs_of
from relseed.preference.split import split_relations
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.continuation import in_tags, line, shown_in
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.task import read_examples, read_schema
from tests.graph import PARAMS, ROOT
from tests.methods import run
from tests.scripted import Scripted

SCHEMA = read_schema(ROOT / "data/gazette/relations.jsonl", TASK)
SEEDS = draw(read_examples(ROOT / "data/gazette/train.jsonl", TASK, SCHEMA), shots=4, seed=1)
EACH_ONCE = dict.fromkeys(FLAWS, 1)
LABEL = SCHEMA.labels[0]
MINE = [seed for seed in SEEDS if seed.relation == LABEL]
OTHERS = [seed for seed in SEEDS if seed.relation == SCHEMA.labels[1]]
VALIDATION = read_examples(ROOT / "data/gazette/validation.jsonl", TASK, SCHEMA)
OWN = [example for example in VALIDATION if example.relation == LABEL][:6]  # as if the LLM had written them
both_forms = pytest.mark.parametrize("form", ["continuation", "chat"])


def method(form: str = "continuation", seeds: Sequence[Example] = SEEDS, **changes: Any) -> Method:
    """The method `untuned` with the loop `one_by_one`, by an LLM whose prompts have this form."""
    llm = PARAMS["llms"]["untuned"] | {"model": "tiny", "form": form, "prompt_characters": 700}
    own = {name: value for name, value in PARAMS["methods"]["untuned"].items() if name != "per_request"}
    entry = own | {"loop": "one_by_one"} | changes
    changed = PARAMS | {"llms": {"untuned": llm}, "methods": {"untuned": entry}}
    return read_method(Params(changed), "untuned", TASK, SCHEMA, seeds)


def built(
    counts: dict = EACH_ONCE, form: str = "continuation", own: Sequence[Example] = (), **changes: Any
) -> list[PreferencePair]:
    """The pairs of the first relation, in a half with one other; `changes` are those of the method's settings."""
    return list(pairs_of(method(form, **changes), LABEL, [*MINE, *OTHERS], own, counts, random.Random(1)))


def number_of(pair: PreferencePair) -> int:
    """The number of a pair's prompt."""
    return int(pair.id.split("/")[1])


def shown(pair: PreferencePair) -> list[str]:
    """The sentences that a prompt to go on with shows."""
    return shown_in(pair.prompt[0].content)


def targets(examples: Sequence[Example]) -> list[str]:
    """Sentences as responses of a small model."""
    return [line(TASK.show(example)) for example in examples]


# The halves


def test_the_halves_share_no_relation_and_leave_out_the_negative_label_alone():
    split = split_relations(SCHEMA.relations, seed=1)
    assert not set(split.a) & set(split.b)
    assert {*split.a, *split.b} == set(SCHEMA.labels) - {SCHEMA.negative}
    assert abs(len(split.a) - len(split.b)) <= 1


def test_the_halves_follow_the_random_seed():
    assert split_relations(SCHEMA.relations, 1) == split_relations(SCHEMA.relations, 1)
    assert split_relations(SCHEMA.relations, 1) != split_relations(SCHEMA.relations, 2)


def test_a_relation_is_written_by_the_adapter_that_was_tuned_on_the_other_half():
    split = split_relations(SCHEMA.relations, seed=1)
    assert set(split.halves) == {"a", "b"}
    assert split.by_label == dict.fromkeys(split.a, "b") | dict.fromkeys(split.b, "a")


# The prompts


def sent(form: str, seeds: Sequence[Example], written: Sequence[Example], **changes: Any) -> list[Request]:
    """What the loop asks for the first relation that has these seeds, where its responses hold `written` in turn."""
    room = {"per_label": len(written) + 1, "max_request_factor": 1}
    chosen = method(form, seeds, **room | changes)
    prompt, _ = chosen.request(Target(LABEL, 1), 0, 1, [])
    responses = iter([*written, seeds[0]])  # one more, that no prompt shows
    engine = Scripted(lambda _: prompt.render_target(next(responses)))
    found = run(engine, chosen)
    assert found.rejected == {"copy": 1}
    return engine.requests


@both_forms
@pytest.mark.parametrize("demonstrations", [2, 8])
def test_the_prompt_of_a_seed_is_what_the_loop_sends_once_it_was_given_the_seeds_before(form, demonstrations):
    requests = sent(form, MINE[:1], MINE[1:], demonstrations=demonstrations)
    pairs = [pair for pair in built(form=form, demonstrations=demonstrations) if number_of(pair) > 0]
    assert {number_of(pair) for pair in pairs} == {1, 2, 3}
    for pair in pairs:
        assert pair.prompt == requests[number_of(pair) - 1].messages


@both_forms
@pytest.mark.parametrize("demonstrations", [2, 8])
def test_a_prompt_with_examples_of_the_llm_is_what_the_loop_sends_once_it_wrote_them(form, demonstrations):
    prompt, _ = method(form).request(Target(LABEL, 1), 0, 1, [])
    by_number = {number_of(pair): pair for pair in built(form=form, own=OWN, demonstrations=demonstrations)}
    assert set(by_number) == set(range(len(MINE) + len(OWN)))
    for count in range(1, len(OWN) + 1):
        pair = by_number[len(MINE) + count - 1]
        seeds = [seed for seed in MINE if prompt.render_target(seed) != pair.chosen]
        assert len(seeds) == len(MINE) - 1
        assert pair.prompt == sent(form, seeds, OWN[:count], demonstrations=demonstrations)[-1].messages


def test_the_first_prompt_shows_no_example():
    assert {tuple(shown(pair)) for pair in built() if number_of(pair) == 0} == {()}


def test_after_the_seeds_prompts_show_one_more_example_of_the_llm_each():
    pairs = [pair for pair in built(own=OWN) if number_of(pair) >= len(MINE)]
    assert len({pair.prompt for pair in pairs}) == len(OWN)
    for pair in pairs:
        last = OWN[number_of(pair) - len(MINE)]
        assert shown(pair)[-1] == tagged(last)
        assert shown(pair)[0] in map(tagged, MINE)


# What is preferred, and what is not


def test_what_is_preferred_is_a_seed_of_the_relation_that_the_prompt_does_not_show():
    for pair in built(own=OWN):
        assert pair.chosen in targets(MINE)
        assert pair.chosen not in pair.prompt[0].content
    assert [pair.chosen for pair in built() if pair.flaw == "wrong_relation"] == targets(MINE)


def test_a_wrong_relation_is_an_example_of_another_one_of_the_half():
    found = [pair.rejected for pair in built() if pair.flaw == "wrong_relation"]
    assert len(found) == len(MINE)
    assert set(found) <= set(targets(OTHERS))


def test_an_exact_copy_is_an_example_that_the_prompt_shows():
    found = [pair for pair in built() if pair.flaw == "exact_copy"]
    assert len(found) == len(MINE) - 1  # the first prompt shows none
    assert all(pair.rejected.strip() in pair.prompt[0].content for pair in found)


def test_copies_are_of_the_last_three_examples_that_the_prompt_has_room_for():
    copies = [pair for pair in built(EACH_ONCE | {"exact_copy": 3}, own=OWN) if pair.flaw == "exact_copy"]
    assert all(in_tags(pair.rejected) in shown(pair)[-3:] for pair in copies)
    assert max(len(shown(pair)) for pair in copies) > 3
    assert len(shown(copies[-1])) < len(MINE) - 1 + len(OWN)


@pytest.mark.parametrize("number", range(20))
def test_a_near_copy_has_other_mentions_of_the_same_types_and_a_word_less(number):
    original = MINE[number % len(MINE)]
    copied = near_copy(original, [*MINE, *OTHERS], random.Random(number))
    before, after = (
        set(sentence.text.split()) - set(sentence.head.text_of(sentence.text).split())
        for sentence in (original, copied)
    )
    assert len(before & after) > len(before) / 2
    assert copied.head.text_of(copied.text) != original.head.text_of(original.text)
    assert untag(tagged(copied)) == copied
    known = {
        (mention.type, mention.text_of(seed.text)) for seed in [*MINE, *OTHERS] for mention in (seed.head, seed.tail)
    }
    for role in ("head", "tail"):
        assert (getattr(original, role).type, getattr(copied, role).text_of(copied.text)) in known


def test_a_flaw_can_be_switched_off_or_be_there_twice():
    counts = Counter(pair.flaw for pair in built(EACH_ONCE | {"wrong_relation": 2, "near_copy": 0}))
    assert counts == {"wrong_relation": 2 * len(MINE), "exact_copy": len(MINE) - 1}


def test_no_pair_is_there_twice_where_examples_are_few():
    pairs = built(EACH_ONCE | {"exact_copy": 3, "wrong_relation": 9}, own=OWN)
    exact = [pair for pair in pairs if pair.flaw != "near_copy"]
    assert len({(pair.prompt, pair.chosen, pair.rejected) for pair in exact}) == len(exact)


def test_the_ids_of_pairs_differ():
    pairs = built(EACH_ONCE | {"wrong_relation": 2}, own=OWN)
    assert len({pair.id for pair in pairs}) == len(pairs)


@both_forms
def test_both_responses_of_a_pair_can_be_read_and_say_that_they_are_what_was_asked_for(form):
    prompt, _ = method(form).request(Target(LABEL, 1), 0, 1, [])
    relation = SCHEMA.by_label[LABEL]
    for pair in built(form=form):
        for text in (pair.chosen, pair.rejected):
            [candidate] = prompt.parse("untuned/x/0", text, truncated=False)
            assert (candidate.problem, candidate.fields["head_type"]) == (None, relation.head_type)
            assert candidate.fields.get("relation", relation.name) == relation.name
