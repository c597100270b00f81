"""In what form an LLM must respond to a request for sentences, and how its responses are read."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from relseed.records.candidates import Candidate
from relseed.tasks.relation.prompt import SENTENCE
from relseed.tasks.relation.tags import untag
from tests.boats import GOOD, MARIT, OTHER, SEEDS, SHOWN, UNTYPED, prompt


def response(*sentences: str, **changes) -> dict:
    types = {"head_type": "PERSON", "tail_type": "BOAT"}
    return {"relation": "owner of", "samples": [{"sentence": sentence, **types} for sentence in sentences], **changes}


def fits(value: object, *args, **changes) -> bool:
    schema = prompt(*args, **changes).response_schema()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid(value)


def read(text: str, *, truncated: bool = False) -> list[Candidate]:
    return prompt().parse("all_at_once/owner_of/4", text, truncated=truncated)


# The form of a response


def test_a_response_as_it_was_asked_for_fits():
    assert fits(response(*SHOWN))
    assert fits({"relation": "other", "samples": [{"sentence": SHOWN[0]}]}, "Other", UNTYPED, count=1)


@pytest.mark.parametrize(
    "value",
    [
        response(*SHOWN[:2]),
        response(*SHOWN, SHOWN[0]),
        response(*SHOWN, relation="owner_of"),
        response(*SHOWN, remark="done"),
        {"samples": response(*SHOWN)["samples"]},
        response(*SHOWN[:2], "No tags at all."),
        response(samples=[{"sentence": sentence, "head_type": "PERSON"} for sentence in SHOWN]),
        response(samples=[{"sentence": sentence, "head_type": "BOAT", "tail_type": "BOAT"} for sentence in SHOWN]),
        response(samples=[{"sentence": sentence, "head_type": None, "tail_type": "BOAT"} for sentence in SHOWN]),
        response(samples=SHOWN),
        SHOWN,
    ],
)
def test_a_response_of_another_form_does_not_fit(value):
    assert not fits(value)


def test_a_mention_of_any_type_may_have_each_that_the_schema_knows_and_no_other():
    sample = {"sentence": SHOWN[0], "head_type": "BOAT"}
    for type, good in (("PERSON", True), ("BOAT", True), ("PLACE", False), (None, False)):
        value = {"relation": "boat:built in", "samples": [sample | {"tail_type": type}]}
        assert fits(value, "boat:built_in", count=1) is good


def test_types_are_no_part_of_a_response_where_the_schema_has_none():
    typed = {"relation": "other", "samples": [{"sentence": SHOWN[0], "head_type": "PERSON", "tail_type": "BOAT"}]}
    assert not fits(typed, "Other", UNTYPED, count=1)


@pytest.mark.parametrize(
    "text",
    [
        *SHOWN,
        "<e1>a</e1><e2>b</e2>",
        "<e2>a</e2> and <e1>b</e1>",
        "It's <e1>I</e1> — “the <e2>Ørn of Tromsø</e2>” (née 2), 100 % mine… 🙂",
        "<e1>the old, half-sunk boat</e1> of <e2>Ines Falk's brother</e2>",
    ],
)
def test_a_sentence_with_one_head_and_one_tail_matches_in_either_order(text):
    assert re.search(SENTENCE, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "no tags",
        "<e1>only</e1> a head",
        "only a <e2>tail</e2>",
        "<e1>two</e1> <e1>heads</e1> and a <e2>tail</e2>",
        "<e1>a head</e1> and <e2>two</e2> <e2>tails</e2>",
        "<e1>a head <e2>with a tail</e2></e1>",
        "<e2>a tail <e1>with a head</e1></e2>",
        "<e1>a <e2>knot</e1> of tags</e2>",
        "<e1>open and a <e2>tail</e2>",
        "open</e1> and a <e2>tail</e2>",
        "<e1>a</e2> and <e2>b</e1>",
        "<e1></e1> and a <e2>tail</e2>",
        "<e1>a head</e1> and <e2> </e2>",
        "<e1> a head</e1> and a <e2>tail</e2>",
        "<e1>a head</e1> and a <e2>tail </e2>",
        "<e1>a head</e1> and a <e2>tail</e2> and <b>bold</b>",
        "<e1>a head</e1> 1 < 2 <e2>tail</e2>",
        '<e1>a head</e1> "and" a <e2>tail</e2>',
        "<e1>a head</e1> \\ a <e2>tail</e2>",
        "<e1>a head</e1>\nand a <e2>tail</e2>",
        "<e1>a\thead</e1> and a <e2>tail</e2>",
        "<E1>a head</E1> and a <E2>tail</E2>",
    ],
)
def test_a_sentence_with_any_other_tags_or_with_what_json_escapes_does_not_match(text):
    assert not re.search(SENTENCE, text)


@settings(max_examples=50)
@given(st.from_regex(SENTENCE, fullmatch=True, alphabet=st.characters(codec="ascii")))
def test_whatever_matches_can_be_untagged(text):
    sentence = untag(text)
    assert sentence.head.text_of(sentence.text) == re.search("<e1>(.*)</e1>", text)[1]
    assert sentence.tail.text_of(sentence.text) == re.search("<e2>(.*)</e2>", text)[1]


# Reading samples


@pytest.mark.parametrize(
    "wrapped",
    [
        "{}",
        "```json\n{}\n```",
        "Here are two samples:\n\n{}",
        "{}\n\nI hope that this is what you need.",
        "<think>\nBoats.\n</think>\n\n```\n{}\n```\nDone.",
        "\ufeff  {}  \n",
    ],
)
@pytest.mark.parametrize("indent", [None, 2])
def test_a_response_is_read_with_or_without_a_fence_and_words_around_it(wrapped, indent):
    candidates = read(wrapped.replace("{}", json.dumps(response(GOOD, OTHER), indent=indent)))
    assert [candidate.text for candidate in candidates] == [GOOD, OTHER]
    assert all(candidate.problem is None and not candidate.truncated for candidate in candidates)


def test_a_candidate_has_a_number_of_its_own_and_all_that_the_response_says():
    first, second = read(json.dumps(response(GOOD, OTHER, remark="done")))
    assert (first.id, second.id) == ("all_at_once/owner_of/4/0", "all_at_once/owner_of/4/1")
    assert (first.method, first.label) == ("all_at_once", "owner_of")
    assert first.fields == {"relation": "owner of", "head_type": "PERSON", "tail_type": "BOAT"}


def test_what_a_response_leaves_out_is_none():
    [candidate] = read(json.dumps({"samples": [{"sentence": GOOD}]}))
    assert candidate.fields == {"relation": None, "head_type": None, "tail_type": None}
    assert candidate.problem is None


def test_a_sentence_is_kept_character_by_character():
    odd = 'A "quoted" back\\slash, a\nline, é as e\u0301, 🙂, {braces}, \u2028 and \x00.'
    assert read(json.dumps(response(odd)))[0].text == odd


# What is beside an answer

WHOLE = json.dumps(response(GOOD, OTHER))
DRAFT = json.dumps(response("A draft of <e1>Ines</e1> and her <e2>Sula</e2>."))


@pytest.mark.parametrize(
    "text",
    [
        f'<think>\nThey want {{"relation": ..., "samples": [...]}}.\n</think>\n\n{WHOLE}',
        f"<think>{DRAFT}</think>{WHOLE}",
        f"I mark {{head}} first.</think>\n{WHOLE}",
        f"<THINK>a</THINK> <thinking>b {{</thinking>{WHOLE}",
        f"[THINK]Hm. {{[/THINK]{WHOLE}",
        f"{WHOLE}\n\nNote: put your own for {{head}} and {{tail}}.",
        f"Here {{you}} are:\n```json\n{WHOLE}\n```\n{{ that is all",
        f"Draft:\n```json\n{DRAFT}\n```\nChecked, final:\n```json\n{WHOLE}\n```",
        f'{WHOLE}\nThe form was {{"relation": "...", "samples": []}}.',
        f'{{"type": "object", "properties": {{"samples": {{"type": "array"}}}}}}\n{WHOLE}',
        f'{{"answer": {WHOLE}}}',
    ],
    ids=[
        "a form in thoughts",
        "a draft in thoughts",
        "thoughts that the prompt opens",
        "thoughts twice",
        "Mistral's thoughts",
        "a note behind it",
        "words around a fence",
        "a draft before it",
        "an empty form behind it",
        "its schema before it",
        "in another object",
    ],
)
def test_a_whole_object_is_found_whatever_stands_around_it(text):
    assert [candidate.text for candidate in read(text)] == [GOOD, OTHER]


def test_a_line_break_inside_of_a_string_is_read_as_it_is():
    assert read(WHOLE.replace(OTHER, f"{OTHER}\n"))[1].text == f"{OTHER}\n"


def test_thoughts_without_an_end_are_never_read_as_an_answer():
    [candidate] = read(f"<think>Perhaps {WHOLE}")
    assert candidate.problem == "the response holds no JSON object"


# An answer that was cut off


@pytest.mark.parametrize("around", ["{}", "Here you are:\n```json\n{}", "<think>{{</think>{}"])
@pytest.mark.parametrize("indent", [None, 2])
def test_whole_samples_of_a_response_that_was_cut_off_count_and_the_last_is_truncated(around, indent):
    text = json.dumps(response(GOOD, OTHER, GOOD), indent=indent)
    cut = around.replace("{}", text[: text.rindex("Ines") + 2]).replace("{{", "{")
    *whole, last = read(cut, truncated=True)
    assert [candidate.text for candidate in whole] == [GOOD, OTHER]
    assert all(candidate.fields["relation"] == "owner of" and not candidate.problem for candidate in whole)
    assert (last.truncated, last.problem, last.id) == (True, "the response was cut off", "all_at_once/owner_of/4/2")
    assert last.text.startswith("{")
    assert cut.endswith(last.text)


def test_a_response_that_was_cut_off_before_a_sample_was_whole_is_one_candidate():
    for cut in ("", "<think>Hm", WHOLE[:20], WHOLE[: WHOLE.index(GOOD) + 9]):
        [candidate] = read(cut, truncated=True)
        assert (candidate.text, candidate.truncated, candidate.problem) == (cut, True, "the response was cut off")


def test_a_response_that_was_cut_off_behind_its_object_is_whole():
    assert [candidate.problem for candidate in read(f"{WHOLE}\n\nI hope that", truncated=True)] == [None, None]


@settings(max_examples=50)
@given(st.integers(0, len(WHOLE)))
def test_wherever_a_response_is_cut_each_sample_is_whole_or_truncated(length):
    found = read(WHOLE[:length], truncated=True)
    whole = [candidate for candidate in found if not candidate.truncated]
    assert [candidate.text for candidate in whole] == [GOOD, OTHER][: len(whole)]
    assert len(found) - len(whole) <= 1


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the response holds no JSON object"),
        ("I would rather not.", "the response holds no JSON object"),
        ("[1, 2]", "the response holds no JSON object"),
        ('{"samples": [', "the response holds no JSON object"),
        ("} {", "the response holds no JSON object"),
        ('{"samples": [}', "Expecting value"),
        ("Either {this} or {that}.", "Expecting property name"),
        ("{}", "samples: Field required"),
        ('{"samples": []}', "the response holds no sample"),
        ('{"samples": null}', "samples: Input should be a valid list"),
        ('{"samples": {"sentence": "x"}}', "samples: Input should be a valid list"),
        ('{"relation": ["owner of"], "samples": [{"sentence": "x"}]}', "relation: Input should be a valid string"),
        ('{"samples": [{"sentence": "\\ud800"}]}', "surrogates not allowed"),
        ('{"samples": ' + "[" * 100_000 + "}", "recursion"),
        ('{"samples": [' + "9" * 10_000 + "]}", "integer string conversion"),
    ],
)
def test_a_response_that_cannot_be_read_is_one_candidate_that_says_why(text, says):
    [candidate] = read(text)
    assert says in candidate.problem
    assert (candidate.text, candidate.id) == (text, "all_at_once/owner_of/4/0")


@pytest.mark.parametrize(
    ("sample", "says"),
    [
        (None, "Input should be a valid dictionary"),
        ("Old <e1>Ines</e1> keeps the <e2>Sula</e2>.", "Input should be a valid dictionary"),
        ([{"sentence": GOOD}], "Input should be a valid dictionary"),
        ({}, "sentence: Field required"),
        ({"text": GOOD}, "sentence: Field required"),
        ({"sentence": 7}, "sentence: Input should be a valid string"),
        ({"sentence": GOOD, "head_type": ["PERSON"]}, "head_type: Input should be a valid string"),
    ],
)
def test_a_sample_that_is_none_says_why_and_leaves_the_others_alone(sample, says):
    before, wrong, after = read(json.dumps({"samples": [{"sentence": GOOD}, sample, {"sentence": OTHER}]}))
    assert (before.text, before.problem, after.text, after.problem) == (GOOD, None, OTHER, None)
    assert says in wrong.problem
    assert json.loads(wrong.text) == sample


def negatives(sample: dict, **changes) -> Candidate:
    """The candidate that a sample of the negative label becomes."""
    fields = {"method": "negatives", "loop": "negatives", "kind": None, "near": "owner_of", "kinds": ("denied", "past")}
    asked = prompt("no_relation", **fields | changes)
    [found] = asked.parse("negatives/near/owner_of/4", json.dumps({"samples": [sample]}), truncated=False)
    return found


def test_a_near_miss_keeps_its_kind_and_the_relation_that_it_comes_near():
    found = negatives({"kind": "past", "sentence": GOOD})
    assert (found.label, found.fields["kind"], found.fields["near"]) == ("no_relation", "past", "owner_of")


@pytest.mark.parametrize("kind", ["denial", None])
def test_a_kind_that_was_not_asked_for_is_none(kind):
    assert "kind" not in negatives({"kind": kind, "sentence": GOOD}).fields


def test_a_kind_of_which_all_samples_of_a_response_are_is_kept_whatever_the_response_says():
    together = {"kind": "co_occurrence", "near": None, "kinds": ()}
    found = negatives({"kind": "denied", "sentence": GOOD}, **together)
    assert found.fields == {"relation": None, "head_type": None, "tail_type": None, "kind": "co_occurrence"}


def test_a_near_miss_that_was_asked_for_fits_with_its_kind_and_without_not():
    fields = {"loop": "negatives", "kind": None, "near": "owner_of", "kinds": ("denied", "past"), "count": 1}
    sample = {"sentence": GOOD, "head_type": "PERSON", "tail_type": "BOAT"}
    for kind, good in (({"kind": "past"}, True), ({}, False), ({"kind": "inverse"}, False)):
        assert fits({"relation": "no relation", "samples": [kind | sample]}, "no_relation", **fields) is good


# The response that would be right


@pytest.mark.parametrize("seed", SEEDS, ids=lambda seed: seed.id)
def test_the_response_that_would_be_right_fits_its_schema_and_is_read_as_the_sentence(seed):
    asked = prompt(count=1)
    target = asked.render_target(seed)
    assert fits(json.loads(target), count=1)
    [candidate] = asked.parse("x", target, truncated=False)
    assert untag(candidate.text).text == seed.text
    assert candidate.fields == {"relation": "owner of", "head_type": "PERSON", "tail_type": "BOAT"}


def test_the_response_that_would_be_right_holds_no_types_where_the_schema_has_none():
    target = prompt("Cause-Effect(e1,e2)", UNTYPED).render_target(SEEDS[0])
    assert json.loads(target) == {"relation": "cause-effect (head, tail)", "samples": [{"sentence": MARIT}]}
