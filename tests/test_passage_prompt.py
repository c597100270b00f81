"""Sentences with every name marked and all that is stated listed: what is asked for, and which pairs come of it."""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from relseed.generation.runner import CostEstimate
from relseed.generation.writing import rehearse
from relseed.llm.request import Request
from relseed.pipeline.errors import UserError
from relseed.quality.rules import RuleFilter
from relseed.records.candidates import Candidate
from relseed.tasks.relation import TASK, Schema
from relseed.tasks.relation.passage_prompt import PassagePrompt
from relseed.tasks.relation.rules import rules_of
from relseed.tasks.relation.tags import untag
from tests.boats import RULES, SCHEMA, SEEDS, SHOWN, UNTYPED, ask
from tests.methods import SEEDS as UNTYPED_SEEDS
from tests.methods import method, run, shown, size, targets
from tests.scripted import Scripted

NAMED = "Old <1>Ines Falk</1> bought the <2>Sula</2> while <3>Tove</3> was away in spring."
PLAIN = "Old Ines Falk bought the Sula while Tove was away in spring."
TYPES = ["PERSON", "BOAT", "PERSON"]
OWNS = {"head": 1, "relation": "owner of", "tail": 2}
SISTERS = Schema.model_validate(
    {
        "relations": [
            {"relation": "sister_of", "definition": "the two are sister ships", "symmetric": True},
            {"relation": "owner_of", "definition": "the head owns the tail"},
            {"relation": "no_relation", "definition": "nothing is said", "negative": True},
        ]
    }
)


STATING = Schema(relations=[relation for relation in SISTERS.relations if not relation.negative])


def prompt(label: str = "owner_of", schema: Schema = SCHEMA, **changes: Any) -> PassagePrompt:
    return PassagePrompt.of(ask(label, schema, loop="passages", method="passages", **changes))


def sample(
    sentence: str = NAMED, stated: Sequence[dict] = (OWNS,), types: Sequence[str] | None = TYPES
) -> dict[str, Any]:
    return {"sentence": sentence, "stated": list(stated)} | ({"types": list(types)} if types else {})


def read(*samples: Any, asked: PassagePrompt | None = None) -> list[Candidate]:
    response = json.dumps({"samples": samples})
    return (asked or prompt()).parse("passages/owner_of/4", response, truncated=False)


def pairs(*samples: Any, asked: PassagePrompt | None = None) -> list[tuple[str, str, str]]:
    """Head, label and tail of each candidate."""
    found = []
    for candidate in read(*samples, asked=asked):
        assert candidate.problem is None
        text = untag(candidate.text)
        found.append((text.head.text_of(text.text), candidate.label, text.tail.text_of(text.text)))
    return found


# What is asked for


def asked_for(*args: Any, **changes: Any) -> str:
    return prompt(*args, **changes).messages(SHOWN)[-1].content


def test_the_relation_is_asked_for_with_its_sentences_beside_all_that_may_be_listed():
    text = asked_for()
    assert "Relation: owner of\nDefinition: the head owns the tail\n" in text
    assert "- owner of (PERSON, BOAT): the head owns the tail\n- boat:built in (BOAT, any): " in text
    assert 'Sentences that state "owner of" between ' in text
    assert "\n1. {}\n2. {}\n3. {}\n".format(*SHOWN) in text
    assert "- no relation" not in text


def test_for_the_negative_label_no_relation_is_asked_for_and_any_may_be_listed():
    text = asked_for("no_relation")
    assert "\nAll relations that may be listed:\n- owner of (PERSON, BOAT): the head owns" in text
    assert "Sentences that state none of them between " in text
    assert "Write it for the sake of its story, not towards a relation" in text
    assert text.endswith('"stated": [{"head": 1, "relation": "...", "tail": 2}]}, ... 3 in all]}')
    assert "Relation: " not in text


def test_how_many_how_long_and_in_what_form_is_said():
    text = asked_for()
    assert "Write 3 new samples." in text
    assert "It has 4 to 24 words." in text
    assert text.endswith('"stated": [{"head": 1, "relation": "owner of", "tail": 2}]}, ... 3 in all]}')


@pytest.mark.parametrize(("schema", "label"), [(SCHEMA, "owner_of"), (UNTYPED, "Cause-Effect(e1,e2)")])
def test_types_are_asked_for_where_the_schema_has_any(schema, label):
    text = asked_for(label, schema)
    assert ("of the types PERSON, BOAT." in text) is (schema is SCHEMA)
    assert ("type" in text.replace("types of", "")) is (schema is SCHEMA)


@pytest.mark.parametrize("wanted", [True, False])
def test_diversity_is_asked_for_or_not(wanted):
    assert ("Be as different as possible" in asked_for(diversity_instruction=wanted)) is wanted


# The form of a response


def fits(value: object, *args: Any, **changes: Any) -> bool:
    schema = prompt(*args, **changes).response_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid(value)


def test_a_response_as_it_was_asked_for_fits():
    assert fits({"samples": [sample(), sample(stated=[]), sample()]})
    assert fits({"samples": [sample(stated=[], types=None)]}, "Cause-Effect(e1,e2)", UNTYPED, count=1)


@pytest.mark.parametrize(
    "value",
    [
        {"samples": [sample()] * 2},
        {"samples": [sample(types=None)] * 3},
        {"samples": [sample(types=["PERSON", "SHIP", "PERSON"])] * 3},
        {"samples": [sample(stated=[OWNS | {"relation": "no relation"}])] * 3},
        {"samples": [sample(stated=[OWNS | {"head": 0}])] * 3},
        {"samples": [sample(stated=[OWNS | {"head": "Ines Falk"}])] * 3},
        {"samples": [sample() | {"remark": "done"}] * 3},
        {"samples": [NAMED] * 3},
    ],
)
def test_a_response_of_another_form_does_not_fit(value):
    assert not fits(value)


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.id)
def test_the_response_that_would_be_right_fits_and_is_read_as_the_sentence(seed):
    target = json.loads(prompt(count=1).render_target(seed))
    assert fits(target, count=1)
    first = read(*target["samples"])[0]
    assert (first.text, first.label) == (TASK.show(seed), "owner_of")


def test_the_response_that_would_be_right_of_a_seed_of_the_negative_label_lists_nothing():
    seed = SEEDS[0].model_copy(update={"relation": "no_relation"})
    target = json.loads(prompt("no_relation", count=1).render_target(seed))
    assert fits(target, count=1)
    assert target["samples"][0]["stated"] == []
    assert {candidate.label for candidate in read(*target["samples"])} == {"no_relation"}


# The pairs that come of a sentence


def test_what_is_stated_has_its_label_and_every_other_pair_that_could_have_one_has_the_negative_label():
    assert pairs(sample()) == [
        ("Ines Falk", "owner_of", "Sula"),
        ("Sula", "no_relation", "Ines Falk"),
        ("Sula", "no_relation", "Tove"),
        ("Tove", "no_relation", "Sula"),
    ]  # and none of the two persons: no relation has their types


def test_each_pair_is_a_candidate_of_the_sentence_with_its_two_names_in_tags_and_their_types():
    stated, other, *_ = read(sample())
    assert stated.text == "Old <e1>Ines Falk</e1> bought the <e2>Sula</e2> while Tove was away in spring."
    assert stated.fields == {"head_type": "PERSON", "tail_type": "BOAT", "relation": "owner of"}
    assert other.text == "Old <e2>Ines Falk</e2> bought the <e1>Sula</e1> while Tove was away in spring."
    assert other.fields == {"head_type": "BOAT", "tail_type": "PERSON", "kind": "passage"}


def test_candidates_are_numbered_over_all_sentences_of_a_response():
    ids = [candidate.id for candidate in read(sample(), {"sentence": "No names."}, sample(stated=[]))]
    assert ids == [f"passages/owner_of/4/{number}" for number in range(4 + 1 + 4)]


def test_another_relation_than_the_one_asked_for_has_its_own_label():
    built = {"head": 2, "relation": "boat:built in", "tail": 3}
    assert ("Sula", "boat:built_in", "Tove") in pairs(sample(stated=[OWNS, built]))


def test_of_several_relations_of_a_pair_that_which_was_asked_for_counts():
    built, found = {"head": 2, "relation": "boat:built in", "tail": 1}, {"head": 2, "relation": "owner of", "tail": 1}
    for stated in ([built, found], [found, built]):
        assert ("Sula", "owner_of", "Ines Falk") in pairs(sample(stated=stated))
        asked = prompt("boat:built_in")
        assert ("Sula", "boat:built_in", "Ines Falk") in pairs(sample(stated=stated), asked=asked)


def test_a_relation_between_types_that_it_does_not_have_is_left_to_the_rules():
    wrong = {"head": 1, "relation": "owner of", "tail": 3}
    assert ("Ines Falk", "owner_of", "Tove") in pairs(sample(stated=[wrong]))


SHIPS = "The <1>Sula</1> and the <2>Isa</2> lay beside the <3>Petrel</3>."
ALIKE = {"head": 1, "relation": "sister of", "tail": 2}


def test_a_symmetric_relation_holds_in_the_other_direction_too_and_is_no_example_of_nothing_there():
    found = pairs(sample(SHIPS, [ALIKE], None), asked=prompt("sister_of", SISTERS))
    assert [pair for pair in found if {pair[0], pair[2]} == {"Sula", "Isa"}] == [("Sula", "sister_of", "Isa")]
    assert len([pair for pair in found if pair[1] == "no_relation"]) == 4


def test_a_name_that_is_marked_twice_has_what_is_stated_of_it_at_both_places():
    text = "The <1>Sula</1> and the <2>Isa</2> lay there, and the <3>Sula</3> sank."
    found = pairs(sample(text, [ALIKE], None), asked=prompt("sister_of", SISTERS))
    assert found == [("Sula", "sister_of", "Isa")]


def test_types_are_left_aside_where_the_schema_has_none():
    [first, *_] = read(sample(SHIPS, [ALIKE]), asked=prompt("sister_of", SISTERS))
    assert first.fields == {"relation": "sister of"}


def test_without_a_negative_label_only_what_is_stated_comes_of_a_sentence():
    schema = Schema(relations=SCHEMA.relations[:2])
    assert pairs(sample(), asked=prompt("owner_of", schema)) == [("Ines Falk", "owner_of", "Sula")]


@pytest.mark.parametrize(
    ("wrong", "says"),
    [
        (None, "Input should be a valid dictionary"),
        ({"sentence": NAMED, "types": TYPES}, "stated: Field required"),
        (sample(types=None), "0 types are given for 3 names"),
        (sample(types=TYPES[:2]), "2 types are given for 3 names"),
        (sample("Old Ines Falk bought a boat."), "0 names are marked, two are the least"),
        (sample("Old <1>Ines Falk</1> bought a boat."), "1 names are marked, two are the least"),
        (sample(" ".join(f"<{at}>Ines</{at}>" for at in range(1, 22))), "21 names are marked, 20 are the most"),
        (sample("Old <2>Ines Falk</2> bought the <1>Sula</1>."), "name 1 is marked as 2"),
        (sample("Old <1>Ines</1> bought the <1>Sula</1>."), "name 2 is marked as 1"),
        (sample("Old <1>Ines of the <2>Sula</2></1> met <3>Tove</3>.", types=TYPES), "name 2 is marked as 3"),
        (sample("Old <1>Ines of <2>Sula</2></1> met <2>Tove</2>.", types=TYPES[:2]), "a tag is left over"),
        (sample("Old <1>Ines</1> bought the <2>Sula</2></e1>.", types=TYPES[:2]), "a tag is left over"),
        (sample("Old <1></1> bought the <2>Sula</2>.", types=TYPES[:2]), "does not fit the text"),
        (sample("Old <1> Ines</1> bought the <2>Sula</2>.", types=TYPES[:2]), "begins or ends with a blank"),
        (sample(stated=[OWNS | {"relation": "no relation"}]), "'no relation' is none of the relations"),
        (sample(stated=[OWNS | {"tail": 4}]), "owner of is listed of 1 and 4, there are 3 names"),
        (sample(stated=[OWNS | {"tail": 1}]), "owner of is listed of 1 and 1"),
        (sample(stated=[OWNS | {"head": 0}]), "owner of is listed of 0 and 2"),
        (
            sample("<1>Ines</1> met <2>Tove</2>.", [], ["PERSON", "PERSON"]),
            "nothing is stated, and no two names have types that a relation asks for",
        ),
    ],
)
def test_a_sample_that_cannot_be_read_says_why_and_leaves_the_others_alone(wrong, says):
    good = len(read(sample()))
    found = read(sample(), wrong, sample())
    assert [candidate.problem for candidate in [*found[:good], *found[good + 1 :]]] == [None] * 2 * good
    assert says in found[good].problem
    assert json.loads(found[good].text) == wrong


values = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))
pieces = st.lists(st.sampled_from(["<1>", "</1>", "<2>", "</2>", "<e1>", "<٣>", " Sula ", "row", '"']), max_size=12)
wild = st.fixed_dictionaries(
    {
        "sentence": pieces.map("".join) | values,
        "types": st.lists(st.sampled_from([*TYPES, "SHIP"]), max_size=3) | values,
        "stated": st.lists(st.fixed_dictionaries({name: st.integers(0, 3) for name in ("head", "tail")})) | values,
    }
)


@settings(max_examples=200)
@given(st.lists(wild | values, max_size=3))
def test_whatever_the_samples_are_each_is_read_or_says_why(samples):
    candidates = read(*samples)
    assert len(candidates) >= max(1, len(samples))
    assert [candidate.id for candidate in candidates] == [f"passages/owner_of/4/{n}" for n in range(len(candidates))]


# What becomes of the pairs


def test_the_rules_accept_every_pair_of_a_sentence_and_no_pair_of_a_second_one_like_it():
    rules = RuleFilter(rules_of(SCHEMA, SEEDS), RULES.model_copy(update={"language": None}), SEEDS)
    accepted, rejected = rules.apply_all(read(sample(), sample(stated=[])))
    assert [example.label for example in accepted] == ["owner_of", *["no_relation"] * 3]
    assert {example.text for example in accepted} == {PLAIN}
    assert [each.rule for each in rejected] == ["duplicate"] * 4


# The loop


def passages(request: Request, stating: int, label: str | None = None) -> str:
    """As many sentences as are asked for, of which the first `stating` state a label, or what is asked for."""
    label = label or request.messages[-1].content.partition("Relation: ")[2].partition("\n")[0]
    samples = []
    for number in range(size(request)):
        a, b, c = (f"{name}{request.key[:6]}{number}" for name in ("ada", "bo", "cy"))
        said = [{"head": 1, "relation": label, "tail": 2}] if number < stating else []
        samples.append({"sentence": f"<1>{a}</1> met <2>{b}</2> near {a}{b}{c} by <3>{c}</3>.", "stated": said})
    return json.dumps({"samples": samples})


def written(stating: Sequence[int], **changes: Any) -> tuple[list[int], Any]:
    """How many sentences are asked for each time, where the n-th response has `stating[n]` that state the label."""
    left = iter(stating)
    engine = Scripted(lambda request: passages(request, next(left)))
    chosen = method("passages", seeds=UNTYPED_SEEDS[:5], negatives=[], free=0, **changes)
    found = run(engine, chosen)
    return list(map(size, engine.requests)), found


def test_sentences_are_asked_for_until_enough_pairs_have_the_label_however_many_others_come():
    sizes, _ = written([3, 1, 2])
    assert sizes == [4, 2, 2]


def test_a_response_holds_pairs_of_the_label_and_of_the_negative_one():
    _, found = written([4, 2])
    labels = [candidate.label for exchange in found.exchanges for candidate in exchange.candidates]
    assert (labels.count("owns"), labels.count("none")) == (6, 6 * 5)


@pytest.mark.parametrize(("free", "units"), [(0, {}), (9, {"none": 9})])
def test_as_many_sentences_are_asked_for_without_a_relation_as_the_settings_say(free, units):
    found = targets(method("passages", negatives=[], free=free))
    assert {target.unit: target.wanted for target in found} == {"owns": 6, "rows_to": 6} | units


def test_free_sentences_give_negatives_of_a_kind_of_their_own_and_whatever_they_state():
    engine = Scripted(lambda request: passages(request, 1, "rows to"))
    chosen = method("passages", seeds=UNTYPED_SEEDS[-5:], negatives=[], free=8)
    candidates = [each for exchange in run(engine, chosen).exchanges for each in exchange.candidates]
    assert list(map(size, engine.requests)) == [4, 4]
    assert Counter((candidate.label, candidate.fields.get("kind")) for candidate in candidates) == {
        ("rows_to", None): 2,
        ("none", "free"): 8 * 6 - 2,
    }


def test_free_sentences_need_a_negative_label():
    with pytest.raises(
        UserError, match=r"methods\.passages\.free is 1, and the schema has no negative label.*set it to 0"
    ):
        targets(method("passages", negatives=[], free=1, schema=STATING))


def test_kinds_of_negatives_are_an_error_as_no_request_asks_for_any():
    with pytest.raises(ValueError, match="leave it empty: `free` says how many sentences"):
        method("passages", negatives=["hard"])


def test_the_estimate_is_what_a_run_asks_that_rejects_nothing():
    engine = Scripted(lambda request: passages(request, size(request)))
    chosen = method("passages", negatives=[], free=0)
    run(engine, chosen)
    estimate = CostEstimate.of(asyncio.run(rehearse(chosen, targets(chosen))))
    assert estimate.requests == len(engine.requests)
    assert estimate.completion_tokens == sum(request.max_tokens for request in engine.requests)


def test_the_seeds_of_the_label_are_shown():
    engine = Scripted(lambda request: passages(request, size(request)))
    run(engine, method("passages", negatives=[], free=0, seeds=UNTYPED_SEEDS[:5]))
    assert {frozenset(shown(request)) for request in engine.requests} == {frozenset(map(TASK.show, UNTYPED_SEEDS[:5]))}
