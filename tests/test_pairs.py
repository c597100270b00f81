"""Preference pairs: each kind as it is meant, no leak from one half into the other, the prompts of generation."""

import json
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import yaml

from relseed.datasets.draw import draw
from relseed.generation.answers import Answer
from relseed.generation.writer import Write, Writer
from relseed.llm.teacher import Generator
from relseed.preference.pairs import KINDS, Pair, near_copy, pairs_of
from relseed.preference.split import halved
from relseed.records.files import write_records
from relseed.tasks.relation import Example
from relseed.tasks.relation.continuation import END, sample
from relseed.tasks.relation.files import read_examples, read_schema
from relseed.tasks.relation.rules import Checks, Judge
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.relation.templates import demonstration
from relseed.tasks.relation.written import Accepted, Draft, Rejected
from stages import prefer
from tests.graph import ROOT

SCHEMA = read_schema(ROOT / "data/gazette/relations.jsonl")
SEEDS = draw(read_examples(ROOT / "data/gazette/train.jsonl", SCHEMA), shots=4, seed=1)
PARAMS = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
ALL = dict.fromkeys(KINDS, 1)
LABEL = SCHEMA.labels[0]
OWN = [seed for seed in SEEDS if seed.relation == LABEL]
OTHERS = [seed for seed in SEEDS if seed.relation == SCHEMA.labels[1]]
# As if the generator had written them.
DRAFTS = [one for one in read_examples(ROOT / "data/gazette/validation.jsonl", SCHEMA) if one.relation == LABEL][:6]


def writer(prompt: str = "continuation", seeds: list[Example] = SEEDS) -> Writer:
    generator = Generator.model_validate(PARAMS["generator"] | {"prompt": prompt})
    write = Write.model_validate(PARAMS["write"])
    judge = Judge(SCHEMA, Checks.model_validate(PARAMS["checks"]), seeds)
    return Writer("tuned", "one_by_one", SCHEMA.by_label[LABEL], judge, generator, write)


def built(counts: dict = ALL, prompt: str = "continuation", drafts: Sequence = (), pools=((), ())) -> list[Pair]:
    return list(pairs_of(writer(prompt), OWN, drafts, OTHERS, counts, pools, random.Random(1)))


def test_the_halves_share_no_relation_and_leave_out_the_negative_label_alone():
    halves = halved(SCHEMA.relations, seed=1)
    assert not set(halves.one) & set(halves.two)
    assert {*halves.one, *halves.two} == set(SCHEMA.labels) - {SCHEMA.negative}
    assert abs(len(halves.one) - len(halves.two)) <= 1
    assert halves == halved(SCHEMA.relations, seed=1) != halved(SCHEMA.relations, seed=2)


def test_a_relation_is_written_by_the_adapter_that_was_tuned_on_the_other_half():
    halves = halved(SCHEMA.relations, seed=1)
    assert {halves.adapter_for(label) for label in halves.one} == {"base-two"}
    assert {halves.adapter_for(label) for label in halves.two} == {"base-one"}


def test_what_is_preferred_is_a_seed_of_the_relation_each_after_those_before_it():
    for pair in built():
        number = int(pair.id.split("/")[1])
        assert pair.chosen == sample(demonstration(OWN[number]))
        assert [demonstration(one) in pair.prompt[0].content for one in OWN] == [at < number for at in range(len(OWN))]


def test_a_wrong_relation_is_a_sample_of_another_one_of_the_half():
    found = [pair.rejected for pair in built() if pair.kind == "wrong_relation"]
    assert len(found) == len(OWN)
    assert set(found) <= {sample(demonstration(one)) for one in OTHERS}


def test_an_exact_copy_is_a_sample_that_the_prompt_shows():
    found = [pair for pair in built() if pair.kind == "exact_copy"]
    assert len(found) == len(OWN) - 1  # the first prompt shows none
    assert all(pair.rejected.strip() in pair.prompt[0].content for pair in found)


def shown(pair: Pair) -> list[str]:
    """The samples that a prompt shows."""
    return pair.prompt[0].content.split(END)[1:-1]


def test_after_the_seeds_prompts_show_drafts_and_prefer_a_seed_that_they_do_not_show():
    pairs = [pair for pair in built(drafts=DRAFTS) if int(pair.id.split("/")[1]) >= len(OWN)]
    assert len({pair.prompt for pair in pairs}) == len(DRAFTS)
    for pair in pairs:
        count = int(pair.id.split("/")[1]) - len(OWN) + 1
        texts = [text.strip() for text in shown(pair)]
        assert texts[-min(count, 2) :] == list(map(demonstration, DRAFTS[:count][-2:]))
        assert texts[0] in map(demonstration, OWN)
        assert pair.chosen in {sample(demonstration(one)) for one in OWN}
        assert pair.chosen not in pair.prompt[0].content


def test_prompts_with_drafts_are_those_of_generation_to_the_byte():
    for pair in built(drafts=DRAFTS):
        number = int(pair.id.split("/")[1])
        before = [one for one in OWN if sample(demonstration(one)) != pair.chosen]
        grown = OWN[:number] if number < len(OWN) else [*before, *DRAFTS[: number - len(OWN) + 1]]
        _, request = writer().request(number, 1, list(map(demonstration, grown)))
        assert pair.prompt == request.messages


def test_copies_are_of_the_last_three_samples_that_the_prompt_has_room_for():
    copies = [pair for pair in built({**ALL, "exact_copy": 3}, drafts=DRAFTS) if pair.kind == "exact_copy"]
    assert {pair.rejected.removesuffix(END) in shown(pair)[-3:] for pair in copies} == {True}
    assert max(len(shown(pair)) for pair in copies) > 3


def test_no_pair_is_there_twice_where_samples_are_few():
    pairs = built({**ALL, "exact_copy": 3, "wrong_relation": 9}, drafts=DRAFTS)
    exact = [pair for pair in pairs if pair.kind != "near_copy"]
    assert len({(pair.prompt, pair.chosen, pair.rejected) for pair in exact}) == len(exact)


@pytest.mark.parametrize("seed", range(20))
def test_a_near_copy_has_other_mentions_of_the_same_types_and_a_word_less(seed):
    shown = OWN[seed % len(OWN)]
    copied = near_copy(shown, [*OWN, *OTHERS], random.Random(seed))
    outside = [set(one.text.split()) - set(one.head.within(one.text).split()) for one in (shown, copied)]
    assert len(outside[0] & outside[1]) > len(outside[0]) / 2
    assert copied.head.within(copied.text) != shown.head.within(shown.text)
    assert untag(tagged(copied)) == copied
    known = {mention.within(one.text) for one in [*OWN, *OTHERS] for mention in (one.head, one.tail)}
    assert {copied.head.within(copied.text), copied.tail.within(copied.text)} <= known


def test_a_kind_can_be_switched_off_or_be_there_twice():
    counts = Counter(pair.kind for pair in built({**ALL, "wrong_relation": 2, "near_copy": 0}))
    assert counts == {"wrong_relation": 2 * len(OWN), "exact_copy": len(OWN) - 1}


def test_the_ids_of_pairs_differ():
    pairs = built({**ALL, "wrong_relation": 2})
    assert len({pair.id for pair in pairs}) == len(pairs)


@pytest.mark.parametrize("prompt", ["continuation", "instruct"])
def test_prompts_are_those_of_generation_to_the_byte(prompt):
    for pair in built(prompt=prompt):
        number = int(pair.id.split("/")[1])
        _, request = writer(prompt).request(number, 1, list(map(demonstration, OWN[:number])))
        assert json.dumps([one.model_dump() for one in pair.prompt]) == json.dumps(
            [one.model_dump() for one in request.messages]
        )


def test_an_answer_to_an_instruct_model_is_one_that_its_parser_reads():
    asked, _ = writer("instruct").request(0, 1, [])
    for pair in built(prompt="instruct"):
        for text in (pair.chosen, pair.rejected):
            [draft] = asked.parse("x", text, truncated=False)
            assert draft.problem is None
            assert (draft.said, draft.head_type) == (SCHEMA.by_label[LABEL].name, SCHEMA.by_label[LABEL].head_type)


def test_mined_pairs_set_the_rarest_accepted_against_what_was_rejected_as_a_copy():
    fields = [one.model_dump(exclude_unset=True) | {"method": "one_by_one"} for one in OWN]
    accepted = [Accepted.model_validate(one) for one in [*fields[:2], fields[0] | {"id": "again"}]]
    draft = Draft(id="d", method="one_by_one", relation=LABEL, text=tagged(OWN[2]))
    rejected = [
        Rejected(draft=draft, check="near_duplicate", reason="alike"),
        Rejected(draft=draft, check="length", reason="short"),
    ]
    [pair] = built({**dict.fromkeys(KINDS, 0), "mined": 5}, pools=(accepted, rejected))
    assert (pair.chosen, pair.rejected) == (sample(tagged(OWN[1])), sample(tagged(OWN[2])))


DRAFTED = ("{} keeps a note of it beside the lamp.", "Nobody but {} has asked for it since.", "no mention at all")


def house(label: str) -> str:
    return f"<e1>house {100 + SCHEMA.labels.index(label)}</e1>"


def untuned() -> list[Answer]:
    """Three drafts of each relation, of which the checks reject the last."""
    answers = []
    asked, request = writer().request(0, 1, [])
    for label in set(SCHEMA.labels) - {SCHEMA.negative}:
        own = replace(asked, relation=SCHEMA.by_label[label])
        for number, text in enumerate(DRAFTED):
            id, marked = f"untuned/{label}/{number}", text.format(f"The {house(label)} by <e2>the old quay</e2>")
            drafts = tuple(own.parse(id, f"{marked} {END}", truncated=False))
            answers.append(Answer(id=id, request=request, completion=None, drafts=drafts))
    return answers


FILES = ("seeds.jsonl", "accepted", "rejected", "untuned.jsonl", "preferences")


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    write_records(tmp_path / "seeds.jsonl", SEEDS)
    for folder in ("accepted", "rejected"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "one_by_one.jsonl").touch()
    write_records(tmp_path / "untuned.jsonl", untuned())
    return tmp_path


def test_no_half_holds_a_sentence_of_the_other(project):
    prefer.main(ROOT / "data/gazette/relations.jsonl", *map(Path, FILES))
    halves = json.loads((project / "preferences/halves.json").read_text(encoding="utf-8"))
    for name, other in (("one", "two"), ("two", "one")):
        text = (project / f"preferences/{name}.jsonl").read_text(encoding="utf-8")
        assert text.count("\n") > 60
        mentions = [
            mention.within(seed.text)
            for seed in SEEDS
            for mention in (seed.head, seed.tail)
            if seed.relation in halves[other]
        ]
        own = " ".join(seed.text for seed in SEEDS if seed.relation in halves[name])
        assert not [words for words in mentions if words not in own and f">{words}<" in text]


def test_a_half_shows_the_accepted_drafts_of_its_own_relations_and_no_more_than_asked_for(project):
    (project / "params.yaml").write_text(
        yaml.safe_dump(PARAMS | {"prefer": PARAMS["prefer"] | {"drafts": 1}}), encoding="utf-8"
    )
    prefer.main(ROOT / "data/gazette/relations.jsonl", *map(Path, FILES))
    halves = json.loads((project / "preferences/halves.json").read_text(encoding="utf-8"))
    for name in ("one", "two"):
        text = (project / f"preferences/{name}.jsonl").read_text(encoding="utf-8")
        found = {label for label in SCHEMA.labels if house(label) in text}
        assert found == set(halves[name])
        assert "Nobody but" not in text
        assert "no mention at all" not in text


def test_without_any_kind_there_are_no_pairs_and_the_error_says_what_to_raise(project):
    none = PARAMS | {"prefer": PARAMS["prefer"] | {"kinds": dict.fromkeys(KINDS, 0)}}
    (project / "params.yaml").write_text(yaml.safe_dump(none), encoding="utf-8")
    with pytest.raises(prefer.UserError, match=r"half one has no pairs: raise a value of prefer\.kinds"):
        prefer.main(ROOT / "data/gazette/relations.jsonl", *map(Path, FILES))
    assert not (project / "preferences").exists()
