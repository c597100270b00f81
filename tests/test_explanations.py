"""Explanations of seeds: what an LLM is asked, in what form it must respond, and which explanations pass."""

import json

import pytest
from jsonschema import Draft202012Validator

from relseed.explanations.explanation import Explanation
from relseed.records.candidates import Rejected
from tests.boats import KEPT, UNTYPED, explanation_prompt

# The request


def asked(*args) -> str:
    return explanation_prompt(*args).messages()[0].content


def test_an_explanation_is_asked_for_with_the_sentence_its_mentions_and_its_relation():
    text = asked()
    assert "Sentence: Old <e1>Marit Ness</e1> still keeps the <e2>Petrel</e2> under a green tarp.\n" in text
    assert "Relation of the head to the tail: owner of\nDefinition: the head owns the tail\n" in text
    assert 'why the head "Marit Ness" (PERSON) stands in this relation to the tail "Petrel" (BOAT)' in text
    assert "boat:built" not in text


def test_an_explanation_without_types_speaks_of_none():
    text = asked("Cause-Effect(e1,e2)", UNTYPED)
    assert 'the head "Marit Ness" stands in this relation to the tail "Petrel" in this sentence' in text
    negative = asked("Other", UNTYPED)
    assert 'between the head "Marit Ness" and the tail "Petrel", and' in negative
    assert "type" not in text + negative


def test_a_negative_seed_is_explained_against_all_relations():
    text = asked("no_relation")
    assert "- owner of (PERSON, BOAT): the head owns the tail\n" in text
    assert "states none of these relations" in text
    assert "- no relation" not in text


# The form of a response


def test_an_explanation_has_a_trigger_and_a_text_and_nothing_else():
    fits = Draft202012Validator(explanation_prompt().response_schema()).is_valid
    assert fits({"trigger": "keeps", "explanation": "Who keeps a boat owns it."})
    assert not fits({"explanation": "Who keeps a boat owns it."})
    assert not fits({"trigger": None, "explanation": "Who keeps a boat owns it."})
    assert not fits({"trigger": "keeps", "explanation": "Who keeps a boat owns it.", "relation": "owner of"})


# Reading responses, and the rules

WHY = "Whoever keeps a boat such as the Petrel under a tarp of her own, as Marit Ness does, is its owner."
TRIGGER = "still keeps"


def explained(trigger: object = TRIGGER, explanation: object = WHY, label: str = "owner_of") -> Explanation | Rejected:
    return outcome(json.dumps({"trigger": trigger, "explanation": explanation}), label=label)


def outcome(text: str, *, truncated: bool = False, label: str = "owner_of") -> Explanation | Rejected:
    prompt = explanation_prompt(label)
    [candidate] = prompt.parse("explain/boats-9/0", text, truncated=truncated)
    return prompt.apply_rules(candidate)


def test_an_explanation_is_accepted_with_its_trigger_and_its_seed():
    assert explained(f" {TRIGGER} ", f"{WHY}\n") == Explanation(
        id="explain/boats-9/0", seed="boats-9", relation="owner_of", text=WHY, trigger=TRIGGER
    )


def test_an_explanation_may_write_mentions_in_another_case_and_have_words_around_its_json():
    loud = json.dumps({"trigger": TRIGGER, "explanation": WHY.upper()})
    assert isinstance(outcome(f"Sure:\n```json\n{loud}\n```"), Explanation)


def test_a_negative_seed_may_be_explained_without_a_trigger():
    assert isinstance(explained(trigger="", label="no_relation"), Explanation)


@pytest.mark.parametrize(
    ("result", "rule", "says"),
    [
        (outcome(json.dumps({"trigger": TRIGGER, "explanation": WHY}), truncated=True), "truncated", "cut off"),
        (outcome("Because she keeps it."), "unparseable", "the response holds no JSON object"),
        (outcome("{"), "unparseable", "the response holds no JSON object"),
        (outcome('{"explanation": "x"}'), "unparseable", "trigger: Field required"),
        (outcome('{"a": ' + "[" * 100_000 + "}"), "unparseable", "recursion"),
        (explained(explanation=None), "unparseable", "explanation: Input should be a valid string"),
        (explained(explanation=""), "empty", "the explanation is empty"),
        (explained(explanation=" \n"), "empty", "the explanation is empty"),
        (explained(explanation="She keeps the Petrel."), "mention_missing", "does not mention the head 'Marit Ness'"),
        (explained(explanation="Marit Ness keeps it."), "mention_missing", "does not mention the tail 'Petrel'"),
        (explained("owns"), "trigger_not_in_sentence", "'owns' is not in the sentence"),
        (explained("Still keeps"), "trigger_not_in_sentence", "'Still keeps' is not in the sentence"),
        (explained(""), "trigger_not_in_sentence", "no words are named"),
        (explained("owns", label="no_relation"), "trigger_not_in_sentence", "'owns' is not in the sentence"),
    ],
)
def test_an_explanation_that_a_rule_rejects_says_which_and_why(result, rule, says):
    assert (result.rule, result.candidate.id) == (rule, "explain/boats-9/0")
    assert says in result.reason


def test_an_explanation_that_repeats_a_line_of_its_instructions_is_an_echo():
    [line] = [line for line in explanation_prompt().messages()[0].content.splitlines() if line.startswith("Explain in")]
    assert explained(explanation=line).reason == "the explanation repeats the prompt (similarity 1.00)"
    assert explained(explanation=line.replace("Explain", "I explain")).rule == "echo"


def test_an_explanation_that_is_a_piece_of_its_instructions_is_an_echo():
    assert (
        explained(explanation='the head "Marit Ness" (PERSON) stands in this relation to the tail "Petrel"').rule
        == "echo"
    )
    assert explained(explanation=explanation_prompt().messages()[0].content).rule == "echo"


def test_an_explanation_that_repeats_the_sentence_is_an_echo():
    assert explained(explanation=KEPT.text).rule == "echo"
