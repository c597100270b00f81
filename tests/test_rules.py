"""The rules for sentences: what each accepts and rejects, and which comes first."""

from collections.abc import Callable
from contextlib import suppress
from itertools import combinations

import pytest

from relseed.records.candidates import Candidate, Rejected
from relseed.tasks.relation import Example
from relseed.tasks.relation.rules import rules_of
from tests.boats import (
    FRENCH,
    GOOD,
    OTHER,
    RUSSIAN,
    SCHEMA,
    SEEDS,
    TOVE,
    as_seed,
    candidate,
    outcome,
    seed,
    swap,
    verdict,
)


def renamed(text: str) -> str:
    return text.replace("Ines Falk", "Marit Ness").replace("Sula", "Grey Heron")


NAMES = rules_of(SCHEMA, SEEDS).names
EARLIER = candidate(id="all_at_once/owner_of/0/9")  # accepted before the cases of duplicates
ACCEPTED = [
    ("truncated", candidate()),
    ("unparseable", candidate()),
    ("wrong_relation", candidate(fields={"relation": None})),
    ("wrong_relation", candidate(fields={"relation": " Owner OF\n"})),
    ("wrong_relation", candidate(fields={"relation": "owner_of"})),
    ("mention_missing", candidate()),
    ("mention_missing", candidate(OTHER)),
    ("mention_empty", swap("Ines Falk", "I")),
    ("mentions_overlap", candidate("Nobody doubts the <e2>Sula</e2>-<e1>owner</e1> and her long patience.")),
    ("mention_cut", candidate("<e1>Ines</e1>'s half-built <e2>Sula</e2>-class boat is hers alone.")),
    ("mention_cut", candidate("“<e2>Sula</e2>” is the boat that belongs to <e1>Ines</e1>")),
    ("type_not_allowed", candidate()),
    ("type_not_allowed", candidate(label="boat:built_in", fields={"head_type": "BOAT", "tail_type": "PERSON"})),
    ("type_not_allowed", candidate(label="no_relation", fields={"head_type": "BOAT", "tail_type": "BOAT"})),
    ("length", candidate("<e1>Ines</e1> owns the <e2>Sula</e2>.")),
    ("length", candidate(GOOD + " She sails it far off shore whenever the wind allows")),
    ("label_leaked", candidate("The proud owner of the <e2>Sula</e2> is old <e1>Ines Falk</e1> herself.")),
    ("label_leaked", candidate("Of the relation between <e1>Ines</e1> and the <e2>Sula</e2> nobody speaks.")),
    ("copy", candidate()),
    ("near_copy", candidate("Nobody but <e1>Tove</e1> would ever moor the <e2>Petrel</e2> in such a gale.")),
    ("duplicate", candidate(OTHER)),
    ("near_duplicate", candidate(OTHER)),
    (
        "masked_near_copy",
        candidate("Nobody but <e1>Ines Falk</e1> may ever sail the fast <e2>Sula</e2> out of the bay."),
    ),
    (
        "masked_near_duplicate",
        candidate("Old <e1>Marit</e1> sold her <e2>Grey Heron</e2> to buy a house in town at last."),
    ),
    ("script", swap("Sula", "Σύλη")),
    ("script", candidate("<e1>007</e1> - 3 - 2 - 1 - <e2>42</e2>")),
    ("language", candidate()),
    ("language", candidate("<e1>Ines Falk</e1>, Brno, Oslo, Riga, <e2>Sula</e2>")),
]
REJECTED = [
    ("truncated", candidate('{"samples": [', truncated=True, problem="it was cut off"), "it was cut off"),
    ("unparseable", candidate(problem="the response holds no sample"), "the response holds no sample"),
    (
        "wrong_relation",
        candidate(fields={"relation": "built in"}),
        "the response is about 'built in', asked for was 'owner of'",
    ),
    ("wrong_relation", candidate(fields={"relation": "no relation"}), "asked for was 'owner of'"),
    ("wrong_relation", candidate(fields={"relation": ""}), "the response is about ''"),
    ("mention_missing", candidate("Ines Falk bought the Sula."), "<e1> occurs 0 times, not once"),
    ("mention_missing", swap("</e1>", ""), "</e1> occurs 0 times"),
    ("mention_missing", swap("<e2>", ""), "<e2> occurs 0 times"),
    ("mention_missing", swap("</e2>", "<e2>"), "<e2> occurs 2 times"),
    ("mention_missing", candidate(GOOD + " <e1>She</e1> sails."), "<e1> occurs 2 times"),
    ("mention_missing", candidate(GOOD.upper()), "<e1> occurs 0 times"),
    ("mention_missing", swap("<", "&lt;"), "<e1> occurs 0 times"),
    ("mention_empty", swap("Ines Falk", ""), "nothing stands between <e1> and </e1>"),
    ("mention_empty", swap("Sula", " "), "nothing stands between <e2> and </e2>"),
    ("mention_empty", swap("Sula", "\n\t"), "nothing stands between <e2> and </e2>"),
    ("mentions_overlap", candidate("The <e1>owner of the <e2>Sula</e2></e1> waves."), "<e1> <e2> </e2> </e1>"),
    ("mentions_overlap", candidate("The <e2>boat of <e1>Ines</e1></e2> sinks."), "<e2> <e1> </e1> </e2>"),
    ("mentions_overlap", candidate("Old <e1>Ines <e2>keeps</e1> the Sula</e2>."), "<e1> <e2> </e1> </e2>"),
    ("mentions_overlap", candidate("Old </e1>Ines<e1> keeps the <e2>Sula</e2>."), "</e1> <e1> <e2> </e2>"),
    ("mentions_overlap", candidate("Old <e1>Ines</e2> keeps the <e2>Sula</e1>."), "<e1> </e2> <e2> </e1>"),
    ("mention_cut", swap("Falk</e1>", "Fal</e1>k"), "the head 'Ines Fal' begins or ends inside a word"),
    ("mention_cut", swap("<e2>Sula", "S<e2>ula"), "the tail 'ula' begins or ends inside a word"),
    ("mention_cut", swap("</e2>", "</e2>s"), "the tail 'Sula' begins or ends inside a word"),
    ("mention_cut", swap("</e1>", " </e1>"), "begins or ends with a blank"),
    ("mention_cut", swap("<e2>", "<e2>\u00a0"), "begins or ends with a blank"),
    ("type_not_allowed", candidate(fields={"head_type": None}), "the head has the type None, known are BOAT, PERSON"),
    ("type_not_allowed", candidate(fields={"tail_type": "SHIP"}), "the tail has the type SHIP, known are BOAT, PERSON"),
    ("type_not_allowed", candidate(fields={"head_type": "person"}), "the head has the type person"),
    ("type_not_allowed", candidate(label="no_relation", fields={"tail_type": None}), "the tail has the type None"),
    (
        "type_not_allowed",
        candidate(fields={"head_type": "BOAT"}),
        "owner_of asks for PERSON -> BOAT, the mentions are BOAT -> BOAT",
    ),
    ("type_not_allowed", candidate(label="boat:built_in"), "asks for BOAT -> any, the mentions are PERSON -> BOAT"),
    ("length", candidate("<e1>Ines</e1>, owns <e2>Sula</e2>."), "3 words, not 4 to 24"),
    ("length", candidate(GOOD + " She sails it far off shore whenever the wind allows it"), "25 words, not 4 to 24"),
    ("label_leaked", candidate(GOOD + " (owner_of)"), "the text holds the label 'owner_of'"),
    ("label_leaked", candidate(GOOD + " OWNER_OF"), "the text holds the label 'owner_of'"),
    ("label_leaked", candidate(GOOD + " The relation is “owner of”."), "the text speaks of the relation 'owner of'"),
    ("label_leaked", candidate(GOOD + " Relationship: owner of"), "the text speaks of the relation 'owner of'"),
    ("copy", candidate(TOVE), "like the seed boats-2 (similarity 1.00)"),
    ("near_copy", swap("Tove", "Ines", TOVE), "like the seed boats-2 (similarity 0.54)"),
    ("near_copy", swap(".", " at all.", TOVE), "like the seed boats-2 (similarity 0.83)"),
    ("duplicate", swap("last.", "last!"), "like all_at_once/owner_of/0/9 (similarity 1.00)"),
    ("near_duplicate", swap("house", "barn"), "like all_at_once/owner_of/0/9 (similarity 0.60)"),
    (
        "masked_near_copy",
        candidate("Nobody but <e1>Ines Falk</e1> has ever held the papers of the <e2>Sula</e2>."),
        "like the seed boats-2 but for names (similarity 1.00)",
    ),
    (
        "masked_near_duplicate",
        candidate(renamed(GOOD)),
        "like all_at_once/owner_of/0/9 but for names (similarity 1.00)",
    ),
    ("script", candidate(RUSSIAN), "written in Cyrillic"),
    ("script", swap("last", "λεπτομέρεια"), "written in Greek"),
    ("language", candidate(FRENCH), "in the language fr, not en"),
    (
        "language",
        candidate("Die alte <e1>Ines</e1> verkaufte ihr Haus und kaufte die <e2>Sula</e2>."),
        "in the language de",
    ),
]


def before(name: str) -> list[Candidate]:
    return [EARLIER] if name.endswith("duplicate") else []


@pytest.mark.parametrize("cases", [ACCEPTED, REJECTED], ids=["accepted", "rejected"])
def test_every_rule_has_its_cases_in_the_order_of_the_rules(cases):
    assert tuple(dict.fromkeys(case[0] for case in cases)) == NAMES


@pytest.mark.parametrize(("name", "good"), ACCEPTED)
def test_what_a_rule_has_nothing_against_is_accepted(name, good):
    assert verdict(outcome(*before(name), good)) == "accepted"


@pytest.mark.parametrize(("name", "bad", "reason"), REJECTED)
def test_what_a_rule_is_there_for_is_rejected_by_it_with_a_reason(name, bad, reason):
    result = outcome(*before(name), bad)
    assert (verdict(result), result.candidate) == (name, bad)
    assert reason in result.reason


# The order


# Each makes a candidate break one rule more: a change of the candidate.
SPOILERS: dict[str, Callable[[Candidate], dict]] = {
    "truncated": lambda _: {"truncated": True, "problem": "the response was cut off"},
    "unparseable": lambda flawed: {"problem": flawed.problem or "no JSON"},
    "wrong_relation": lambda flawed: {"fields": flawed.fields | {"relation": "built in"}},
    "mention_missing": lambda flawed: {"text": flawed.text.replace("</e2>", "")},
    "mention_empty": lambda flawed: {"text": flawed.text.replace("Ines Falk", "")},
    "mentions_overlap": lambda flawed: {"text": "<e2>" + flawed.text.replace("<e2>", "")},
    "mention_cut": lambda flawed: {"text": flawed.text.replace("</e2>", "</e2>s")},
    "type_not_allowed": lambda flawed: {"fields": flawed.fields | {"tail_type": "SHIP"}},
    "length": lambda flawed: {"text": flawed.text + " She paid for it in cash that day as agreed then"},
    "label_leaked": lambda flawed: {"text": flawed.text + " owner_of"},
    "copy": lambda _: {},
    "near_copy": lambda _: {},
    "near_duplicate": lambda flawed: {"text": flawed.text + " indeed"},
    "masked_near_copy": lambda _: {},
    "masked_near_duplicate": lambda _: {},
    "script": lambda flawed: {"text": flawed.text + " парусничество"},
    "language": lambda flawed: {"text": flawed.text + " comme elle l'avait toujours voulu depuis des années"},
}


def spoiled(*names: str) -> Example | Rejected:
    """What becomes of a candidate that breaks these rules."""
    flawed = candidate()
    for name in names:
        flawed = flawed.model_copy(update=SPOILERS[name](flawed))
    seeds = list(SEEDS)
    if "copy" in names:
        seeds.append(as_seed(flawed.text))
    if "near_copy" in names:  # close to this candidate, and not to the one accepted before it
        seeds.append(as_seed("sold" + flawed.text.partition("sold")[2] + " by the way he said again"))
    if "masked_near_copy" in names:  # the same but for names
        with suppress(ValueError):  # without tags that can be read no rule of copies is reached
            seeds.append(seed("boats-4", renamed(flawed.text) + " and then he said it again by the way so"))
    earlier = [EARLIER] if "near_duplicate" in names else []
    earlier += [candidate(renamed(GOOD), id="a/0")] if "masked_near_duplicate" in names else []
    return outcome(*earlier, flawed, seeds=seeds, near_duplicate_masked=0.5)


@pytest.mark.parametrize("name", SPOILERS)
def test_a_candidate_that_breaks_one_rule_is_rejected_by_it(name):
    assert verdict(spoiled(name)) == name


@pytest.mark.parametrize(("first", "second"), list(combinations(SPOILERS, 2)))
def test_a_candidate_that_breaks_two_rules_is_rejected_by_the_first(first, second):
    assert verdict(spoiled(first, second)) == first


def test_the_rules_that_two_flaws_are_tried_on_stand_in_their_order():
    assert [name for name in NAMES if name != "duplicate"] == list(SPOILERS)
