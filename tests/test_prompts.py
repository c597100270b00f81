"""What an LLM is asked: the prompts for samples and explanations, and the names that relations have in them."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from relseed.tasks.relation import Relation, Schema
from relseed.tasks.relation.files import read_schema
from relseed.tasks.relation.templates import prompt
from tests.drafts import SCHEMA, SHOWN, UNTYPED, explaining, samples
from tests.graph import ROOT

METHODS = ("all_at_once", "one_by_one")


def asked(*args, **changes) -> str:
    """The user's turn of a request for samples."""
    return samples(*args, **changes).messages(SHOWN)[-1].content


def question(*args) -> str:
    return explaining(*args).messages()[0].content


# The names of relations


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("per:parents", "person parents"),
        ("org:founded_by", "organization founded by"),
        ("org:top_members/employees", "organization top members/employees"),
        ("no_relation", "no relation"),
        ("Cause-Effect(e1,e2)", "cause-effect (head, tail)"),
        ("Cause-Effect(e2,e1)", "cause-effect (tail, head)"),
        ("Other", "other"),
    ],
)
def test_a_label_is_told_in_plain_words(label, name):
    assert Relation(relation=label, definition="made up").name == name


@pytest.mark.parametrize("label", ["newspaper:editor", "cyborg:maker"])
def test_the_prefixes_of_tacred_are_prefixes_only(label):
    assert Relation(relation=label, definition="made up").name == label


@pytest.mark.parametrize(
    "path", sorted((ROOT / "stages" / "datasets").glob("*_relations.jsonl")), ids=lambda path: path.stem
)
def test_no_raw_label_of_any_dataset_is_in_any_prompt(path: Path):
    schema = read_schema(path)
    raw = [label for label in schema.labels if re.search(r"[_:/()]", label)]
    for relation in schema.relations[:3] + tuple(one for one in schema.relations if one.negative):
        texts = [asked(relation.relation, schema, method=method, kind="hard") for method in METHODS]
        texts.append(question(relation.relation, schema))
        assert all(relation.name in text for text in texts)
        assert [label for label in raw for text in texts if label in text] == []


# Requests for samples


@pytest.mark.parametrize("method", METHODS)
def test_demonstrations_appear_in_order_numbered_and_with_their_tags(method):
    assert "Samples:\n1. {}\n2. {}\n3. {}\n".format(*SHOWN) in asked(method=method)
    assert (
        "Samples:\n1. {}\n2. {}\n3. {}\n".format(*SHOWN[::-1])
        in samples(method=method).messages(SHOWN[::-1])[0].content
    )


@pytest.mark.parametrize("method", METHODS)
def test_a_typed_relation_is_asked_for_with_its_types(method):
    text = asked(method=method)
    assert "Relation: owner of\nDefinition: the head owns the tail\n" in text
    assert "Types: the head is of type PERSON, the tail of type BOAT\n" in text
    assert (
        '{"relation": "owner of", "samples": [{"sentence": "...", "head_type": "PERSON", "tail_type": "BOAT"}' in text
    )


def test_a_mention_that_may_be_of_any_type_may_be_of_any_that_the_schema_knows():
    text = asked("boat:built_in")
    assert "Types: the head is of type BOAT, the tail of type any\n" in text
    assert '"head_type": "BOAT", "tail_type": "PERSON" or "BOAT"' in text


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("label", "kind"), [("Cause-Effect(e1,e2)", "stated"), ("Other", "hard")])
def test_nothing_is_said_of_types_where_the_schema_has_none(method, label, kind):
    assert "type" not in asked(label, UNTYPED, method=method, kind=kind)


def test_how_many_are_wanted_and_how_long_is_said():
    assert 'Write 3 new samples of "owner of".' in asked()
    assert ", ... 3 in all]" in asked()
    assert 'Write one new sample of "owner of".' in asked(method="one_by_one", count=1)
    assert "in all]" not in asked(method="one_by_one", count=1)
    assert "has 4 to 24 words" in asked()


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("kind", ["co_occurrence", "hard"])
def test_a_negative_sample_is_asked_for_with_all_that_it_must_not_state(method, kind):
    text = asked("no_relation", method=method, kind=kind)
    assert "Relation: no relation\n" in text
    assert "- owner of (PERSON, BOAT): the head owns the tail\n" in text
    assert "- boat:built in (BOAT, any): the head was built in the tail\n" in text
    assert "- no relation" not in text
    assert "stands in this relation to the tail" not in text


def test_the_two_kinds_of_negative_samples_are_told_apart():
    together, close = (asked("no_relation", kind=kind) for kind in ("co_occurrence", "hard"))
    assert "The two mentions occur together" in together
    assert "It comes close to one of the relations above" in close
    assert "comes close" not in together
    assert "occur together" not in close


@pytest.mark.parametrize("method", METHODS)
def test_a_stated_relation_is_asked_for_without_the_others(method):
    assert "must not hold" not in asked(method=method)
    assert "boat:built" not in asked(method=method)


@pytest.mark.parametrize("method", METHODS)
def test_diversity_is_asked_for_by_a_system_turn_and_a_rule_or_not_at_all(method):
    diverse, plain = (samples(method=method, diversity=diversity).messages(SHOWN) for diversity in (True, False))
    assert [message.role for message in diverse] == ["system", "user"]
    assert [message.role for message in plain] == ["user"]
    assert "Be as different as possible" in diverse[1].content
    assert "as different as possible" not in plain[0].content


FIELDS = {
    "relation": SCHEMA.by_label["no_relation"],
    "kind": "hard",
    "others": SCHEMA.relations[:2],
    "demonstrations": SHOWN,
    "head_types": ["PERSON"],
    "tail_types": ["BOAT"],
    "count": 2,
    "shortest": 5,
    "longest": 40,
    "diversity": True,
}
ABOUT = ("relation", "others", "sentence", "head", "tail", "head_type", "tail_type")
NEEDED = {
    "all_at_once": FIELDS,
    "one_by_one": FIELDS,
    "manner": {"negative": True, "kind": "hard"},
    "explain": {**dict.fromkeys(ABOUT, "x"), "relation": FIELDS["relation"], "others": FIELDS["others"]},
}


@pytest.mark.parametrize("name", NEEDED)
def test_a_filled_template_has_no_holes_and_no_traces_of_the_template(name):
    text = prompt(name, **NEEDED[name])
    assert not re.search(r"\{[{%#]|[}%#]\}|\bNone\b(?! of)|Undefined|\n\n\n|^ ", text)


@pytest.mark.parametrize(("name", "field"), [(name, field) for name, fields in NEEDED.items() for field in fields])
def test_a_field_that_is_missing_is_an_error(name, field):
    with pytest.raises(UndefinedError, match=field):
        prompt(name, **{key: value for key, value in NEEDED[name].items() if key != field})


@pytest.mark.parametrize("label", ["gehört_zu", "R&D_of", "mother's_side"])
def test_a_relation_is_named_in_the_answer_as_it_is_above(label):
    schema = Schema(relations=(Relation(relation=label, definition="made up"), *SCHEMA.relations[1:]))
    assert asked(label, schema).count(schema.relations[0].name) == 3


# Requests for explanations


def test_an_explanation_is_asked_for_with_the_sentence_its_mentions_and_its_relation():
    text = question()
    assert "Sentence: Old <e1>Marit Ness</e1> still keeps the <e2>Petrel</e2> under a green tarp.\n" in text
    assert "Relation of the head to the tail: owner of\nDefinition: the head owns the tail\n" in text
    assert 'why the head "Marit Ness" (PERSON) stands in this relation to the tail "Petrel" (BOAT)' in text
    assert "boat:built" not in text


def test_an_explanation_without_types_speaks_of_none():
    text = question("Cause-Effect(e1,e2)", UNTYPED)
    assert 'the head "Marit Ness" stands in this relation to the tail "Petrel" in this sentence' in text
    negative = question("Other", UNTYPED)
    assert 'between the head "Marit Ness" and the tail "Petrel", and' in negative
    assert "type" not in text + negative


def test_a_negative_seed_is_explained_against_all_relations():
    text = question("no_relation")
    assert "- owner of (PERSON, BOAT): the head owns the tail\n" in text
    assert "states none of these relations" in text
    assert "- no relation" not in text
