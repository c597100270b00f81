"""Which mentions of a text are paired, to be labelled."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.extraction.documents import Document
from relseed.extraction.pairs import pairs
from relseed.tasks.relation import Mention, Relation, Schema
from relseed.tasks.relation.passages import Span

FAR = 1000
TYPES = {"A": "PERSON", "B": "PERSON", "O": "ORGANIZATION", "L": "LOCATION"}
NONE = Relation(relation="none", definition="", negative=True)
LEADS = Relation(relation="leads", head_type="PERSON", tail_type="ORGANIZATION", definition="")
NEAR = Relation(relation="near", head_type="LOCATION", definition="")
ANY = Relation(relation="any", definition="")


def schema(*relations: Relation) -> Schema:
    return Schema(relations=(*relations, NONE))


def document(text: str) -> Document:
    """A text whose capital letters are mentions, each sentence with a full stop."""
    sentences = [Span(start=found.start(), end=found.end()) for found in re.finditer(r"[^. ][^.]*\.", text)]
    found = re.finditer(r"[A-Z]+", text)
    mentions = [Mention(start=each.start(), end=each.end(), type=TYPES[each.group()[0]]) for each in found]
    return Document(text=text, sentences=tuple(sentences), mentions=tuple(mentions))


def paired(text: str, schema: Schema, max_distance: int = FAR) -> list[str]:
    found = [item for _, item in pairs(document(text), schema, max_distance)]
    return [f"{item.head.text_of(item.text)}{item.tail.text_of(item.text)}" for item in found]


def test_mentions_are_paired_in_both_directions_where_the_schema_has_no_types():
    assert paired("A met B at O.", schema(ANY)) == ["AB", "BA", "AO", "OA", "BO", "OB"]


def test_only_directions_that_the_types_of_a_relation_allow_are_paired():
    assert paired("A met B at O in L.", schema(LEADS)) == ["AO", "BO"]


def test_a_relation_that_names_one_type_allows_any_other():
    assert paired("A met B at L.", schema(NEAR)) == ["LA", "LB"]


def test_the_negative_label_allows_nothing():
    assert paired("A met B.", schema(LEADS)) == []
    [one, other] = document("A met B.").mentions
    assert not schema(LEADS).relates(one, other)


def test_mentions_of_two_sentences_are_no_pair():
    assert paired("A left. O stayed.", schema(LEADS)) == []


def test_mentions_of_the_same_wording_are_no_pair():
    assert paired("A and A met B.", schema(ANY)) == ["AB", "BA", "AB", "BA"]


@pytest.mark.parametrize(("distance", "expected"), [(7, ["AO"]), (6, [])])
def test_mentions_with_more_characters_between_them_than_asked_for_are_no_pair(distance, expected):
    assert paired("A leads O.", schema(LEADS), distance) == expected


def test_mentions_that_overlap_are_no_pair():
    mentions = (Mention(start=0, end=5, type="PERSON"), Mention(start=4, end=8, type="ORGANIZATION"))
    overlapping = Document(text="Ada Orrefors left.", sentences=(Span(start=0, end=18),), mentions=mentions)
    assert list(pairs(overlapping, schema(ANY), FAR)) == []


@given(before=st.text("ab .", max_size=9), between=st.text("ab ,", min_size=1, max_size=9))
def test_an_item_is_its_sentence_with_offsets_in_there_and_says_where_that_is(before, between):
    whole = document(f"{before}A{between}O.")
    [(place, item)] = pairs(whole, schema(LEADS), FAR)
    assert item.text == whole.text[place.start : place.end]
    assert (item.head.text_of(item.text), item.head.type) == ("A", "PERSON")
    assert (item.tail.text_of(item.text), item.tail.type) == ("O", "ORGANIZATION")
