"""Sentences as a small model goes on with them: the document, how much it shows, and how a response is read."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.tasks.relation import TASK, Relation
from relseed.tasks.relation.continuation import (
    SENTENCE,
    Continuation,
    document,
    line,
    shown_in,
    truncate_middle,
)
from relseed.tasks.relation.tags import untag
from tests.boats import SCHEMA, SEEDS, ask

OWNS = Relation(relation="owner_of", head_type="PERSON", tail_type="SMALL_BOAT", definition="the head owns the tail")


def asked(count: int = 1, characters: int = 1000) -> Continuation:
    return Continuation("tuned", OWNS, count, characters)


def test_a_document_names_the_relation_its_types_and_its_definition_and_lists_sentences():
    assert document(OWNS, ["<e1>Ada</e1> has the <e2>Isa</e2>.", "The <e2>Sula</e2> is <e1>Bo</e1>'s."]) == (
        "owner of (person, small boat): the head owns the tail\n- [Ada] has the {Isa}.\n- The {Sula} is [Bo]'s.\n"
    )


def test_brackets_of_a_sentence_itself_are_shown_as_round_ones_and_its_lines_as_one():
    shown = line("<e1>Ada</e1> [sic] has {two}:\n  the <e2>Isa</e2>.")
    assert shown == "- [Ada] (sic) has (two): the {Isa}.\n"


def test_a_document_says_that_its_sentences_differ_where_that_is_asked_for():
    plain, different = (
        document(OWNS, ["<e1>Ada</e1> has the <e2>Isa</e2>."], different=each) for each in (False, True)
    )
    assert different.splitlines()[1] == "These sentences are as different from each other as possible:"
    assert [each for each in different.splitlines() if each not in plain.splitlines()] == different.splitlines()[1:2]


def test_a_definition_of_several_lines_stands_in_one():
    several = Relation(relation="r", definition="the head\n- owns the tail")
    assert document(several, []) == "r (any, any): the head - owns the tail\n"


def test_a_relation_of_any_types_says_so():
    assert "(any, any)" in document(Relation(relation="r", definition="d"), [])


def test_it_is_asked_for_by_the_label_and_the_count_of_a_method_and_by_what_room_the_llm_has():
    asked_for = ask("boat:built_in", method="tuned", count=2, characters=300, diversity_instruction=True)
    assert Continuation.of(asked_for) == Continuation("tuned", SCHEMA.by_label["boat:built_in"], 2, 300, different=True)


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(0, 200))
def test_of_too_many_sentences_those_in_the_middle_are_left_out(lengths, room):
    shown = [f"{at:02}".ljust(length + 2, ".") for at, length in enumerate(lengths)]
    fitting = truncate_middle(shown, room)
    assert sum(map(len, fitting)) <= room
    missing = [at for at, sentence in enumerate(shown) if sentence not in fitting]
    assert missing == list(range(missing[0], missing[-1] + 1)) if missing else fitting == shown


def test_the_prompt_is_the_document_that_shows_what_has_room():
    shown = [
        "<e1>Ada</e1> has the <e2>Isa</e2>.",
        "<e1>Bo</e1> rows the <e2>Petrel</e2>.",
        "<e1>Ida</e1>: <e2>Sula</e2>",
    ]
    [message] = asked(characters=65).messages(shown)
    assert (message.role, message.content) == ("user", document(OWNS, [shown[0], shown[2]]))


def test_the_response_that_would_be_right_is_the_sentence_as_prompts_show_it():
    assert asked().render_target(SEEDS[0]) == (
        "- The harbour master says that [Marit Ness] still keeps the {Petrel} under a tarp.\n"
    )


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("So [Ada] has the {Isa}.", True),
        ("{Isa} has [Ada] aboard.", True),
        ("[Ada] has the Isa.", False),
        ("[Ada {Isa}] sails.", False),
        ("[Ada] and [Bo] have the {Isa}.", False),
        ("[] has the {Isa}.", False),
        ("[ Ada] has the {Isa}.", False),
        ("[Ada] has the {Isa}", False),
        ("[Ada] has\nthe {Isa}.", False),
    ],
)
def test_the_form_of_a_response_is_one_head_and_one_tail(text, fits):
    assert bool(re.fullmatch(SENTENCE, text)) is fits


def test_a_response_holds_as_many_sentences_as_were_asked_for_each_with_its_end():
    sentence = "- [Ada] has the {Isa}.\n"
    form = asked(count=2).response_schema()["regex"]
    assert [bool(re.fullmatch(form, sentence * count)) for count in (1, 2, 3)] == [False, True, False]


def test_the_sentences_of_a_response_are_read_one_by_one():
    text = "- [Ada] has the {Isa}.\n- [Bo] has {it}.\n"
    candidates = asked(count=2).parse("tuned/owner_of/3", text, truncated=False)
    assert [(candidate.id, candidate.text) for candidate in candidates] == [
        ("tuned/owner_of/3/0", "<e1>Ada</e1> has the <e2>Isa</e2>."),
        ("tuned/owner_of/3/1", "<e1>Bo</e1> has <e2>it</e2>."),
    ]


def test_of_a_response_that_was_cut_off_the_sentences_before_are_whole():
    text = "- [Ada] has the {Isa}.\n- [Bo]"
    candidates = asked(count=2).parse("tuned/owner_of/3", text, truncated=True)
    assert [candidate.truncated for candidate in candidates] == [False, True]


def test_a_response_is_read_with_tags_and_the_types_of_the_relation():
    [candidate] = asked().parse("tuned/owner_of/3", "- [Ada] has the {Isa}.\n", truncated=False)
    assert (candidate.id, candidate.method, candidate.label) == ("tuned/owner_of/3/0", "tuned", "owner_of")
    assert candidate.text == "<e1>Ada</e1> has the <e2>Isa</e2>."
    assert (candidate.fields, candidate.problem) == ({"head_type": "PERSON", "tail_type": "SMALL_BOAT"}, None)
    assert untag(candidate.text).text == "Ada has the Isa."


def test_a_response_that_was_cut_off_says_so():
    [candidate] = asked().parse("tuned/owner_of/3", "- [Ada", truncated=True)
    assert candidate.truncated
    assert candidate.problem == "the response was cut off"


@given(st.text(max_size=40).filter(lambda text: "\n" not in text))
def test_whatever_a_response_holds_without_an_end_it_becomes_one_candidate(text):
    [candidate] = asked().parse("tuned/owner_of/0", text, truncated=False)
    assert not set(candidate.text) & set("[]{}")


def test_the_sentences_of_a_document_are_found_again():
    shown = [TASK.show(seed) for seed in SEEDS[:3]]
    assert shown_in(document(OWNS, shown, different=True)) == shown


@given(st.sampled_from(SEEDS))
def test_a_sentence_comes_back_with_its_tags_from_how_prompts_show_it(seed):
    [candidate] = asked().parse("tuned/owner_of/0", asked().render_target(seed), truncated=False)
    assert candidate.text == TASK.show(seed)
