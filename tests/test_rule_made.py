"""Examples of the negative label that are made from seeds by rule: which there are, and how a method takes them."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.generation.exchanges import Exchange
from relseed.generation.method import Method, read_method
from relseed.generation.writing import make
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.derived import DERIVED
from relseed.tasks.relation.tags import untag
from relseed.tasks.task import Task, load_task
from tests.methods import PARAMS, RULES

TYPES = {
    "owner_of": ("PERSON", "BOAT"),
    "crew_of": ("PERSON", "BOAT"),
    "parent_of": ("PERSON", "PERSON"),
    "sister_of": ("BOAT", "BOAT"),
    "none": (None, None),
}
SCHEMA = Schema.model_validate(
    {
        "relations": [
            {
                "relation": name,
                "head_type": head,
                "tail_type": tail,
                "definition": name,
                "negative": name == "none",
                "symmetric": name == "sister_of",
            }
            for name, (head, tail) in TYPES.items()
        ]
    }
)


def seed(relation: str, text: str, types: tuple[str | None, str | None] | None = None, **fields: Any) -> Example:
    values = untag(text).model_dump(exclude_unset=True)
    for role, type in zip(("head", "tail"), types or TYPES[relation], strict=True):
        values[role] |= {"type": type}
    return Example.model_validate({"id": text, **values, "relation": relation, **fields})


OWNER = seed("owner_of", "It is <e1>Ines</e1> who owns the <e2>Sula</e2>.")
PARENT = seed("parent_of", "<e1>Marit</e1>, the mother of <e2>Tove</e2>, stayed in.")
SISTER = seed("sister_of", "The <e1>Petrel</e1> has a sister ship, the <e2>Isa</e2>.")
NOTHING = seed("none", "Old <e1>Bo</e1> waved when the <e2>Otra</e2> came.", ("PERSON", "BOAT"))
SEEDS = [OWNER, PARENT, SISTER, NOTHING]


def derived(kind: str, *seeds: Example, schema: Schema = SCHEMA) -> list[tuple[str, str]]:
    """Unit and tagged text of what is made."""
    return [(made.unit, made.text) for made in TASK.derived(kind, schema, seeds)]


def pairs(kind: str, *seeds: Example) -> list[tuple[str, str, str, str]]:
    """Text, unit, head and tail of what is made."""
    found = []
    for unit, tagged in derived(kind, *seeds):
        text = untag(tagged)
        found.append((text.text, unit, text.head.text_of(text.text), text.tail.text_of(text.text)))
    return found


# Head and tail exchanged


def test_head_and_tail_are_exchanged_where_some_relation_has_such_types():
    assert derived("swapped", PARENT) == [
        ("near/parent_of", "<e2>Marit</e2>, the mother of <e1>Tove</e1>, stayed in."),
    ]


@pytest.mark.parametrize("kept", [OWNER, SISTER, NOTHING], ids=["no such types", "symmetric", "negative"])
def test_they_are_not_where_no_relation_has_such_types_or_nothing_else_would_be_said(kept):
    assert derived("swapped", kept) == []


def test_without_types_they_always_are_but_for_symmetric_relations():
    bare = {"relations": [{"relation": name, "definition": name, "negative": name == "none"} for name in TYPES]}
    made = derived("swapped", *SEEDS, schema=Schema.model_validate(bare))
    assert [unit for unit, _ in made] == ["near/owner_of", "near/parent_of", "near/sister_of"]


def test_what_is_made_of_a_relation_comes_near_it():
    [made] = TASK.derived("swapped", SCHEMA, [PARENT])
    assert made.fields == {"head_type": "PERSON", "tail_type": "PERSON", "kind": "swapped", "near": "parent_of"}


# Mentions of two sentences


def test_mentions_of_two_seeds_half_of_all_apart_are_paired_where_a_relation_has_their_types():
    made = pairs("re_paired", OWNER, SISTER)
    first, second = f"{OWNER.text} {SISTER.text}", f"{SISTER.text} {OWNER.text}"
    assert [pair for text, *pair in made if text == first] == [
        ["co_occurrence/PERSON-BOAT", "Ines", "Petrel"],
        ["co_occurrence/PERSON-BOAT", "Ines", "Isa"],
        ["co_occurrence/BOAT-BOAT", "Sula", "Petrel"],
        ["co_occurrence/BOAT-BOAT", "Petrel", "Sula"],
        ["co_occurrence/BOAT-BOAT", "Sula", "Isa"],
        ["co_occurrence/BOAT-BOAT", "Isa", "Sula"],
    ]
    assert {text for text, *_ in made} == {first, second}


def test_the_same_words_twice_and_the_same_sentence_twice_are_no_pair():
    again = seed("owner_of", "Now <e1>Ines</e1> has sold the <e2>Sula</e2> at last.")
    assert {pair[2:] for pair in pairs("re_paired", OWNER, again)} == {("Ines", "Sula")}
    assert pairs("re_paired", OWNER) == pairs("re_paired", OWNER, OWNER) == []


def test_what_is_made_of_two_sentences_comes_near_no_relation():
    made = next(iter(TASK.derived("re_paired", SCHEMA, [OWNER, SISTER])))
    assert made.fields == {"head_type": "PERSON", "tail_type": "BOAT", "kind": "re_paired"}


# Other mentions of a sentence

TEXT = "Ines and Tove went aboard the Sula."


def marked(*related: tuple[int, int], names: Sequence[str] = ("Ines", "Tove", "Sula"), **fields: Any) -> Example:
    """A sentence with all its mentions, and those pairs of them that have a relation."""
    types = {"Ines": "PERSON", "Tove": "PERSON", "Sula": "BOAT", "the Sula": "BOAT"}
    spans = [{"start": TEXT.index(name), "end": TEXT.index(name) + len(name), "type": types[name]} for name in names]
    extra = {"mentions": spans, "related": [list(pair) for pair in related]} | fields
    return seed("crew_of", "<e1>Ines</e1> and Tove went aboard the <e2>Sula</e2>.", **extra)


def test_the_pairs_of_a_sentence_s_mentions_that_have_no_relation_are_taken_in_both_directions():
    assert derived("other_pairs", marked((0, 2))) == [
        ("co_occurrence/PERSON-PERSON", "<e1>Ines</e1> and <e2>Tove</e2> went aboard the Sula."),
        ("co_occurrence/PERSON-PERSON", "<e2>Ines</e2> and <e1>Tove</e1> went aboard the Sula."),
        ("co_occurrence/PERSON-BOAT", "Ines and <e1>Tove</e1> went aboard the <e2>Sula</e2>."),
    ]


def test_a_pair_that_has_a_relation_in_one_direction_is_taken_in_none():
    assert derived("other_pairs", marked((1, 0), (0, 2), (2, 1))) == []


def test_mentions_that_overlap_are_no_pair():
    assert derived("other_pairs", marked(names=["Sula", "the Sula"])) == []


@pytest.mark.parametrize("missing", ["mentions", "related"])
def test_without_mentions_or_without_what_has_a_relation_nothing_is_taken(missing):
    seed = marked()
    fields = {name: value for name, value in seed.model_dump().items() if name != missing}
    assert derived("other_pairs", Example.model_validate(fields)) == []


def test_a_sentence_that_several_seeds_have_is_taken_once():
    assert derived("other_pairs", marked((0, 2)), marked((0, 2))) == derived("other_pairs", marked((0, 2)))


OUTSIDE = [{"start": 20, "end": 99, "type": "BOAT"}, {"start": 0, "end": 4, "type": "PERSON"}]


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"mentions": ["Ines"]}, "mentions.0: Input should be a valid dictionary"),
        ({"mentions": OUTSIDE}, "20:99 does not fit the text"),
        ({"related": [[0, 3]]}, "there is no mention 3, there are 3, counted from 0"),
        ({"related": [[0]]}, "related.0.1: Field required"),
        ({"related": [[0, -1]]}, "related.0.1: Input should be greater"),
    ],
)
def test_mentions_and_pairs_that_cannot_be_read_are_an_error_that_names_the_seed(fields: Mapping[str, Any], says):
    with pytest.raises(UserError, match=rf"example <e1>Ines</e1> .*: its mentions and related pairs: .*{says}"):
        derived("other_pairs", marked(**fields))


# All of them


@pytest.mark.parametrize("kind", DERIVED)
@given(st.lists(st.sampled_from([*SEEDS, marked((0, 2))]), max_size=5))
def test_whatever_is_made_has_types_that_a_relation_has_and_is_in_the_text_of_seeds(kind, seeds):
    texts = {seed.text for seed in seeds}
    for made in TASK.derived(kind, SCHEMA, seeds):
        pair = TASK.read_item({"text": made.text, **made.fields})
        assert SCHEMA.relates(pair.head, pair.tail)
        assert pair.text in texts or any(pair.text == f"{one} {other}" for one in texts for other in texts)


# A method that takes them


def method(kind: str = "re_paired", seeds: Sequence[Example] = SEEDS, schema: Any = SCHEMA, **changes: Any) -> Method:
    entry = {"loop": "rule_made", "llm": "none", "reads": "data/seeds/train.jsonl", "per_label": 4, "seed": 1}
    entry |= {"about": "data/dataset/labels.jsonl"}
    values = PARAMS | {"methods": {"made": entry | {"kind": kind} | changes}, "rules": RULES.model_dump()}
    task: Task = TASK if schema is SCHEMA or isinstance(schema, Schema) else load_task("yes_no")
    return read_method(Params(values), "made", task, schema, seeds)


def by_unit(chosen: Method) -> dict[str, Exchange]:
    return {exchange.unit: exchange for exchange in make(chosen).exchanges}


def test_each_unit_has_an_exchange_without_request_and_response_and_candidates_of_the_negative_label():
    exchanges = by_unit(method("swapped", seeds=[PARENT]))
    [exchange] = exchanges.values()
    assert (exchange.id, exchange.request, exchange.response) == ("made/near/parent_of/0", None, None)
    [candidate] = exchange.candidates
    assert (candidate.id, candidate.method, candidate.label) == ("made/near/parent_of/0/0", "made", "none")


def test_no_more_of_a_unit_are_made_than_are_wanted_and_the_random_seed_says_which():
    first, again, other = (by_unit(method(seed=number)) for number in (1, 1, 2))
    assert first == again != other
    assert Counter(len(exchange.candidates) for exchange in first.values()).keys() <= {1, 2, 3, 4}
    assert {unit: len(exchange.candidates) for unit, exchange in first.items()} == {
        unit: len(exchange.candidates) for unit, exchange in other.items()
    }


def test_what_two_seeds_have_in_common_is_made_once():
    again = OWNER.model_copy(update={"id": "again", "relation": "crew_of"})
    made = by_unit(method(seeds=[OWNER, again, SISTER, SISTER.model_copy(update={"id": "too"})], per_label=99))
    texts = [candidate.text for exchange in made.values() for candidate in exchange.candidates]
    assert len(texts) == len(set(texts)) > 0


def test_the_rules_of_copies_are_not_applied_and_the_others_are():
    [exchange] = by_unit(method("swapped", seeds=[PARENT])).values()
    accepted, rejected = method("swapped", seeds=[PARENT]).rules.apply_all(exchange.candidates)
    assert ([example.text for example in accepted], rejected) == ([PARENT.text], [])
    long = seed("parent_of", f"<e1>Marit</e1>, the mother of <e2>Tove</e2>{', so' * 30}.")
    assert make(method("swapped", seeds=[long])).rejected == {"length": 1}


def test_an_accepted_one_keeps_how_it_was_made_and_what_it_comes_near():
    [exchange] = by_unit(method("swapped", seeds=[PARENT])).values()
    [example], _ = method("swapped", seeds=[PARENT]).rules.apply_all(exchange.candidates)
    assert example.model_extra == {"kind": "swapped", "near": "parent_of"}
    assert (example.head.text_of(example.text), example.head.type) == ("Tove", "PERSON")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"kind": "mirrored"}, "methods.made.kind is 'mirrored', the task relation knows swapped, re_paired, other_pa"),
        ({"kind": "other_pairs"}, "the method made finds nothing in the seeds to make other_pairs of: leave it out"),
        ({"schema": Schema(relations=SCHEMA.relations[:4])}, "method made is for examples of the negative label, and"),
        ({"schema": load_task("yes_no").fixed_schema, "seeds": []}, "negative label, and the schema has none"),
        ({"llm": "teacher"}, "methods.made.llm is teacher: the loop rule_made asks no LLM: name an entry of llms that"),
        ({"per_request": 3}, "methods.made.per_request: Extra inputs are not permitted"),
    ],
)
def test_a_method_that_does_not_fit_is_an_error_that_says_why(changes, says):
    with pytest.raises(UserError, match=says):
        make(method(**changes))
