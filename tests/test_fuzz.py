"""Whatever an LLM responds, each candidate in it ends accepted or rejected with a reason, and is written down."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from relseed.explanations.explanation import Explanation
from relseed.llm.request import Response
from relseed.quality.rules import RuleFilter
from relseed.records.candidates import Rejected
from relseed.records.files import read_records, write_records
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.continuation import Continuation, line
from relseed.tasks.relation.rules import rules_of
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.task import checked, read_examples
from tests.boats import KEPT, RULES, SCHEMA, SEEDS, UNTYPED, ask, explanation_prompt, prompt

LENIENT = RULES.model_copy(update={"min_words": 1, "language": None})
NAMES = rules_of(SCHEMA, SEEDS).names
TAGS = ("<e1>", "</e1>", "<e2>", "</e2>")
CHARACTERS = st.characters()  # lone surrogates, too
BITS = st.sampled_from(
    [*TAGS, "<", ">", "e1>", "/e2>", " ", "\n", "\x00", "\x85", "\u2028", "\u200b", "\ud800", '"', "\\", "Ada"]
)
WILD = st.lists(BITS | st.text(CHARACTERS, max_size=4), max_size=12).map("".join)
# Marked as asked for, in characters that are mostly harmless.
PARTS = st.text("aéß .,<>'\"\\/e12\n\x00\u2028\u200b\u0301😀Ж", max_size=8)
MENTIONS = st.sampled_from(["Ada", "the Isa"]) | PARTS
MARKED = st.builds(
    lambda before, tags, first, between, second, after: (
        f"{before} <{tags[0]}>{first}</{tags[0]}> {between} <{tags[1]}>{second}</{tags[1]}>{after}"
    ),
    *(
        PARTS,
        st.sampled_from([("e1", "e2"), ("e2", "e1")]),
        MENTIONS,
        PARTS,
        MENTIONS,
        st.sampled_from([".", "\ud800"]) | PARTS,
    ),
)
SENTENCES = MARKED | WILD | st.sampled_from([seed.text for seed in SEEDS] + list(map(tagged, SEEDS)))
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | WILD,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WILD, inner, max_size=3),
    max_leaves=6,
)
TYPES = st.sampled_from(["PERSON", "BOAT", "BOAT", "SHIP", None]) | JSON
SAMPLES = st.fixed_dictionaries(
    {"sentence": SENTENCES}, optional={"head_type": TYPES, "tail_type": TYPES, "remark": JSON}
)
TYPED = MARKED.map(lambda text: {"sentence": text, "head_type": "PERSON", "tail_type": "BOAT"})
RELATIONS = st.sampled_from(["owner of", "cause-effect (head, tail)", None]) | JSON
RESPONSES = st.fixed_dictionaries({"samples": st.lists(TYPED, max_size=4)}) | st.fixed_dictionaries(
    {"samples": st.lists(TYPED | SAMPLES | JSON, max_size=4) | JSON}, optional={"relation": RELATIONS}
)
TRIGGERS = st.sampled_from(["still keeps", "", "keeps the"]) | JSON
WHYS = st.tuples(WILD, st.sampled_from(["Marit Ness keeps the Petrel", "Petrel: Marit Ness", ""]), WILD).map("".join)
EXPLANATIONS = st.fixed_dictionaries({"trigger": TRIGGERS, "explanation": WHYS | JSON})
NESTED = st.tuples(
    st.sampled_from(
        ["{}", '{{"samples": {}}}', '{{"samples": [{{"sentence": {}}}]}}', '{{"trigger": "", "explanation": {}}}']
    ),
    st.sampled_from([("[", "]"), ('{"a":', "}"), ("[", "")]),
    st.sampled_from([10, 400, 900, 980, 1_000, 5_000, 100_000]),
).map(lambda drawn: drawn[0].format(drawn[1][0] * drawn[2] + "1" + drawn[1][1] * drawn[2]))
AROUND = st.sampled_from([("", ""), ("Sure:\n```json\n", "\n```\n")]) | st.tuples(WILD, WILD)


def written(values: st.SearchStrategy[Any]) -> st.SearchStrategy[str]:
    """Values as JSON, escaped or not, between words or not."""
    texts = st.builds(json.dumps, values, ensure_ascii=st.booleans(), indent=st.sampled_from([None, 1]))
    return st.builds(lambda text, around: text.join(around), texts, AROUND)


TEXTS = WILD | st.text(CHARACTERS) | written(JSON) | NESTED
SCHEMAS = st.sampled_from([("owner_of", SCHEMA), ("no_relation", SCHEMA), ("Cause-Effect(e1,e2)", UNTYPED)])


def outcomes(text: str, label: str, schema: Schema, truncated: bool) -> list[Example | Rejected]:
    """What becomes of the candidates in a response to a request for sentences."""
    candidates = prompt(label, schema).parse(f"all_at_once/{label}/0", text, truncated=truncated)
    assert candidates
    assert len({candidate.id for candidate in candidates}) == len(candidates)
    return list(map(RuleFilter(rules_of(schema, SEEDS), LENIENT, SEEDS).apply, candidates))


def explanation_in(text: str, truncated: bool) -> Explanation | Rejected:
    """What becomes of a response to a request for an explanation."""
    [candidate] = explanation_prompt().parse("explain/boats-9/0", text, truncated=truncated)
    return explanation_prompt().apply_rules(candidate)


def accepted_in(text: str, label: str, schema: Schema) -> list[Example]:
    return [found for found in outcomes(text, label, schema, False) if isinstance(found, Example)]


def as_utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@settings(max_examples=120)
@given(TEXTS | written(RESPONSES), SCHEMAS, st.sampled_from([False, False, False, True]))
def test_every_candidate_ends_accepted_or_rejected_with_a_reason(text, asked, truncated):
    for found in outcomes(text, *asked, truncated):
        if isinstance(found, Rejected):
            assert found.rule in NAMES
            assert found.reason
        else:
            assert not truncated


@settings(max_examples=80)
@given(st.lists(SENTENCES | SENTENCES.map(line), max_size=4).map("\n".join), st.booleans())
def test_every_sentence_that_a_small_model_goes_on_with_ends_accepted_or_rejected_with_a_reason(text, truncated):
    candidates = Continuation.of(ask(characters=100)).parse("tuned/owner_of/0", text, truncated=truncated)
    assert candidates
    for found in map(RuleFilter(rules_of(SCHEMA, SEEDS), LENIENT, SEEDS).apply, candidates):
        assert isinstance(found, Example) or (found.rule in NAMES and found.reason)


@settings(max_examples=120)
@given(TEXTS | written(EXPLANATIONS), st.sampled_from([False, False, False, True]))
def test_every_explanation_ends_accepted_or_rejected_with_a_reason(text, truncated):
    found = explanation_in(text, truncated)
    if isinstance(found, Rejected):
        assert found.rule in ("truncated", "unparseable", "empty", "mention_missing", "trigger_not_in_sentence", "echo")
        assert found.reason
    else:
        assert not truncated
        assert found.trigger in KEPT.text
        assert found.text == found.text.strip() != ""


@settings(max_examples=100)
@given(written(RESPONSES), SCHEMAS)
def test_the_spans_of_what_is_accepted_lie_in_its_text_and_the_schema_allows_it(text, asked):
    for example in accepted_in(text, *asked):
        first, second = sorted([example.head, example.tail], key=lambda mention: mention.start)
        assert 0 <= first.start < first.end <= second.start < second.end <= len(example.text)
        fields = example.model_dump(exclude_unset=True)
        [again] = checked(Path("accepted.jsonl"), TASK, asked[1], [(1, fields)])
        assert again.example.model_dump(exclude_unset=True) == fields
        assert untag(tagged(example)).text == example.text


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given((TEXTS | written(RESPONSES)).map(as_utf8), SCHEMAS)
def test_what_is_accepted_and_what_is_rejected_can_be_written_and_read_back(tmp_path, text, asked):
    found = outcomes(text, *asked, False)
    accepted = [outcome for outcome in found if isinstance(outcome, Example)]
    rejected = [outcome for outcome in found if isinstance(outcome, Rejected)]
    write_records(tmp_path / "accepted.jsonl", accepted)
    write_records(tmp_path / "rejected.jsonl", rejected)
    assert read_examples(tmp_path / "accepted.jsonl", TASK, asked[1], empty=True) == accepted
    assert [record for _, record in read_records(tmp_path / "rejected.jsonl", Rejected)] == rejected


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given((TEXTS | written(EXPLANATIONS)).map(as_utf8))
def test_an_explanation_accepted_or_rejected_can_be_written_and_read_back(tmp_path, text):
    found = explanation_in(text, False)
    write_records(tmp_path / "found.jsonl", [found])
    assert [record for _, record in read_records(tmp_path / "found.jsonl", type(found))] == [found]


@pytest.mark.parametrize("asked", [("owner_of", SCHEMA), ("Cause-Effect(e1,e2)", UNTYPED)], ids=["typed", "untyped"])
def test_wild_responses_are_now_and_then_good_ones(asked):
    few = settings(max_examples=2_000, phases=[Phase.generate], derandomize=True)
    assert find(written(RESPONSES), lambda text: accepted_in(text, *asked), settings=few)
    assert find(written(EXPLANATIONS), lambda text: isinstance(explanation_in(text, False), Explanation), settings=few)


@pytest.mark.parametrize("text", ["no JSON, but \ud800", '{"samples": [{"sentence": "\ud800"}]}'])
def test_a_response_that_is_no_unicode_can_be_kept_and_written_as_rejected(tmp_path, text):
    counts = {"prompt_tokens": None, "completion_tokens": None, "seconds": None}
    response = Response(text=text, finish="stop", engine="e", model="m", **counts)
    assert Response.model_validate_json(response.model_dump_json()) == response
    write_records(tmp_path / "rejected.jsonl", outcomes(response.text, "owner_of", SCHEMA, False))
