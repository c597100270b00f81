"""The task yes_no: what an LLM is asked for, how its responses are read, and which rules candidates must pass."""

import json
from typing import Any

import pytest

from relseed.generation.method import read_method
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.records.candidates import Candidate, Rejected
from relseed.tasks.task import Ask, Prompt, load_task
from relseed.tasks.yes_no import AnsweredQuestion
from tests.graph import PARAMS

TASK = load_task("yes_no")
RULES = RuleSettings(min_words=3, max_words=30, near_duplicate=0.5, near_duplicate_masked=None, language=None)
CLOSED = AnsweredQuestion(id="q-1", question="Is the sea salty?", answer=True)
OPEN = AnsweredQuestion(id="q-2", question="Is the boat sold?", passage="Ines sold the boat.", answer=True)


def prompt(seed: AnsweredQuestion = CLOSED, count: int = 2) -> Prompt:
    ask = Ask(
        method="all_at_once",
        loop="all_at_once",
        schema=TASK.fixed_schema,
        label="true",
        kind=None,
        count=count,
        rules=RULES,
        seeds=[seed],
        diversity_instruction=False,
        characters=None,
    )
    return TASK.prompt(ask, "chat")


def read(*samples: Any, seed: AnsweredQuestion = CLOSED) -> list[Candidate]:
    return prompt(seed).parse("all_at_once/true/0", json.dumps({"samples": samples}), truncated=False)


def outcome(seed: AnsweredQuestion = CLOSED, **sample: Any) -> Any:
    """The example that a sample becomes, or the rule that rejects it."""
    rules = RuleFilter(TASK.rules(TASK.fixed_schema, [seed], RULES), RULES, [seed])
    found = rules.apply(read(sample, seed=seed)[0])
    return found.rule if isinstance(found, Rejected) else found


def test_a_sample_has_the_answer_that_is_asked_for_before_its_question():
    items = prompt().response_schema()["properties"]["samples"]["items"]
    assert list(items["properties"].items()) == [("answer", {"enum": ["true"]}), ("question", {"type": "string"})]


def test_passages_are_asked_for_where_seeds_have_some():
    assert "passage" not in prompt().messages([])[0].content
    assert '"passage": "..."' in prompt(OPEN).messages([])[0].content
    items = prompt(OPEN).response_schema()["properties"]["samples"]["items"]
    assert list(items["properties"]) == ["answer", "passage", "question"]


@pytest.mark.parametrize("count", [1, 3])
def test_a_response_holds_as_many_samples_as_are_asked_for(count):
    samples = prompt(count=count).response_schema()["properties"]["samples"]
    assert (samples["minItems"], samples["maxItems"]) == (count, count)


@pytest.mark.parametrize("seed", [CLOSED, OPEN])
def test_a_target_is_read_back_as_the_example_that_it_was_made_of(seed):
    [candidate] = prompt(seed).parse("m/true/0", prompt(seed).render_target(seed), truncated=False)
    example = TASK.rules(TASK.fixed_schema, [seed], RULES).example(candidate)
    assert (example.question, example.passage, example.answer) == (seed.question, seed.passage, True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("no", "the response holds no JSON object"),
        ('{"samples": []}', "the response holds no sample"),
        ('{"samples": 3}', "samples: Input should be a valid list"),
        ('{"samples": [3]}', "Input should be a valid dictionary"),
        ('{"samples": [{"answer": "true"}]}', "question: Field required"),
        ('{"samples": [{"question": ["Is it?"]}]}', "question: Input should be a valid string"),
        ('{"samples": [{"answer": {}, "question": "Is it?"}]}', "answer: Input should be a valid string"),
    ],
)
def test_what_cannot_be_read_becomes_a_candidate_that_says_why(text, problem):
    [candidate] = prompt().parse("m/true/0", text, truncated=False)
    assert candidate.problem == problem


def test_one_bad_sample_does_not_spoil_the_others():
    first, second = read({"question": 7}, {"answer": "true", "question": "Is ice cold?"})
    assert (first.problem is None, second.problem) == (False, None)


def test_a_response_that_was_cut_off_is_one_candidate():
    [candidate] = prompt().parse("m/true/0", '{"samples": [{"ans', truncated=True)
    assert candidate.truncated


def test_a_good_sample_becomes_an_example():
    example = outcome(answer="true", question="Do whales breathe air?")
    assert (example.question, example.label, example.method) == ("Do whales breathe air?", "true", "all_at_once")


@pytest.mark.parametrize(
    ("seed", "sample", "rule"),
    [
        (CLOSED, {"answer": "false", "question": "Do whales have gills?"}, "wrong_answer"),
        (CLOSED, {"question": "Do whales have gills?"}, "wrong_answer"),
        (CLOSED, {"answer": "true", "question": "Whales breathe air."}, "no_question"),
        (CLOSED, {"answer": "true", "question": "Is it?"}, "length"),
        (CLOSED, {"answer": "true", "question": "Is the sea salty?"}, "copy"),
        (OPEN, {"answer": "true", "question": "Do whales breathe air?"}, "passage_missing"),
    ],
)
def test_a_bad_sample_is_rejected_by_a_rule(seed, sample, rule):
    assert outcome(seed, **sample) == rule


def test_an_llm_that_goes_on_with_a_text_cannot_be_asked_for_questions():
    params = Params(PARAMS)
    with pytest.raises(
        UserError, match=r"llms.untuned.form is continuation, the task yes_no has prompts of the form chat"
    ):
        read_method(params, "untuned", TASK, TASK.fixed_schema, [CLOSED])
