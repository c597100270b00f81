"""Whatever an LLM responds to a formatted example, each candidate ends accepted or rejected, of every task."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from relseed.generation.exchanges import Exchange
from relseed.quality.rules import RuleFilter, RuleSettings
from relseed.records.candidates import Candidate, Rejected
from relseed.records.files import read_records, write_records
from relseed.tasks import multiple_choice, relation, yes_no
from relseed.tasks.task import Ask, Prompt, Task, read_examples
from tests import boats
from tests.test_fuzz import JSON, MARKED, SENTENCES, TEXTS, TYPES, WILD, as_utf8, written

COUNT = 4  # samples that a response is to hold
RULES = RuleSettings(min_words=1, max_words=40, near_duplicate=0.9, near_duplicate_masked=None, language=None)
GULLS = {"id": "q-1", "question": "Do gulls sleep on the water?", "answer": True}
BOILS = {"id": "q-1", "question": "What boils?", "options": ["tea", "a stone"], "answer": "tea"}
FLOWS = {**BOILS, "id": "q-2", "question": "What flows?"}
ROWS = {"id": "q-2", "question": "Who rows?", "options": ["Marit", "a gull", "an eel"], "answer": "an eel"}
NIGHT = {"passage": "The shore is quiet at night."}


@dataclass(frozen=True)
class Case:
    """A task and seeds, samples that are nearly as they should be, and some that are good."""

    task: Task
    schema: Any
    seeds: Sequence[Any]
    near: st.SearchStrategy[Any] = field(repr=False)
    good: Sequence[Mapping[str, Any]] = field(repr=False)

    def prompt(self, **changes: Any) -> Prompt:
        names = {entry.label: entry.name for entry in self.schema.entries}
        fields = {"method": "grown", "loop": "self_reference", "label": self.seeds[0].label, "kind": None}
        fields |= {"count": COUNT, "rules": RULES, "diversity_instruction": False, "characters": None}
        asked = {"schema": self.schema, "seeds": self.seeds, "options": names} | fields
        return self.task.prompt(Ask(**asked | changes), "chat")

    def parse(self, text: str, *, truncated: bool = False, **changes: Any) -> list[Candidate]:
        return self.prompt(**changes).parse("grown/from/q-1/0", text, truncated=truncated)

    def outcomes(self, candidates: Sequence[Candidate]) -> list[Any]:
        """What becomes of candidates: examples, or why they are none."""
        rules = RuleFilter(self.task.rules(self.schema, self.seeds, RULES), RULES, self.seeds)
        return list(map(rules.apply, candidates))

    def accepted(self, text: str) -> list[Any]:
        return [found for found in self.outcomes(self.parse(text)) if not isinstance(found, Rejected)]

    def responses(self) -> st.SearchStrategy[str]:
        samples = st.lists(self.near | st.sampled_from(self.good) | JSON, max_size=COUNT + 1)
        options = st.sampled_from([[entry.name for entry in self.schema.entries], ["tea", "a stone"]]) | JSON
        return TEXTS | written(st.fixed_dictionaries({"samples": samples | JSON}, optional={"options": options}))


def _near(good: Sequence[Mapping[str, Any]], **fields: st.SearchStrategy[Any]) -> st.SearchStrategy[dict[str, Any]]:
    """Good samples with some fields as they may be, or as they must not, or without some; and what was never one."""
    changes = st.fixed_dictionaries({}, optional={"passage": JSON, "note": JSON, **fields})
    changed = st.builds(lambda sample, other: {**sample, **other}, st.sampled_from(good), changes)
    return changed | st.fixed_dictionaries({}, optional=fields)


def _relation(schema: Any, seeds: Sequence[Any], answer: str, **types: str) -> Case:
    good = [{"answer": answer, "sentence": text, **types} for text in (boats.GOOD, boats.OTHER)]
    answers = st.sampled_from([answer.upper(), f" {answer}\n", "Other"]) | JSON
    near = _near(good, answer=answers, sentence=MARKED | SENTENCES | JSON, **dict.fromkeys(types, TYPES))
    return Case(relation.TASK, schema, seeds, near, good)


def _untyped(seed: Any) -> Any:
    mentions = {role: getattr(seed, role).model_copy(update={"type": None}) for role in ("head", "tail")}
    return seed.model_copy(update={"relation": "Other", **mentions})


def _yes_no(**passage: str) -> Case:
    good = [{"answer": "true", "question": text, **passage} for text in ("Do eels swim at sea?", "Is ice cold to us?")]
    answers = st.sampled_from(["False", True]) | JSON
    asked = st.sampled_from(["Is it？", "?"]) | WILD | JSON
    near = _near(good, answer=answers, question=asked, **dict.fromkeys(passage, WILD | JSON))
    return Case(yes_no.TASK, yes_no.TASK.fixed_schema, [yes_no.AnsweredQuestion(**GULLS, **passage)], near, good)


def _multiple_choice(*questions: Mapping[str, Any], **passage: str) -> Case:
    good = [{**BOILS, "question": text, **passage} for text in ("What is hot at noon?", "Which of both can one drink?")]
    option = st.sampled_from(["tea", "a stone", "None", " milk", "TEA", ""]) | WILD
    options = st.lists(option, min_size=2, max_size=3) | st.lists(JSON, max_size=2) | JSON
    asked = st.sampled_from(["What pours?", "", " "]) | WILD | JSON
    near = _near(good, question=asked, options=options, answer=option | JSON, **dict.fromkeys(passage, WILD | JSON))
    seeds = [multiple_choice.AnsweredQuestion(**question, **passage) for question in questions]
    schema = multiple_choice.TASK.labels_of(multiple_choice.TASK.fixed_schema, seeds)
    return Case(multiple_choice.TASK, schema, seeds, near, good)


CASES = {
    "relation": _relation(boats.UNTYPED, list(map(_untyped, boats.SEEDS)), "cause-effect (head, tail)"),
    "typed relation": _relation(boats.SCHEMA, boats.SEEDS, "owner of", head_type="PERSON", tail_type="BOAT"),
    "yes_no": _yes_no(),
    "yes_no with passages": _yes_no(**NIGHT),
    "multiple_choice": _multiple_choice(BOILS, ROWS),
    "multiple_choice with passages": _multiple_choice(BOILS, ROWS, **NIGHT),
    "multiple_choice with the same options": _multiple_choice(BOILS, FLOWS),
}
each_case = pytest.mark.parametrize("case", CASES.values(), ids=CASES)
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


@each_case
@settings(max_examples=60)
@given(data=st.data(), truncated=st.sampled_from([False, False, False, True]))
def test_every_candidate_ends_accepted_or_rejected_with_a_reason(case, data, truncated):
    candidates = case.parse(data.draw(case.responses()), truncated=truncated)
    assert candidates
    assert len({candidate.id for candidate in candidates}) == len(candidates)
    for found in case.outcomes(candidates):
        if isinstance(found, Rejected):
            assert found.rule in case.task.rules(case.schema, case.seeds, RULES).names
            assert found.reason
        else:
            assert found.label in case.schema.labels
            assert case.task.misfit(found, case.schema) is None


@each_case
@settings(max_examples=40)
@given(data=st.data())
def test_a_loop_that_asks_by_label_never_stops_at_a_response_either(case, data):
    candidates = case.parse(data.draw(case.responses()), options={}, loop="all_at_once")
    assert len(case.outcomes(candidates)) == len(candidates) > 0


@each_case
@settings(max_examples=40, parent=shared_folder)
@given(data=st.data())
def test_what_was_written_can_be_kept_and_read_back(tmp_path, case, data):
    candidates = case.parse(as_utf8(data.draw(case.responses())))
    written_down = Exchange(id="grown/from/q-1/0", request=None, response=None, candidates=tuple(candidates))
    found = case.outcomes(candidates)
    accepted = [outcome for outcome in found if not isinstance(outcome, Rejected)]
    write_records(tmp_path / "candidates.jsonl", [written_down])
    write_records(tmp_path / "accepted.jsonl", accepted)
    write_records(tmp_path / "rejected.jsonl", [outcome for outcome in found if isinstance(outcome, Rejected)])
    [(_, again)] = read_records(tmp_path / "candidates.jsonl", Exchange)
    assert case.outcomes(again.candidates) == found
    assert read_examples(tmp_path / "accepted.jsonl", case.task, case.schema, empty=True) == accepted
    assert len(read_records(tmp_path / "rejected.jsonl", Rejected)) == len(found) - len(accepted)


@each_case
@settings(max_examples=30)
@given(data=st.data())
def test_bad_samples_never_cost_the_good_ones(case, data):
    bad = data.draw(st.lists(JSON.map(_in_unicode), min_size=1, max_size=COUNT - 1))
    place = data.draw(st.integers(0, len(bad)))
    candidates = case.parse(json.dumps({"samples": [*bad[:place], case.good[0], *bad[place:]]}))
    assert not isinstance(case.outcomes(candidates)[place], Rejected)


def _in_unicode(value: Any) -> Any:
    """The same without lone surrogates, with which a response as a whole is no JSON."""
    return json.loads(as_utf8(json.dumps(value, ensure_ascii=False)))


@each_case
def test_a_response_may_hold_several_good_samples(case):
    assert len(case.accepted(json.dumps({"samples": case.good}))) == len(case.good)


@each_case
def test_wild_responses_are_now_and_then_good_ones(case):
    few = settings(max_examples=2_000, phases=[Phase.generate], derandomize=True)
    assert find(case.responses(), case.accepted, settings=few)


def named(case: Case, names: str) -> dict[str, str]:
    """Labels as a method can have them shown."""
    labels = case.schema.labels
    plain = [entry.name for entry in case.schema.entries]
    shown = {"plain": plain, "codes": [f"R{number:02}" for number in range(1, len(labels) + 1)]}
    return dict(zip(labels, {**shown, "permuted": [*plain[1:], plain[0]]}[names], strict=True))


@each_case
@pytest.mark.parametrize("names", ["plain", "codes", "permuted"])
def test_a_target_is_read_back_as_the_example_that_it_was_made_of(case, names):
    options = named(case, names)
    for seed in case.seeds:
        target = case.prompt(options=options).render_target(seed)
        [candidate] = case.parse(target, options=options)
        example = case.task.rules(case.schema, case.seeds, RULES).example(candidate)
        assert (candidate.label, candidate.problem) == (seed.label, None)
        assert case.task.segments(example) == case.task.segments(seed)


@each_case
@settings(max_examples=20)
@given(words=st.text(st.characters(exclude_categories=["C", "Z"], exclude_characters="<"), min_size=1))
def test_a_target_of_any_words_is_read_back(case, words):
    seed, name = case.seeds[0], next(iter(case.task.columns))
    example = seed.model_copy(update={name: f"{getattr(seed, name)} {words}"})
    [candidate] = case.parse(case.prompt().render_target(example))
    again = case.task.rules(case.schema, case.seeds, RULES).example(candidate)
    assert case.task.segments(again) == case.task.segments(example)
