"""The named checks: what each accepts and rejects, which comes first, and what an accepted draft becomes."""

import re
from collections.abc import Callable
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from relseed.tasks.relation.rules import NAMES, Checks
from relseed.tasks.relation.written import Accepted, Draft, Rejected
from tests.drafts import FRENCH, GOOD, OTHER, RUSSIAN, SEEDS, TOVE, UNTYPED, as_seed, draft, judged, swap, verdict

POOL = draft(id="all_at_once/owner_of/0/9")  # accepted before the cases of duplicates are judged
ACCEPTED = [
    ("truncated", draft()),
    ("unparseable", draft()),
    ("wrong_relation", draft(said=None)),
    ("wrong_relation", draft(said=" Owner OF\n")),
    ("wrong_relation", draft(said="owner_of")),
    ("mention_missing", draft()),
    ("mention_missing", draft(OTHER)),
    ("mention_empty", swap("Ines Falk", "I")),
    ("mentions_overlap", draft("Nobody doubts the <e2>Sula</e2>-<e1>owner</e1> and her long patience.")),
    ("mention_cut", draft("<e1>Ines</e1>'s half-built <e2>Sula</e2>-class boat is hers alone.")),
    ("mention_cut", draft("“<e2>Sula</e2>” is the boat that belongs to <e1>Ines</e1>")),
    ("type_not_allowed", draft()),
    ("type_not_allowed", draft(relation="boat:built_in", head_type="BOAT", tail_type="PERSON")),
    ("type_not_allowed", draft(relation="no_relation", head_type="BOAT", tail_type="BOAT")),
    ("length", draft("<e1>Ines</e1> owns the <e2>Sula</e2>.")),
    ("length", draft(GOOD + " She sails it far off shore whenever the wind allows")),
    ("label_leaked", draft("The proud owner of the <e2>Sula</e2> is old <e1>Ines Falk</e1> herself.")),
    ("label_leaked", draft("Of the relation between <e1>Ines</e1> and the <e2>Sula</e2> nobody speaks.")),
    ("copy", draft()),
    ("near_copy", draft("Nobody but <e1>Tove</e1> would ever moor the <e2>Petrel</e2> in such a gale.")),
    ("duplicate", draft(OTHER)),
    ("near_duplicate", draft(OTHER)),
    ("script", swap("Sula", "Σύλη")),
    ("script", draft("<e1>007</e1> - 3 - 2 - 1 - <e2>42</e2>")),
    ("language", draft()),
    ("language", draft("<e1>Ines Falk</e1>, Brno, Oslo, Riga, <e2>Sula</e2>")),
]
REJECTED = [
    ("truncated", draft('{"samples": [', truncated=True, problem="it was cut off"), "it was cut off"),
    ("unparseable", draft(problem="the answer holds no sample"), "the answer holds no sample"),
    ("wrong_relation", draft(said="built in"), "the answer is about 'built in', asked for was 'owner of'"),
    ("wrong_relation", draft(said="no relation"), "asked for was 'owner of'"),
    ("wrong_relation", draft(said=""), "the answer is about ''"),
    ("mention_missing", draft("Ines Falk bought the Sula."), "<e1> occurs 0 times, not once"),
    ("mention_missing", swap("</e1>", ""), "</e1> occurs 0 times"),
    ("mention_missing", swap("<e2>", ""), "<e2> occurs 0 times"),
    ("mention_missing", swap("</e2>", "<e2>"), "<e2> occurs 2 times"),
    ("mention_missing", draft(GOOD + " <e1>She</e1> sails."), "<e1> occurs 2 times"),
    ("mention_missing", draft(GOOD.upper()), "<e1> occurs 0 times"),
    ("mention_missing", swap("<", "&lt;"), "<e1> occurs 0 times"),
    ("mention_empty", swap("Ines Falk", ""), "nothing stands between <e1> and </e1>"),
    ("mention_empty", swap("Sula", " "), "nothing stands between <e2> and </e2>"),
    ("mention_empty", swap("Sula", "\n\t"), "nothing stands between <e2> and </e2>"),
    ("mentions_overlap", draft("The <e1>owner of the <e2>Sula</e2></e1> waves."), "<e1> <e2> </e2> </e1>"),
    ("mentions_overlap", draft("The <e2>boat of <e1>Ines</e1></e2> sinks."), "<e2> <e1> </e1> </e2>"),
    ("mentions_overlap", draft("Old <e1>Ines <e2>keeps</e1> the Sula</e2>."), "<e1> <e2> </e1> </e2>"),
    ("mentions_overlap", draft("Old </e1>Ines<e1> keeps the <e2>Sula</e2>."), "</e1> <e1> <e2> </e2>"),
    ("mentions_overlap", draft("Old <e1>Ines</e2> keeps the <e2>Sula</e1>."), "<e1> </e2> <e2> </e1>"),
    ("mention_cut", swap("Falk</e1>", "Fal</e1>k"), "the head 'Ines Fal' begins or ends inside a word"),
    ("mention_cut", swap("<e2>Sula", "S<e2>ula"), "the tail 'ula' begins or ends inside a word"),
    ("mention_cut", swap("</e2>", "</e2>s"), "the tail 'Sula' begins or ends inside a word"),
    ("mention_cut", swap("</e1>", " </e1>"), "begins or ends with a blank"),
    ("mention_cut", swap("<e2>", "<e2>\u00a0"), "begins or ends with a blank"),
    ("type_not_allowed", draft(head_type=None), "the head has the type None, known are BOAT, PERSON"),
    ("type_not_allowed", draft(tail_type="SHIP"), "the tail has the type SHIP, known are BOAT, PERSON"),
    ("type_not_allowed", draft(head_type="person"), "the head has the type person"),
    ("type_not_allowed", draft(relation="no_relation", tail_type=None), "the tail has the type None"),
    ("type_not_allowed", draft(head_type="BOAT"), "owner_of asks for PERSON -> BOAT, the mentions are BOAT -> BOAT"),
    ("type_not_allowed", draft(relation="boat:built_in"), "asks for BOAT -> any, the mentions are PERSON -> BOAT"),
    ("length", draft("<e1>Ines</e1>, owns <e2>Sula</e2>."), "3 words, not 4 to 24"),
    ("length", draft(GOOD + " She sails it far off shore whenever the wind allows it"), "25 words, not 4 to 24"),
    ("label_leaked", draft(GOOD + " (owner_of)"), "the text holds the label 'owner_of'"),
    ("label_leaked", draft(GOOD + " OWNER_OF"), "the text holds the label 'owner_of'"),
    ("label_leaked", draft(GOOD + " The relation is “owner of”."), "the text speaks of the relation 'owner of'"),
    ("label_leaked", draft(GOOD + " Relationship: owner of"), "the text speaks of the relation 'owner of'"),
    ("copy", draft(TOVE), "like the seed boats-2 (similarity 1.00)"),
    ("near_copy", swap("Tove", "Ines", TOVE), "like the seed boats-2 (similarity 0.54)"),
    ("near_copy", swap(".", " at all.", TOVE), "like the seed boats-2 (similarity 0.83)"),
    ("duplicate", swap("last.", "last!"), "like all_at_once/owner_of/0/9 (similarity 1.00)"),
    ("near_duplicate", swap("house", "barn"), "like all_at_once/owner_of/0/9 (similarity 0.60)"),
    ("script", draft(RUSSIAN), "written in CYRILLIC"),
    ("script", swap("last", "λεπτομέρεια"), "written in GREEK"),
    ("language", draft(FRENCH), "in the language fr, not en"),
    (
        "language",
        draft("Die alte <e1>Ines</e1> verkaufte ihr Haus und kaufte die <e2>Sula</e2>."),
        "in the language de",
    ),
]


def before(name: str) -> list[Draft]:
    return [POOL] if name in ("duplicate", "near_duplicate") else []


@pytest.mark.parametrize("cases", [ACCEPTED, REJECTED], ids=["accepted", "rejected"])
def test_every_check_has_its_cases_in_the_order_of_the_checks(cases):
    assert tuple(dict.fromkeys(case[0] for case in cases)) == NAMES


@pytest.mark.parametrize(("name", "good"), ACCEPTED)
def test_what_a_check_has_nothing_against_is_accepted(name, good):
    assert verdict(judged(*before(name), good)) == "accepted"


@pytest.mark.parametrize(("name", "bad", "reason"), REJECTED)
def test_what_a_check_is_there_for_is_rejected_by_it_with_a_reason(name, bad, reason):
    result = judged(*before(name), bad)
    assert (verdict(result), result.draft) == (name, bad)
    assert reason in result.reason


# The order


# Each makes a draft fail one check more: a change of the draft, or of its text.
SPOILERS: dict[str, Callable[[Draft], dict]] = {
    "truncated": lambda one: {"truncated": True, "problem": "the answer was cut off"},
    "unparseable": lambda one: {"problem": one.problem or "no JSON"},
    "wrong_relation": lambda one: {"said": "built in"},
    "mention_missing": lambda one: {"text": one.text.replace("</e2>", "")},
    "mention_empty": lambda one: {"text": one.text.replace("Ines Falk", "")},
    "mentions_overlap": lambda one: {"text": "<e2>" + one.text.replace("<e2>", "")},
    "mention_cut": lambda one: {"text": one.text.replace("</e2>", "</e2>s")},
    "type_not_allowed": lambda one: {"tail_type": "SHIP"},
    "length": lambda one: {"text": one.text + " She paid for it in cash that day as agreed then"},
    "label_leaked": lambda one: {"text": one.text + " owner_of"},
    "copy": lambda one: {},
    "near_copy": lambda one: {},
    "near_duplicate": lambda one: {"text": one.text + " indeed"},
    "script": lambda one: {"text": one.text + " парусничество"},
    "language": lambda one: {"text": one.text + " comme elle l'avait toujours voulu depuis des années"},
}


def spoiled(*names: str) -> Accepted | Rejected:
    one = draft()
    for name in names:
        one = one.model_copy(update=SPOILERS[name](one))
    seeds = [*SEEDS, *([as_seed(one.text)] if "copy" in names else [])]
    # Close to this draft, and not to the one before it.
    seeds += (
        [as_seed("sold" + one.text.partition("sold")[2] + " by the way he said again")] if "near_copy" in names else []
    )
    return judged(*(before("duplicate") if "near_duplicate" in names else []), one, seeds=seeds)


@pytest.mark.parametrize("name", SPOILERS)
def test_a_draft_that_fails_one_check_is_rejected_by_it(name):
    assert verdict(spoiled(name)) == name


@pytest.mark.parametrize(("first", "second"), list(combinations(SPOILERS, 2)))
def test_a_draft_that_fails_two_checks_is_rejected_by_the_first(first, second):
    assert verdict(spoiled(first, second)) == first


def test_the_checks_that_two_flaws_are_tried_on_stand_in_the_order_of_names():
    assert [name for name in NAMES if name != "duplicate"] == list(SPOILERS)


# What a draft becomes


def test_an_accepted_draft_keeps_its_id_its_relation_and_its_method():
    result = judged(draft(said="owner of"))
    assert (result.id, result.relation, result.method) == ("all_at_once/owner_of/0/0", "owner_of", "all_at_once")
    assert (result.head.type, result.tail.type) == ("PERSON", "BOAT")


def test_head_and_tail_follow_their_tags_whichever_comes_first():
    result = judged(draft(OTHER))
    assert result.tail.start < result.head.start
    assert (result.head.within(result.text), result.tail.within(result.text)) == ("Ines Falk", "Sula")
    assert (result.head.type, result.tail.type) == ("PERSON", "BOAT")


WORDS = st.text(alphabet="abnéßǅ😀", min_size=1, max_size=5)
PHRASES = st.lists(WORDS, min_size=1, max_size=3).map(" ".join)


@settings(max_examples=50)
@given(st.tuples(PHRASES, PHRASES, PHRASES, PHRASES, PHRASES), st.booleans(), st.sampled_from([" ", "-", "\n", " “"]))
def test_the_offsets_of_accepted_mentions_are_exact(phrases, head_first, between):
    one, first, two, second, three = phrases
    tags = ("e1", "e2") if head_first else ("e2", "e1")
    marked = [f"<{tag}>{phrase}</{tag}>" for tag, phrase in zip(tags, (first, second), strict=True)]
    result = judged(draft(between.join([one, marked[0], two, marked[1], three])), shortest=1, language=None)
    head, tail = (first, second) if head_first else (second, first)
    assert result.text == between.join(phrases)
    assert (result.head.within(result.text), result.tail.within(result.text)) == (head, tail)


@pytest.mark.parametrize("types", [("PERSON", "BOAT"), (None, None), ("wind", None)])
def test_where_neither_schema_nor_seeds_have_types_none_is_taken_whatever_the_answer_says(types):
    given_types = {"head_type": types[0], "tail_type": types[1]}
    bare = {role: getattr(SEEDS[0], role).model_copy(update={"type": None}) for role in ("head", "tail")}
    seeds = [SEEDS[0].model_copy(update=bare)]
    result = judged(draft(relation="Cause-Effect(e1,e2)", **given_types), schema=UNTYPED, seeds=seeds)
    assert result.model_dump(exclude_unset=True)["head"] == {"start": 4, "end": 13}
    assert (result.head.type, result.tail.type) == (None, None)


@pytest.mark.parametrize("said", ["cause-effect (head, tail)", "Cause-Effect (Head, Tail)", "Cause-Effect(e1,e2)"])
def test_a_directed_relation_may_be_named_in_words_or_by_its_label(said):
    assert verdict(judged(draft(relation="Cause-Effect(e1,e2)", said=said), schema=UNTYPED)) == "accepted"


def test_a_relation_named_in_the_other_direction_is_the_wrong_one():
    result = judged(draft(relation="Cause-Effect(e1,e2)", said="cause-effect (tail, head)"), schema=UNTYPED)
    assert verdict(result) == "wrong_relation"


def test_a_label_with_a_direction_is_a_leak():
    result = judged(draft(GOOD + " Cause-Effect(e1,e2)", relation="Cause-Effect(e1,e2)"), schema=UNTYPED)
    assert verdict(result) == "label_leaked"


# Repetition


@pytest.mark.parametrize("one", SEEDS, ids=lambda one: one.id)
@pytest.mark.parametrize("change", [str, str.upper, lambda text: "“" + text.replace(" ", "  ").replace(".", "!") + "”"])
def test_a_seed_is_never_repeated_whatever_its_case_blanks_and_punctuation(one, change):
    text = change(one.text)
    marked = re.sub(r"\w+", r"<e1>\g<0></e1>", text, count=1)
    marked = re.sub(r"(\w+)(\W*)$", r"<e2>\1</e2>\2", marked)
    result = judged(draft(marked, relation="no_relation"))
    assert (verdict(result), result.reason) == ("copy", f"like the seed {one.id} (similarity 1.00)")


def test_the_same_sentence_with_other_mentions_or_another_relation_is_a_duplicate():
    moved = "Old Ines Falk sold her <e2>house</e2> in <e1>town</e1> to buy the Sula at last."
    assert verdict(judged(POOL, draft(moved, relation="no_relation"))) == "duplicate"


def test_what_was_rejected_does_not_stand_in_the_way_of_a_better_draft():
    assert verdict(judged(draft(tail_type="SHIP"), draft())) == "accepted"


def test_a_duplicate_is_named_after_the_accepted_draft_that_it_is_most_like():
    pool = [draft(OTHER, id="a/0"), draft(tail_type="SHIP", id="a/1"), draft(id="a/2")]
    assert judged(*pool, draft(id="a/3")).reason == "like a/2 (similarity 1.00)"
    assert judged(*pool, draft(OTHER.replace("spring", "autumn"))).reason.startswith("like a/0 (similarity 0.")


def test_the_threshold_of_near_duplicates_is_a_parameter():
    changed = draft(GOOD.replace("house", "barn"))  # shares 9 of 15 trigrams
    assert verdict(judged(POOL, changed, near_duplicate=0.6)) == "near_duplicate"
    assert verdict(judged(POOL, changed, near_duplicate=0.61)) == "accepted"


# Script and language


def test_the_scripts_of_the_seeds_may_be_written_in():
    russian = [as_seed("Марит хранит лодку под брезентом.")]
    assert verdict(judged(draft(RUSSIAN), seeds=[*SEEDS, *russian], language=None)) == "accepted"
    assert verdict(judged(draft(RUSSIAN), seeds=[*SEEDS, *russian])) == "language"
    assert verdict(judged(draft(), seeds=russian)) == "script"


def test_words_that_no_blanks_part_are_neither_cut_nor_too_few():
    seeds = [*SEEDS, as_seed("須良丸はずっと前から村の船だった。")]
    japanese = draft("<e1>井上</e1>は去年<e2>須良丸</e2>を買いました。")
    assert verdict(judged(japanese, seeds=seeds, language="ja")) == "accepted"


def test_a_type_that_only_seeds_have_may_be_written_where_the_relation_names_none():
    place = SEEDS[0].model_copy(update={"tail": SEEDS[0].tail.model_copy(update={"type": "PLACE"})})
    built = draft(GOOD, relation="boat:built_in", head_type="BOAT", tail_type="PLACE")
    assert verdict(judged(built)) == "type_not_allowed"
    assert verdict(judged(built, seeds=[*SEEDS, place])) == "accepted"


def test_lengths_between_which_nothing_lies_are_refused():
    with pytest.raises(ValidationError, match=r"shortest \(9\) is above longest \(8\): nothing would pass"):
        Checks(shortest=9, longest=8, near_duplicate=0.5, language=None)


def test_any_language_will_do_where_none_is_asked_for():
    french = draft(FRENCH)
    assert verdict(judged(french, language=None)) == "accepted"
    assert verdict(judged(french, language="fr")) == "accepted"
    assert judged(draft(), language="fr").reason == "in the language en, not fr"


# What a sentence must not hold


def test_a_directed_relation_that_a_sentence_speaks_of_by_name_is_a_leak():
    speaking = draft(GOOD + " Relation: cause-effect (head, tail)", relation="Cause-Effect(e1,e2)")
    assert verdict(judged(speaking, schema=UNTYPED)) == "label_leaked"


@pytest.mark.parametrize("one", [swap("<e1>", "<<e1>e2>"), swap("</e2>", "<</e2>/e1>")])
def test_a_sentence_that_holds_a_tag_once_its_tags_are_out_is_rejected(one):
    assert verdict(judged(one)) != "accepted"
