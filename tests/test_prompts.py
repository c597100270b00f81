"""What an LLM is asked: the prompts for sentences, and the names that relations have in all prompts."""

import re
from pathlib import Path

import pytest
from jinja2 import UndefinedError

from relseed.pipeline.errors import UserError
from relseed.pipeline.templates import render
from relseed.tasks.relation import TASK, Relation, Schema
from relseed.tasks.task import read_schema
from tests.boats import SCHEMA, SEEDS, SHOWN, UNTYPED, explanation_prompt, prompt
from tests.graph import ROOT

WORDINGS = ("all_at_once", "one_by_one")  # templates, by the loops that use them


def asked(*args, **changes) -> str:
    """The user's turn of a request for sentences."""
    return prompt(*args, **changes).messages(SHOWN)[-1].content


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
    "path", sorted((ROOT / "relseed/datasets").glob("*/relations.jsonl")), ids=lambda path: path.parent.name
)
def test_no_raw_label_of_any_dataset_is_in_any_prompt(path: Path):
    schema = read_schema(path, TASK)
    raw = [label for label in schema.labels if re.search(r"[_:/()]", label)]
    for relation in schema.relations[:3] + tuple(relation for relation in schema.relations if relation.negative):
        texts = [asked(relation.relation, schema, loop=loop, kind="hard") for loop in WORDINGS]
        texts.append(explanation_prompt(relation.relation, schema).messages()[0].content)
        assert all(relation.name in text for text in texts)
        assert [label for label in raw for text in texts if label in text] == []


# Requests for sentences


@pytest.mark.parametrize("loop", WORDINGS)
def test_demonstrations_appear_in_order_numbered_and_with_their_tags(loop):
    assert "Samples:\n1. {}\n2. {}\n3. {}\n".format(*SHOWN) in asked(loop=loop)
    assert "Samples:\n1. {}\n2. {}\n3. {}\n".format(*SHOWN[::-1]) in prompt(loop=loop).messages(SHOWN[::-1])[0].content


@pytest.mark.parametrize("loop", WORDINGS)
def test_a_typed_relation_is_asked_for_with_its_types(loop):
    text = asked(loop=loop)
    assert "Relation: owner of\nDefinition: the head owns the tail\n" in text
    assert "Types: the head is of type PERSON, the tail of type BOAT\n" in text
    assert (
        '{"relation": "owner of", "samples": [{"sentence": "...", "head_type": "PERSON", "tail_type": "BOAT"}' in text
    )


def test_a_mention_that_may_be_of_any_type_may_be_of_any_that_the_schema_knows():
    text = asked("boat:built_in")
    assert "Types: the head is of type BOAT, the tail of type any\n" in text
    assert '"head_type": "BOAT", "tail_type": "PERSON" or "BOAT"' in text


@pytest.mark.parametrize("loop", WORDINGS)
@pytest.mark.parametrize(("label", "kind"), [("Cause-Effect(e1,e2)", None), ("Other", "hard")])
def test_nothing_is_said_of_types_where_the_schema_has_none(loop, label, kind):
    assert "type" not in asked(label, UNTYPED, loop=loop, kind=kind)


def test_how_many_are_wanted_and_how_long_is_said():
    assert 'Write 3 new samples of "owner of".' in asked()
    assert ", ... 3 in all]" in asked()
    assert 'Write one new sample of "owner of".' in asked(loop="one_by_one", count=1)
    assert "in all]" not in asked(loop="one_by_one", count=1)
    assert "has 4 to 24 words" in asked()


@pytest.mark.parametrize("loop", WORDINGS)
@pytest.mark.parametrize("kind", ["co_occurrence", "hard"])
def test_a_sentence_of_the_negative_label_is_asked_for_with_all_that_it_must_not_state(loop, kind):
    text = asked("no_relation", loop=loop, kind=kind)
    assert "Relation: no relation\n" in text
    assert "- owner of (PERSON, BOAT): the head owns the tail\n" in text
    assert "- boat:built in (BOAT, any): the head was built in the tail\n" in text
    assert "- no relation" not in text
    assert "stands in this relation to the tail" not in text


def test_the_two_kinds_of_sentences_of_the_negative_label_are_told_apart():
    together, close = (asked("no_relation", kind=kind) for kind in ("co_occurrence", "hard"))
    assert "The two mentions occur together" in together
    assert "It comes close to one of the relations above" in close
    assert "comes close" not in together
    assert "occur together" not in close


@pytest.mark.parametrize("loop", WORDINGS)
def test_a_stated_relation_is_asked_for_without_the_others(loop):
    assert "must not hold" not in asked(loop=loop)
    assert "boat:built" not in asked(loop=loop)


@pytest.mark.parametrize("loop", WORDINGS)
def test_diversity_is_asked_for_by_a_system_turn_and_a_rule_or_not_at_all(loop):
    diverse, plain = (prompt(loop=loop, diversity_instruction=wanted).messages(SHOWN) for wanted in (True, False))
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
    "tasks/relation/all_at_once": FIELDS,
    "tasks/relation/one_by_one": FIELDS,
    "tasks/relation/system": {"negative": True, "kind": "hard", "varied": True},
    "explanations/explain": {**dict.fromkeys(ABOUT, "x"), "relation": FIELDS["relation"], "others": FIELDS["others"]},
}


def filled(template: str, fields: dict) -> str:
    return render(ROOT / f"relseed/{template}.jinja", **fields)


@pytest.mark.parametrize("template", NEEDED)
def test_a_filled_template_has_no_holes_and_no_traces_of_the_template(template):
    text = filled(template, NEEDED[template])
    assert not re.search(r"\{[{%#]|[}%#]\}|\bNone\b(?! of)|Undefined|\n\n\n|^ ", text)


@pytest.mark.parametrize(
    ("template", "field"), [(template, field) for template, fields in NEEDED.items() for field in fields]
)
def test_a_field_that_is_missing_is_an_error(template, field):
    with pytest.raises(UndefinedError, match=field):
        filled(template, {key: value for key, value in NEEDED[template].items() if key != field})


@pytest.mark.parametrize("label", ["gehört_zu", "R&D_of", "mother's_side"])
def test_a_relation_is_named_in_the_response_as_it_is_above(label):
    schema = Schema(relations=(Relation(relation=label, definition="made up"), *SCHEMA.relations[1:]))
    assert asked(label, schema).count(schema.relations[0].name) == 3


def test_a_sentence_is_shown_with_its_mentions_in_tags():
    assert TASK.show(SEEDS[1]) == "Nobody but <e1>Tove</e1> has ever held the papers of the <e2>Grey Heron</e2>."


def test_a_sentence_that_itself_holds_a_tag_is_not_shown():
    text = f"{SEEDS[1].text[:-1]} </e1>."
    with pytest.raises(UserError, match="example boats-2 cannot be shown to an LLM: the text itself holds </e1>"):
        TASK.show(SEEDS[1].model_copy(update={"text": text}))
