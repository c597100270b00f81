"""The rules over candidates in turn: what an accepted one becomes, what repeats what, what the seeds decide."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.tasks.relation.rules import rules_of
from tests.boats import (
    FRENCH,
    GOOD,
    OTHER,
    RULES,
    RUSSIAN,
    SCHEMA,
    SEEDS,
    TOVE,
    UNTYPED,
    as_seed,
    candidate,
    outcome,
    swap,
    verdict,
)

ACCEPTED = candidate(id="all_at_once/owner_of/0/9")  # accepted before the others

# What a candidate becomes


def test_an_accepted_candidate_keeps_its_id_its_label_and_its_method():
    result = outcome(candidate(fields={"relation": "owner of"}))
    assert (result.id, result.relation, result.method) == ("all_at_once/owner_of/0/0", "owner_of", "all_at_once")
    assert (result.head.type, result.tail.type) == ("PERSON", "BOAT")


def test_head_and_tail_follow_their_tags_whichever_comes_first():
    result = outcome(candidate(OTHER))
    assert result.tail.start < result.head.start
    assert (result.head.text_of(result.text), result.tail.text_of(result.text)) == ("Ines Falk", "Sula")
    assert (result.head.type, result.tail.type) == ("PERSON", "BOAT")


WORDS = st.text(alphabet="abnéßǅ😀", min_size=1, max_size=5)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)


@settings(max_examples=50)
@given(st.tuples(PHRASES, PHRASES, PHRASES, PHRASES, PHRASES), st.booleans(), st.sampled_from([" ", "-", "\n", " “"]))
def test_the_offsets_of_accepted_mentions_are_exact(phrases, head_first, between):
    before, first, amid, second, after = phrases
    tags = ("e1", "e2") if head_first else ("e2", "e1")
    marked = [f"<{tag}>{phrase}</{tag}>" for tag, phrase in zip(tags, (first, second), strict=True)]
    result = outcome(candidate(between.join([before, marked[0], amid, marked[1], after])), min_words=1, language=None)
    head, tail = (first, second) if head_first else (second, first)
    assert result.text == between.join(phrases)
    assert (result.head.text_of(result.text), result.tail.text_of(result.text)) == (head, tail)


@pytest.mark.parametrize("types", [("PERSON", "BOAT"), (None, None), ("wind", None)])
def test_where_neither_schema_nor_seeds_have_types_none_is_taken_whatever_the_response_says(types):
    given_types = {"head_type": types[0], "tail_type": types[1]}
    bare = {role: getattr(SEEDS[0], role).model_copy(update={"type": None}) for role in ("head", "tail")}
    seeds = [SEEDS[0].model_copy(update=bare)]
    result = outcome(candidate(label="Cause-Effect(e1,e2)", fields=given_types), schema=UNTYPED, seeds=seeds)
    assert result.model_dump(exclude_unset=True)["head"] == {"start": 4, "end": 13}
    assert (result.head.type, result.tail.type) == (None, None)


@pytest.mark.parametrize("stated", ["cause-effect (head, tail)", "Cause-Effect (Head, Tail)", "Cause-Effect(e1,e2)"])
def test_a_directed_relation_may_be_named_in_words_or_by_its_label(stated):
    assert (
        verdict(outcome(candidate(label="Cause-Effect(e1,e2)", fields={"relation": stated}), schema=UNTYPED))
        == "accepted"
    )


def test_a_relation_named_in_the_other_direction_is_the_wrong_one():
    result = outcome(
        candidate(label="Cause-Effect(e1,e2)", fields={"relation": "cause-effect (tail, head)"}), schema=UNTYPED
    )
    assert verdict(result) == "wrong_relation"


def test_a_label_with_a_direction_is_a_leak():
    result = outcome(candidate(GOOD + " Cause-Effect(e1,e2)", label="Cause-Effect(e1,e2)"), schema=UNTYPED)
    assert verdict(result) == "label_leaked"


# Repetition


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.id)
@pytest.mark.parametrize("change", [str, str.upper, lambda text: "“" + text.replace(" ", "  ").replace(".", "!") + "”"])
def test_a_seed_is_never_repeated_whatever_its_case_blanks_and_punctuation(seed, change):
    text = change(seed.text)
    marked = re.sub(r"\w+", r"<e1>\g<0></e1>", text, count=1)
    marked = re.sub(r"(\w+)(\W*)$", r"<e2>\1</e2>\2", marked)
    result = outcome(candidate(marked, label="no_relation"))
    assert (verdict(result), result.reason) == ("copy", f"like the seed {seed.id} (similarity 1.00)")


def test_the_same_sentence_with_other_mentions_is_a_duplicate_unless_one_response_holds_both():
    moved = "Old Ines Falk sold her <e2>house</e2> in <e1>town</e1> to buy the Sula at last."
    elsewhere = candidate(moved, label="no_relation", id="all_at_once/owns/9/0")
    assert verdict(outcome(ACCEPTED, elsewhere)) == "duplicate"
    assert verdict(outcome(ACCEPTED, candidate(moved, label="no_relation"))) == "accepted"


def test_what_was_rejected_does_not_stand_in_the_way_of_a_better_candidate():
    assert verdict(outcome(candidate(fields={"tail_type": "SHIP"}), candidate())) == "accepted"


def test_a_duplicate_is_named_after_the_accepted_candidate_that_it_is_most_like():
    before = [candidate(OTHER, id="a/0"), candidate(id="a/1", fields={"tail_type": "SHIP"}), candidate(id="a/2")]
    assert outcome(*before, candidate(id="a/3")).reason == "like a/2 (similarity 1.00)"
    assert outcome(*before, candidate(OTHER.replace("spring", "autumn"))).reason.startswith("like a/0 (similarity 0.")


def test_the_threshold_of_near_duplicates_is_a_parameter():
    changed = candidate(GOOD.replace("house", "barn"))  # shares 9 of 15 trigrams
    assert verdict(outcome(ACCEPTED, changed, near_duplicate=0.6)) == "near_duplicate"
    assert verdict(outcome(ACCEPTED, changed, near_duplicate=0.61)) == "accepted"


# Script and language


def test_the_scripts_of_the_seeds_may_be_written_in():
    russian = [as_seed("Марит хранит лодку под брезентом.")]
    assert verdict(outcome(candidate(RUSSIAN), seeds=[*SEEDS, *russian], language=None)) == "accepted"
    assert verdict(outcome(candidate(RUSSIAN), seeds=[*SEEDS, *russian])) == "language"
    assert verdict(outcome(candidate(), seeds=russian)) == "script"


def test_words_that_no_blanks_part_are_neither_cut_nor_too_few():
    seeds = [*SEEDS, as_seed("須良丸はずっと前から村の船だった。")]
    japanese = candidate("<e1>井上</e1>は去年<e2>須良丸</e2>を買いました。")
    assert verdict(outcome(japanese, seeds=seeds, language="ja")) == "accepted"


def test_a_type_that_only_seeds_have_may_be_written_where_the_relation_names_none():
    place = SEEDS[0].model_copy(update={"tail": SEEDS[0].tail.model_copy(update={"type": "PLACE"})})
    built = candidate(GOOD, label="boat:built_in", fields={"head_type": "BOAT", "tail_type": "PLACE"})
    assert verdict(outcome(built)) == "type_not_allowed"
    assert verdict(outcome(built, seeds=[*SEEDS, place])) == "accepted"


def test_lengths_between_which_nothing_lies_are_an_error():
    with pytest.raises(ValidationError, match=r"min_words \(9\) is above max_words \(8\): nothing would pass"):
        RuleSettings(min_words=9, max_words=8, near_duplicate=0.5, near_duplicate_masked=None, language=None)


def test_any_language_will_do_where_none_is_asked_for():
    french = candidate(FRENCH)
    assert verdict(outcome(french, language=None)) == "accepted"
    assert verdict(outcome(french, language="fr")) == "accepted"
    assert outcome(candidate(), language="fr").reason == "in the language en, not fr"


# What a sentence must not hold


def test_a_directed_relation_that_a_sentence_speaks_of_by_name_is_a_leak():
    speaking = candidate(GOOD + " Relation: cause-effect (head, tail)", label="Cause-Effect(e1,e2)")
    assert verdict(outcome(speaking, schema=UNTYPED)) == "label_leaked"


@pytest.mark.parametrize("nested", [swap("<e1>", "<<e1>e2>"), swap("</e2>", "<</e2>/e1>")])
def test_a_sentence_that_holds_a_tag_once_its_tags_are_out_is_rejected(nested):
    assert verdict(outcome(nested)) != "accepted"


# Candidates in turn


def test_accepted_and_rejected_candidates_come_in_their_order():
    rules = RuleFilter(rules_of(SCHEMA, SEEDS), RULES, SEEDS)
    given_types = {"tail_type": "SHIP"}
    candidates = [
        candidate(id="a/0"),
        candidate(id="a/1"),
        candidate(OTHER, id="a/2"),
        candidate(id="a/3", fields=given_types),
    ]
    accepted, rejected = rules.apply_all(candidates)
    assert [example.id for example in accepted] == ["a/0", "a/2"]
    assert [(each.candidate.id, each.rule) for each in rejected] == [("a/1", "duplicate"), ("a/3", "type_not_allowed")]


def test_the_same_rules_over_an_empty_pool_know_the_seeds_and_nothing_that_was_accepted():
    rules = RuleFilter(rules_of(SCHEMA, SEEDS), RULES, SEEDS)
    rules.apply(ACCEPTED)
    fresh = rules.with_nothing_accepted()
    assert verdict(fresh.apply(candidate())) == "accepted"
    assert verdict(fresh.apply(candidate(OTHER, id="a/1"))) == "accepted"
    assert verdict(rules.apply(candidate(OTHER, id="a/2"))) == "accepted"
    assert verdict(fresh.apply(swap(".", " at all.", GOOD))) == "near_duplicate"
    assert verdict(fresh.apply(candidate(TOVE))) == "copy"
