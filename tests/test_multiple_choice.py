"""The task multiple_choice: its records, what an LLM is asked for, how responses are read, which rules hold."""

import json
from typing import Any

import pytest
from pydantic import ValidationError

from relseed.evaluation.baselines import baseline_f1
from relseed.labelling.prompt import LabelPrompt
from relseed.pipeline.errors import UserError
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.records.candidates import Candidate, Rejected
from relseed.tasks.formatting import FormattingPrompt
from relseed.tasks.multiple_choice import TASK, AnsweredQuestion, Question
from relseed.tasks.task import Ask, load_task, misfit_as

RULES = RuleSettings(min_words=3, max_words=30, near_duplicate=0.5, near_duplicate_masked=None, language=None)
KETTLE = AnsweredQuestion(id="q-1", question="What is a kettle for?", options=("tea", "hair", "nails"), answer="tea")
COATS = AnsweredQuestion(id="q-2", question="Where do coats hang?", options=("oven", "hall", "bath"), answer="hall")
SEEDS = [KETTLE, COATS]
OPEN = [seed.model_copy(update={"passage": "It is in the hall, beside the tea."}) for seed in SEEDS]
YES = AnsweredQuestion(id="q-3", question="Is the sea salty here?", options=("yes", "no"), answer="yes")
NO = AnsweredQuestion(id="q-4", question="Is the sea sweet here?", options=("yes", "no"), answer="no")
SCHEMA = TASK.labels_of(TASK.fixed_schema, SEEDS)
GOOD = {"question": "What cuts a loaf best of all?", "options": ["a rope", "a knife", "a drum"], "answer": "a knife"}


def ask(seeds: Any = SEEDS, **changes: Any) -> Ask:
    fields = {
        "method": "grown",
        "loop": "self_reference",
        "schema": TASK.labels_of(TASK.fixed_schema, seeds),
        "label": "1",
        "kind": None,
        "count": 2,
        "rules": RULES,
        "seeds": seeds,
        "diversity_instruction": False,
        "characters": None,
        "options": {"1": "1", "2": "2", "3": "3"},
    }
    return Ask(**fields | changes)


def prompt(seeds: Any = SEEDS, **changes: Any) -> FormattingPrompt:
    return TASK.prompt(ask(seeds, **changes), "chat")


def read(*samples: Any, seeds: Any = SEEDS) -> list[Candidate]:
    return prompt(seeds).parse("grown/from/q-1/0", json.dumps({"samples": samples}), truncated=False)


def outcome(seeds: Any = SEEDS, **sample: Any) -> Any:
    """The example that a sample becomes, or the rule that rejects it."""
    rules = RuleFilter(TASK.rules(SCHEMA, seeds, RULES), RULES, seeds)
    found = rules.apply(read(GOOD | sample, seeds=seeds)[0])
    return found.rule if isinstance(found, Rejected) else found


def test_the_label_is_the_place_of_the_answer():
    assert (KETTLE.label, COATS.label) == ("1", "2")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"answer": "coffee"}, "'coffee' is not among the options"),
        ({"options": ("tea", "TEA ")}, "'tea' occurs twice"),
        ({"options": ("tea", " ")}, "option 2 is empty"),
        ({"options": ("tea",)}, "at least 2"),
    ],
)
def test_a_question_needs_different_options_and_an_answer_among_them(changes, problem):
    with pytest.raises(ValidationError, match=problem):
        AnsweredQuestion.model_validate(KETTLE.model_dump() | changes)


def test_a_table_has_all_options_in_one_cell():
    assert Question(question="What boils?", options="tea | a stone|milk").options == ("tea", "a stone", "milk")


def test_a_dataset_has_as_many_labels_as_a_question_has_options_at_most():
    assert TASK.labels_of(TASK.fixed_schema, [YES, KETTLE]).labels == ("1", "2", "3")


def test_options_and_answer_come_after_the_question_where_each_has_its_own():
    shown = json.loads(prompt().messages([KETTLE])[-1].content)
    assert list(shown) == ["samples"]
    assert list(shown["samples"][0]) == ["question", "options", "answer"]


def test_options_and_answer_come_first_where_all_have_the_same():
    fixed = prompt([YES, NO], options={"1": "1", "2": "2"})
    shown = json.loads(fixed.messages([YES])[-1].content)
    assert (shown["options"], list(shown["samples"][0])) == (["yes", "no"], ["answer", "question"])
    items = fixed.response_schema()["properties"]["samples"]["items"]
    assert items["properties"]["answer"] == {"enum": ["yes", "no"]}


def test_an_answer_that_is_asked_for_is_demanded_where_options_are_fixed():
    fixed = prompt([YES, NO], options={"1": "1", "2": "2"}, answers=("2", "1"))
    samples = fixed.response_schema()["properties"]["samples"]["prefixItems"]
    assert [sample["properties"]["answer"]["enum"] for sample in samples] == [["no"], ["yes"]]


@pytest.mark.parametrize(("seeds", "places"), [(SEEDS, "123"), ([YES, NO], "123")], ids=["own", "fewer than labels"])
def test_no_answer_can_be_asked_for_where_options_are_not_the_same_for_all(seeds, places):
    options = {place: place for place in places}
    with pytest.raises(UserError, match=r"the method grown is to ask for the rarest answers.*`balanced` to false"):
        prompt(seeds, options=options, answers=("3", "1"))


def test_a_sample_becomes_an_example_with_the_place_of_its_answer_as_label():
    found = outcome()
    assert (found.question, found.options, found.answer, found.label) == (*map(_frozen, GOOD.values()), "2")


def _frozen(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


@pytest.mark.parametrize("seeds", [SEEDS, [YES, NO]])
def test_a_target_is_read_back_as_the_example_that_it_was_made_of(seeds):
    chosen = prompt(seeds)
    [candidate] = chosen.parse("grown/from/q-1/0", chosen.render_target(seeds[1]), truncated=False)
    example = TASK.rules(SCHEMA, seeds, RULES).example(candidate)
    assert (example.question, example.options, example.answer) == (seeds[1].question, seeds[1].options, seeds[1].answer)


@pytest.mark.parametrize(
    ("sample", "rule"),
    [
        ({"answer": "a saw"}, "answer_missing"),
        ({"answer": " "}, "unparseable"),
        ({"answer": None, "options": ["None", "a rope", "a drum"]}, "unparseable"),
        ({"options": ["a knife", "a rope"]}, "wrong_options"),
        ({"options": ["a knife", "A knife", "a rope"]}, "wrong_options"),
        ({"options": ["a knife", " ", "a rope"]}, "wrong_options"),
        ({"options": "a knife"}, "unparseable"),
        ({"options": [1, 2, 3]}, "unparseable"),
        ({"options": [float("nan")]}, "unparseable"),
        ({"question": 3}, "unparseable"),
        ({"question": "Why?"}, "length"),
        ({"question": KETTLE.question}, "copy"),
    ],
)
def test_a_sample_that_breaks_a_rule_is_rejected_by_its_name(sample, rule):
    assert outcome(**sample) == rule


def test_options_are_those_of_the_seeds_where_all_have_the_same():
    sample = {"question": "Is the sea cold up there?", "answer": "yes"}
    [candidate] = read(sample, seeds=[YES, NO])
    found = RuleFilter(TASK.rules(SCHEMA, [YES, NO], RULES), RULES, [YES, NO]).apply(candidate)
    assert found.options == ("yes", "no")


@pytest.mark.parametrize("passage", [7, None, " "])
def test_a_passage_must_be_there_where_the_seeds_have_some(passage):
    assert outcome(OPEN, passage=passage) == "unparseable"


def test_a_passage_that_nobody_asked_for_is_left_out():
    assert outcome(passage="Ropes cut nothing.").passage is None


def by_label(place: str, seeds: Any = SEEDS, **sample: Any) -> Any:
    """What becomes of a sample where the answer is asked for at a place: the example, or the rule that rejects it."""
    chosen = TASK.prompt(ask(seeds, loop="all_at_once", options={}, label=place), "chat")
    [candidate] = chosen.parse("m/2/0", json.dumps({"samples": [GOOD | sample]}), truncated=False)
    found = RuleFilter(TASK.rules(SCHEMA, seeds, RULES), RULES, seeds).apply(candidate)
    return found.rule if isinstance(found, Rejected) else found


def test_blanks_around_the_options_of_the_seeds_are_none_of_an_answer():
    seeds = [seed.model_copy(update={"options": ("yes ", "no"), "answer": "no"}) for seed in (YES, NO)]
    found = outcome(seeds, question="Is the sea cold up there?", answer="yes")
    assert (found.options, found.answer) == (("yes", "no"), "yes")


@pytest.mark.parametrize("place", ["1", "2"])
def test_a_loop_that_asks_by_label_gets_questions_whose_answer_stands_there(place):
    found = by_label(place)
    assert (found if isinstance(found, str) else found.label) == ("wrong_place" if place == "1" else "2")


@pytest.mark.parametrize(
    ("sample", "seeds", "rule"),
    [
        ({"question": " "}, SEEDS, "no_question"),
        ({"options": [float("nan")]}, SEEDS, "unparseable"),
        ({"answer": None, "options": ["None", "a rope", "a drum"]}, SEEDS, "answer_missing"),
        ({}, OPEN, "passage_missing"),
    ],
)
def test_a_sample_that_a_loop_asked_for_by_label_is_rejected_by_the_name_of_a_rule(sample, seeds, rule):
    assert by_label("2", seeds, **sample) == rule


def test_an_llm_that_labels_is_shown_the_options_and_no_answer():
    shown = LabelPrompt(TASK, SCHEMA, KETTLE, (), "code", "1").messages()[0].content
    assert all(f". {option}" in shown for option in KETTLE.options)
    code = json.loads(LabelPrompt(TASK, SCHEMA, KETTLE, (), "code", "1").answer_of("1"))["answer"]
    assert f"{code}. tea" in shown


def test_chance_is_that_of_the_options_that_a_question_has():
    found = baseline_f1(TASK, [YES, NO], [YES] * 40, TASK.labels_of(TASK.fixed_schema, [KETTLE]), seed=1)
    assert found["random"] == pytest.approx(0.5, abs=0.02)


def test_a_question_cannot_be_relabelled_with_the_place_of_an_option_that_it_does_not_have():
    assert misfit_as("2", YES, TASK, SCHEMA) is None
    assert misfit_as("3", YES, TASK, SCHEMA) == "the label 3 is for an option that it does not have: it has 2"
    assert TASK.relabelled(YES, "2").answer == "no"


def test_a_question_that_comes_again_with_other_options_may_have_its_answer_at_another_place():
    assert TASK.item(KETTLE) != TASK.item(KETTLE.model_copy(update={"options": KETTLE.options[::-1]}))


def test_a_question_that_comes_twice_in_a_response_is_a_duplicate_whatever_its_options():
    first, second = read(GOOD, GOOD | {"options": GOOD["options"][::-1]})
    rules = RuleFilter(TASK.rules(SCHEMA, SEEDS, RULES), RULES, SEEDS)
    assert not isinstance(rules.apply(first), Rejected)
    assert rules.apply(second).rule == "duplicate"


def test_it_is_found_by_its_name():
    assert load_task("multiple_choice") is TASK
