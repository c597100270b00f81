"""Samples as a small model continues them: the document, what fits, the form of an answer, and reading it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.tasks.relation import Relation
from relseed.tasks.relation.continuation import SENTENCE, Continuation, document, readable
from relseed.tasks.relation.tags import untag
from tests.drafts import SEEDS

OWNS = Relation(relation="owner_of", head_type="PERSON", tail_type="SMALL_BOAT", definition="the head owns the tail")


def asked(characters: int = 1000, count: int = 1) -> Continuation:
    return Continuation("tuned", OWNS, count, characters)


def test_a_document_names_the_relation_its_types_and_its_definition_and_shows_samples_each_with_its_end():
    assert document(OWNS, ["<e1>Ada</e1> has the <e2>Isa</e2>."]) == (
        "[CLS] owner of ( person , small boat ) : the head owns the tail <end> <e1>Ada</e1> has the <e2>Isa</e2>. <end>"
    )


def test_a_relation_of_any_types_says_so():
    assert "( any , any )" in document(Relation(relation="r", definition="d"), [])


@given(st.lists(st.integers(1, 40), max_size=12), st.integers(0, 200))
def test_of_too_many_samples_those_in_the_middle_are_left_out(lengths, room):
    shown = [f"{at:02}".ljust(length + 2, ".") for at, length in enumerate(lengths)]
    kept = asked(room)._fitting(shown)
    assert sum(map(len, kept)) <= room
    missing = [at for at, one in enumerate(shown) if one not in kept]
    assert missing == list(range(missing[0], missing[-1] + 1)) if missing else kept == shown


def test_the_answer_that_would_be_right_is_the_sentence_with_its_tags():
    assert asked().completion(SEEDS[0]).strip() == (
        "The harbour master says that <e1>Marit Ness</e1> still keeps the <e2>Petrel</e2> under a tarp. <end>"
    )


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (" so <e1> ada </e1> has the <e2> isa </e2> .", True),
        (" <e2> isa </e2> <e1> ada </e1> .", True),
        (" <e1> ada </e1> has the isa .", False),
        (" <e1> ada <e2> isa </e2> </e1> .", False),
        (" <e1> ada </e1> <e1> bo </e1> <e2> isa </e2> .", False),
        (" <e1> </e1> has <e2> isa </e2> .", False),
        (" <e1> ada </e1> has <e2> isa", False),
    ],
)
def test_the_form_of_an_answer_is_one_head_and_one_tail(text, fits):
    assert bool(re.fullmatch(SENTENCE, text)) is fits


def test_an_answer_holds_as_many_samples_as_were_asked_for_each_with_its_end():
    one = " <e1> ada </e1> has the <e2> isa </e2> . <end>"
    form = asked(count=2).answer()["regex"]
    assert [bool(re.fullmatch(form, one * count)) for count in (1, 2, 3)] == [False, True, False]


def test_the_samples_of_an_answer_are_read_one_by_one():
    text = "<e1> ada </e1> has the <e2> isa </e2>. <end> <e1> bo </e1> has <e2> it </e2>. <end>"
    drafts = asked(count=2).parse("tuned/owner_of/3", text, truncated=False)
    assert [(draft.id, draft.text) for draft in drafts] == [
        ("tuned/owner_of/3/0", "<e1>ada</e1> has the <e2>isa</e2>."),
        ("tuned/owner_of/3/1", "<e1>bo</e1> has <e2>it</e2>."),
    ]


def test_of_an_answer_that_was_cut_off_the_samples_before_are_whole():
    text = "<e1> ada </e1> has the <e2> isa </e2>. <end> <e1> bo </e1>"
    drafts = asked(count=2).parse("tuned/owner_of/3", text, truncated=True)
    assert [draft.truncated for draft in drafts] == [False, True]


def test_an_answer_is_read_with_its_tags_close_to_their_words_and_the_types_of_the_relation():
    [draft] = asked().parse("tuned/owner_of/3", "<e1> ada </e1> has the <e2> isa </e2>. <end>", truncated=False)
    assert (draft.id, draft.method, draft.relation) == ("tuned/owner_of/3/0", "tuned", "owner_of")
    assert draft.text == "<e1>ada</e1> has the <e2>isa</e2>."
    assert (draft.head_type, draft.tail_type, draft.problem) == ("PERSON", "SMALL_BOAT", None)
    assert untag(draft.text).text == "ada has the isa."


def test_an_answer_that_was_cut_off_says_so():
    [draft] = asked().parse("tuned/owner_of/3", "<e1> ada", truncated=True)
    assert draft.truncated
    assert draft.problem == "the answer was cut off"


@given(st.text(max_size=40))
def test_whatever_an_answer_holds_without_an_end_it_becomes_one_draft(text):
    [draft] = asked().parse("tuned/owner_of/0", text, truncated=False)
    assert draft.text == readable(text)
