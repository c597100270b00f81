"""In what form an LLM must answer, how its answers are read, and which explanations pass."""

import json
import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from relseed.tasks.relation.samples import SENTENCE
from relseed.tasks.relation.tags import untag
from relseed.tasks.relation.written import Draft, Explanation, Rejected
from tests.drafts import GOOD, KEPT, OTHER, SHOWN, UNTYPED, explaining, samples


def answer(*sentences: str, **changes) -> dict:
    types = {"head_type": "PERSON", "tail_type": "BOAT"}
    return {"relation": "owner of", "samples": [{"sentence": one, **types} for one in sentences], **changes}


def fits(value: object, *args, **changes) -> bool:
    schema = samples(*args, **changes).answer()
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema).is_valid(value)


def read(text: str, *, truncated: bool = False) -> list[Draft]:
    return samples().parse("all_at_once/owner_of/4", text, truncated=truncated)


# The form of an answer


def test_an_answer_as_it_was_asked_for_fits():
    assert fits(answer(*SHOWN))
    assert fits({"relation": "other", "samples": [{"sentence": SHOWN[0]}]}, "Other", UNTYPED, count=1)


@pytest.mark.parametrize(
    "value",
    [
        answer(*SHOWN[:2]),
        answer(*SHOWN, SHOWN[0]),
        answer(*SHOWN, relation="owner_of"),
        answer(*SHOWN, remark="done"),
        {"samples": answer(*SHOWN)["samples"]},
        answer(*SHOWN[:2], "No tags at all."),
        answer(samples=[{"sentence": one, "head_type": "PERSON"} for one in SHOWN]),
        answer(samples=[{"sentence": one, "head_type": "BOAT", "tail_type": "BOAT"} for one in SHOWN]),
        answer(samples=[{"sentence": one, "head_type": None, "tail_type": "BOAT"} for one in SHOWN]),
        answer(samples=SHOWN),
        SHOWN,
    ],
)
def test_an_answer_of_another_form_does_not_fit(value):
    assert not fits(value)


def test_a_mention_of_any_type_may_have_each_that_the_schema_knows_and_no_other():
    one = {"sentence": SHOWN[0], "head_type": "BOAT"}
    for type, good in (("PERSON", True), ("BOAT", True), ("PLACE", False), (None, False)):
        value = {"relation": "boat:built in", "samples": [one | {"tail_type": type}]}
        assert fits(value, "boat:built_in", count=1) is good


def test_types_are_no_part_of_an_answer_where_the_schema_has_none():
    typed = {"relation": "other", "samples": [{"sentence": SHOWN[0], "head_type": "PERSON", "tail_type": "BOAT"}]}
    assert not fits(typed, "Other", UNTYPED, count=1)


def test_an_explanation_has_a_trigger_and_a_text_and_nothing_else():
    valid = Draft202012Validator(explaining().answer()).is_valid
    assert valid({"trigger": "keeps", "explanation": "Who keeps a boat owns it."})
    assert not valid({"explanation": "Who keeps a boat owns it."})
    assert not valid({"trigger": None, "explanation": "Who keeps a boat owns it."})
    assert not valid({"trigger": "keeps", "explanation": "Who keeps a boat owns it.", "relation": "owner of"})


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
    assert sentence.head.within(sentence.text) == re.search("<e1>(.*)</e1>", text)[1]
    assert sentence.tail.within(sentence.text) == re.search("<e2>(.*)</e2>", text)[1]


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
def test_an_answer_is_read_with_or_without_a_fence_and_words_around_it(wrapped, indent):
    drafts = read(wrapped.replace("{}", json.dumps(answer(GOOD, OTHER), indent=indent)))
    assert [draft.text for draft in drafts] == [GOOD, OTHER]
    assert all(draft.problem is None and not draft.truncated for draft in drafts)


def test_a_draft_has_a_number_of_its_own_and_all_that_the_answer_says():
    first, second = read(json.dumps(answer(GOOD, OTHER, remark="done")))
    assert (first.id, second.id) == ("all_at_once/owner_of/4/0", "all_at_once/owner_of/4/1")
    assert (first.method, first.relation, first.said) == ("all_at_once", "owner_of", "owner of")
    assert (first.head_type, first.tail_type) == ("PERSON", "BOAT")


def test_what_an_answer_leaves_out_is_none():
    [draft] = read(json.dumps({"samples": [{"sentence": GOOD}]}))
    assert (draft.said, draft.head_type, draft.tail_type, draft.problem) == (None, None, None, None)


def test_a_sentence_is_kept_character_by_character():
    odd = 'A "quoted" back\\slash, a\nline, é as e\u0301, 🙂, {braces}, \u2028 and \x00.'
    assert read(json.dumps(answer(odd)))[0].text == odd


def test_a_truncated_answer_is_one_draft_however_much_of_it_could_be_read():
    text = json.dumps(answer(GOOD, OTHER))
    [draft] = read(text, truncated=True)
    assert (draft.text, draft.truncated, draft.problem) == (text, True, "the answer was cut off")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "the answer holds no JSON object"),
        ("I would rather not.", "the answer holds no JSON object"),
        ("[1, 2]", "the answer holds no JSON object"),
        ('{"samples": [', "the answer holds no JSON object"),
        ("} {", "the answer holds no JSON object"),
        ('{"samples": [}', "Expecting value"),
        ("Either {this} or {that}.", "Expecting property name"),
        ("{}", "samples: Field required"),
        ('{"samples": []}', "the answer holds no sample"),
        ('{"samples": null}', "samples: Input should be a valid list"),
        ('{"samples": {"sentence": "x"}}', "samples: Input should be a valid list"),
        ('{"relation": ["owner of"], "samples": [{"sentence": "x"}]}', "relation: Input should be a valid string"),
        ('{"samples": [{"sentence": "\\ud800"}]}', "surrogates not allowed"),
        ('{"samples": ' + "[" * 100_000 + "}", "recursion"),
        ('{"samples": [' + "9" * 10_000 + "]}", "integer string conversion"),
    ],
)
def test_an_answer_that_cannot_be_read_is_one_draft_that_says_why(text, says):
    [draft] = read(text)
    assert says in draft.problem
    assert (draft.text, draft.id) == (text, "all_at_once/owner_of/4/0")


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


# Reading and checking explanations

WHY = "Whoever keeps a boat such as the Petrel under a tarp of her own, as Marit Ness does, is its owner."
TRIGGER = "still keeps"


def told(trigger: object = TRIGGER, explanation: object = WHY, label: str = "owner_of") -> Explanation | Rejected:
    return judged(json.dumps({"trigger": trigger, "explanation": explanation}), label=label)


def judged(text: str, *, truncated: bool = False, label: str = "owner_of") -> Explanation | Rejected:
    task = explaining(label)
    [draft] = task.parse("explain/boats-9/0", text, truncated=truncated)
    return task.judge(draft)


def test_an_explanation_is_kept_with_its_trigger_and_its_seed():
    assert told(f" {TRIGGER} ", f"{WHY}\n") == Explanation(
        id="explain/boats-9/0", seed="boats-9", relation="owner_of", text=WHY, trigger=TRIGGER
    )


def test_an_explanation_may_write_mentions_in_another_case_and_have_words_around_its_json():
    told_loudly = json.dumps({"trigger": TRIGGER, "explanation": WHY.upper()})
    assert isinstance(judged(f"Sure:\n```json\n{told_loudly}\n```"), Explanation)


def test_a_negative_seed_may_be_explained_without_a_trigger():
    assert isinstance(told(trigger="", label="no_relation"), Explanation)


@pytest.mark.parametrize(
    ("result", "check", "says"),
    [
        (judged(json.dumps({"trigger": TRIGGER, "explanation": WHY}), truncated=True), "truncated", "cut off"),
        (judged("Because she keeps it."), "unparseable", "the answer holds no JSON object"),
        (judged("{"), "unparseable", "the answer holds no JSON object"),
        (judged('{"explanation": "x"}'), "unparseable", "trigger: Field required"),
        (judged('{"a": ' + "[" * 100_000 + "}"), "unparseable", "recursion"),
        (told(explanation=None), "unparseable", "explanation: Input should be a valid string"),
        (told(explanation=""), "empty", "the explanation is empty"),
        (told(explanation=" \n"), "empty", "the explanation is empty"),
        (told(explanation="She keeps the Petrel."), "mention_missing", "does not mention the head 'Marit Ness'"),
        (told(explanation="Marit Ness keeps it."), "mention_missing", "does not mention the tail 'Petrel'"),
        (told("owns"), "trigger_not_in_sentence", "'owns' is not in the sentence"),
        (told("Still keeps"), "trigger_not_in_sentence", "'Still keeps' is not in the sentence"),
        (told(""), "trigger_not_in_sentence", "no words are named"),
        (told("owns", label="no_relation"), "trigger_not_in_sentence", "'owns' is not in the sentence"),
    ],
)
def test_an_explanation_that_fails_a_check_says_which_and_why(result, check, says):
    assert (result.check, result.draft.id) == (check, "explain/boats-9/0")
    assert says in result.reason


def test_an_explanation_that_repeats_a_line_of_its_instructions_is_an_echo():
    [line] = [line for line in explaining().messages()[0].content.splitlines() if line.startswith("Explain in")]
    assert told(explanation=line).reason == "the explanation repeats the prompt (similarity 1.00)"
    assert told(explanation=line.replace("Explain", "I explain")).check == "echo"


def test_an_explanation_that_is_a_piece_of_its_instructions_is_an_echo():
    assert (
        told(explanation='the head "Marit Ness" (PERSON) stands in this relation to the tail "Petrel"').check == "echo"
    )
    assert told(explanation=explaining().messages()[0].content).check == "echo"


def test_an_explanation_that_repeats_the_sentence_is_an_echo():
    assert told(explanation=KEPT.text).check == "echo"
