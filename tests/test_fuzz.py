"""Whatever an LLM answers, each draft in it ends accepted or rejected with a reason, and is written down."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, find, given, settings
from hypothesis import strategies as st

from relseed.llm.request import Completion
from relseed.records.files import read_records, write_records
from relseed.tasks.relation import Schema
from relseed.tasks.relation.files import checked, read_examples
from relseed.tasks.relation.rules import NAMES, Judge
from relseed.tasks.relation.tags import tagged, untag
from relseed.tasks.relation.written import Accepted, Explanation, Rejected
from tests.drafts import CHECKS, KEPT, SCHEMA, SEEDS, UNTYPED, explaining, samples

LENIENT = CHECKS.model_copy(update={"shortest": 1, "language": None})
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
    lambda before, tags, one, between, other, after: (
        f"{before} <{tags[0]}>{one}</{tags[0]}> {between} <{tags[1]}>{other}</{tags[1]}>{after}"
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
ANSWERS = st.fixed_dictionaries({"samples": st.lists(TYPED, max_size=4)}) | st.fixed_dictionaries(
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


COMPLETIONS = WILD | st.text(CHARACTERS) | written(JSON) | NESTED
SCHEMAS = st.sampled_from([("owner_of", SCHEMA), ("no_relation", SCHEMA), ("Cause-Effect(e1,e2)", UNTYPED)])


def samples_in(text: str, label: str, schema: Schema, truncated: bool) -> list[Accepted | Rejected]:
    """What becomes of an answer to a request for samples."""
    drafts = samples(label, schema).parse(f"all_at_once/{label}/0", text, truncated=truncated)
    assert drafts
    assert len({draft.id for draft in drafts}) == len(drafts)
    return list(map(Judge(schema, LENIENT, SEEDS).judge, drafts))


def explanation_in(text: str, truncated: bool) -> Explanation | Rejected:
    """What becomes of an answer to a request for an explanation."""
    [draft] = explaining().parse("explain/boats-9/0", text, truncated=truncated)
    return explaining().judge(draft)


def accepted_in(text: str, label: str, schema: Schema) -> list[Accepted]:
    return [one for one in samples_in(text, label, schema, False) if isinstance(one, Accepted)]


def as_utf8(text: str) -> str:
    return text.encode("utf-8", "replace").decode()


@settings(max_examples=120)
@given(COMPLETIONS | written(ANSWERS), SCHEMAS, st.sampled_from([False, False, False, True]))
def test_every_sample_ends_accepted_or_rejected_with_a_reason(text, asked, truncated):
    for one in samples_in(text, *asked, truncated):
        if isinstance(one, Rejected):
            assert one.check in NAMES
            assert one.reason
        else:
            assert not truncated


@settings(max_examples=120)
@given(COMPLETIONS | written(EXPLANATIONS), st.sampled_from([False, False, False, True]))
def test_every_explanation_ends_accepted_or_rejected_with_a_reason(text, truncated):
    one = explanation_in(text, truncated)
    if isinstance(one, Rejected):
        assert one.check in ("truncated", "unparseable", "empty", "mention_missing", "trigger_not_in_sentence", "echo")
        assert one.reason
    else:
        assert not truncated
        assert one.trigger in KEPT.text
        assert one.text == one.text.strip() != ""


@settings(max_examples=100)
@given(written(ANSWERS), SCHEMAS)
def test_the_spans_of_what_is_accepted_lie_in_its_text_and_the_schema_allows_it(text, asked):
    for one in accepted_in(text, *asked):
        first, second = sorted([one.head, one.tail], key=lambda mention: mention.start)
        assert 0 <= first.start < first.end <= second.start < second.end <= len(one.text)
        fields = one.model_dump(exclude_unset=True)
        [example] = checked(Path("accepted.jsonl"), asked[1], [(1, fields)])
        assert example.model_dump(exclude_unset=True) == fields
        assert untag(tagged(one)).model_dump(include={"text"}) == {"text": one.text}


@settings(max_examples=80, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given((COMPLETIONS | written(ANSWERS)).map(as_utf8), SCHEMAS)
def test_what_is_accepted_and_what_is_rejected_can_be_written_and_read_back(tmp_path, text, asked):
    judged = samples_in(text, *asked, False)
    accepted = [one for one in judged if isinstance(one, Accepted)]
    rejected = [one for one in judged if isinstance(one, Rejected)]
    write_records(tmp_path / "accepted.jsonl", accepted)
    write_records(tmp_path / "rejected.jsonl", rejected)
    examples = read_examples(tmp_path / "accepted.jsonl", asked[1], empty=True)
    assert [one.model_dump() for one in examples] == [one.model_dump() for one in accepted]
    assert [one for _, one in read_records(tmp_path / "rejected.jsonl", Rejected)] == rejected


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given((COMPLETIONS | written(EXPLANATIONS)).map(as_utf8))
def test_an_explanation_accepted_or_rejected_can_be_written_and_read_back(tmp_path, text):
    one = explanation_in(text, False)
    write_records(tmp_path / "one.jsonl", [one])
    assert [back for _, back in read_records(tmp_path / "one.jsonl", type(one))] == [one]


@pytest.mark.parametrize("asked", [("owner_of", SCHEMA), ("Cause-Effect(e1,e2)", UNTYPED)], ids=["typed", "untyped"])
def test_wild_answers_are_now_and_then_good_ones(asked):
    few = settings(max_examples=2_000, phases=[Phase.generate], derandomize=True)
    assert find(written(ANSWERS), lambda text: accepted_in(text, *asked), settings=few)
    assert find(written(EXPLANATIONS), lambda text: isinstance(explanation_in(text, False), Explanation), settings=few)


@pytest.mark.parametrize("text", ["no JSON, but \ud800", '{"samples": [{"sentence": "\ud800"}]}'])
def test_an_answer_that_is_no_unicode_can_be_kept_and_written_as_rejected(tmp_path, text):
    counts = {"prompt_tokens": None, "completion_tokens": None, "seconds": None}
    completion = Completion(text=text, finish="stop", engine="e", model="m", **counts)
    assert Completion.model_validate_json(completion.model_dump_json()) == completion
    write_records(tmp_path / "rejected.jsonl", samples_in(completion.text, "owner_of", SCHEMA, False))
