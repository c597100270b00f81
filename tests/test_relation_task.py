"""Relations as a task among others: what of a sentence is compared, encoded, shown to people and read."""

import pytest

from relseed.records.candidates import Candidate
from relseed.tasks.relation import TASK, Example, Mention, Relation
from relseed.tasks.task import load_task
from tests.boats import FRENCH, OTHER, SCHEMA, SEEDS, UNTYPED, candidate

NAMES = {"head": "Ines", "tail": "Sula"}
TAIL_FIRST = TASK.read_item({"text": OTHER})


def test_a_task_is_found_by_its_name():
    assert load_task("relation") is TASK


def test_duplicates_are_told_by_the_text_and_diversity_by_the_text_without_its_mentions():
    assert TASK.text(TAIL_FIRST) == "Last spring the bank gave the Sula back to Ines Falk without a word."
    assert TASK.masked(TAIL_FIRST) == "Last spring the bank gave the [MASK] back to [MASK] without a word."


def test_a_cross_encoder_reads_the_text_and_the_two_mentions_head_first():
    assert TASK.texts(TAIL_FIRST) == (TASK.text(TAIL_FIRST), "Ines Falk, Sula")


def test_what_is_known_before_a_word_is_read_are_the_types_of_the_mentions():
    assert TASK.surface(SEEDS[0]) == ("PERSON", "BOAT")
    assert TASK.surface(TAIL_FIRST) == (None, None)


def test_people_read_a_sentence_in_pieces_with_its_mentions_and_their_types():
    assert TASK.segments(SEEDS[1]) == [
        ("Nobody but ", None, None),
        ("Tove", "head", "PERSON"),
        (" has ever held the papers of the ", None, None),
        ("Grey Heron", "tail", "BOAT"),
        (".", None, None),
    ]


def test_the_pieces_of_a_candidate_have_the_types_that_the_response_names():
    pieces = TASK.candidate_segments(candidate(OTHER, fields={"tail_type": "SHIP"}))
    assert [piece for piece in pieces if piece[1]] == [("Sula", "tail", "SHIP"), ("Ines Falk", "head", "PERSON")]


@pytest.mark.parametrize("text", ["No tags at all.", "<e1>Ines</e1> alone", '{"samples": ['])
def test_a_candidate_whose_tags_cannot_be_read_is_shown_as_it_came(text: str):
    assert TASK.candidate_segments(Candidate(id="a/0", method="a", label="owner_of", text=text)) == [(text, None, None)]


def test_an_example_fits_the_schema_if_its_types_are_those_of_its_relation():
    assert TASK.misfit(SEEDS[0], SCHEMA) is None
    built = SEEDS[0].model_copy(update={"relation": "boat:built_in"})
    assert "boat:built_in asks for BOAT -> any, the mentions are PERSON -> BOAT" in (TASK.misfit(built, SCHEMA) or "")


def test_the_types_that_relations_ask_for_are_what_is_known_of_a_related_pair_beforehand():
    assert TASK.surfaces(SCHEMA) == (("PERSON", "BOAT"), None)  # boats are built in anything
    assert TASK.surfaces(UNTYPED) == (None,)


def test_a_pair_whose_types_no_relation_has_is_fit_for_none_and_one_without_types_for_any():
    types = {"head_type": "PERSON", "tail_type": "PERSON"}
    pair = TASK.read_item({"text": OTHER, **types})
    assert TASK.unfit(pair, SCHEMA) == "no relation has the types PERSON -> PERSON"
    assert TASK.unfit(pair, UNTYPED) is None
    assert TASK.unfit(TAIL_FIRST, SCHEMA) is None
    assert TASK.unfit(SEEDS[0], SCHEMA) is None


def test_an_example_is_about_its_relation_or_the_one_that_it_comes_near_or_about_none():
    nothing = SEEDS[0].model_copy(update={"relation": "no_relation"})
    near = Example.model_validate(nothing.model_dump() | {"near": "owner_of"})
    assert [TASK.about(example, SCHEMA) for example in (SEEDS[0], nothing, near)] == ["owner_of", None, "owner_of"]


@pytest.mark.parametrize("near", ["the harbour", "no_relation", 3, ["owner_of"]])
def test_a_field_of_own_data_that_happens_to_be_called_near_says_nothing(near):
    stated = Example.model_validate(SEEDS[0].model_dump() | {"near": near})
    nothing = stated.model_copy(update={"relation": "no_relation"})
    assert [TASK.about(example, SCHEMA) for example in (stated, nothing)] == ["owner_of", None]


@pytest.mark.parametrize(
    ("types", "symmetric", "reversible"),
    [
        (("BOAT", "BOAT"), False, True),
        (("BOAT", None), False, True),
        ((None, None), False, True),
        (("PERSON", "BOAT"), False, False),
        (("BOAT", "BOAT"), True, False),
    ],
)
def test_a_relation_can_be_reversed_where_its_types_allow_it_and_something_else_is_said_then(
    types, symmetric, reversible
):
    head, tail = types
    relation = Relation(relation="x", definition="x", head_type=head, tail_type=tail, symmetric=symmetric)
    assert relation.reversible is reversible


def test_an_item_is_the_sentence_with_its_pair_of_mentions_and_no_more():
    renamed = SEEDS[0].model_copy(update={"id": "again", "relation": "no_relation"})
    exchanged = SEEDS[0].model_copy(update={"head": SEEDS[0].tail, "tail": SEEDS[0].head})
    assert TASK.item(SEEDS[0]) == TASK.item(renamed) != TASK.item(exchanged)


# Items to label


def test_an_item_is_read_with_its_mentions_as_offsets_or_as_tags():
    plain = "La vieille Ines a vendu sa maison pour acheter la Sula."
    spans = {role: {"start": plain.index(name), "end": plain.index(name) + 4} for role, name in NAMES.items()}
    assert TASK.read_item({"text": plain, **spans}) == TASK.read_item({"text": FRENCH})


def test_the_types_of_the_mentions_may_stand_beside_the_text():
    item = TASK.read_item({"text": FRENCH, "head_type": "PERSON", "tail_type": ""})
    assert (item.head.type, item.tail.type) == ("PERSON", None)


def test_fields_that_are_not_the_task_s_are_kept():
    assert TASK.read_item({"id": "x", "text": FRENCH, "page": 7}).model_dump()["page"] == 7


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({}, "no <e1>: mark the head"),
        ({"text": "Ines keeps the Sula."}, "no <e1>: mark the head"),
        ({"text": "Ines keeps the Sula.", "head": {"start": 0, "end": 4}}, "tail"),
        ({"text": FRENCH, "head_type": 7}, "head.type"),
        ({"text": "Ines keeps the Sula.", "head": {"start": 0, "end": 4}, "tail": {"start": 2, "end": 9}}, "overlap"),
    ],
)
def test_what_is_no_sentence_with_two_mentions_is_no_item(values: dict, says: str):
    with pytest.raises(ValueError, match=says):
        TASK.read_item(values)


def test_a_mention_knows_its_words():
    assert Mention(start=4, end=9).text_of("Old Marit rows.") == "Marit"
