"""Passages whose every pair of mentions is labelled: what fits, and the examples that they are."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.records.files import DataError
from relseed.tasks.relation import TASK, Example, Schema
from relseed.tasks.relation.passages import Passage, read_passages
from relseed.tasks.task import read_schema
from tests.graph import ROOT

GAZETTE = ROOT / "data/gazette"
SCHEMA = Schema.model_validate(
    {
        "relations": [
            {"relation": "owns", "head_type": "PERSON", "tail_type": "BOAT", "definition": "the head owns the tail"},
            {
                "relation": "married",
                "head_type": "PERSON",
                "tail_type": "PERSON",
                "definition": "the two are married",
                "symmetric": True,
            },
            {"relation": "none", "definition": "nothing is said", "negative": True},
        ]
    }
)
TEXT = "Ines has the Sula. Her husband Bo Ek rows past Ines. Bo sold the Heron."


def span(words: str, after: str = "", type: str | None = None) -> dict[str, Any]:
    """The offsets of words in the text, of the first time after other words."""
    start = TEXT.index(words, TEXT.index(after))
    return {"start": start, "end": start + len(words)} | ({"type": type} if type else {})


SENTENCES = [span(words) for words in ("Ines has the Sula.", "Her husband Bo Ek rows past Ines.", "Bo sold the Heron.")]
MENTIONS = [
    span("Ines", type="PERSON"),
    span("Sula", type="BOAT"),
    span("Bo Ek", type="PERSON"),
    span("Ines", "past", "PERSON"),
    span("Bo", "Bo sold", "PERSON"),
    span("Heron", type="BOAT"),
]
PASSAGE: dict[str, Any] = {
    "id": "p1",
    "text": TEXT,
    "sentences": SENTENCES,
    "mentions": MENTIONS,
    "relations": [{"head": 0, "tail": 1, "relation": "owns"}, {"head": 2, "tail": 3, "relation": "married"}],
}


def stating(head: int, tail: int, relation: str = "owns") -> dict[str, Any]:
    return {"relations": [{"head": head, "tail": tail, "relation": relation}]}


def write(path: Path, *passages: Any) -> Path:
    path.write_text("".join(json.dumps(passage) + "\n" for passage in passages))
    return path


def shown(example: Example) -> tuple[str, str, str, str]:
    return example.id, example.head.text_of(example.text), example.tail.text_of(example.text), example.relation


def test_every_ordered_pair_of_a_sentence_that_some_relation_allows_is_an_example() -> None:
    assert [shown(example) for example in Passage.model_validate(PASSAGE).pairs(SCHEMA)] == [
        ("p1/0-1", "Ines", "Sula", "owns"),
        ("p1/2-3", "Bo Ek", "Ines", "married"),
        ("p1/3-2", "Ines", "Bo Ek", "married"),  # which is symmetric, though one direction is stated
        ("p1/4-5", "Bo", "Heron", "none"),
    ]


def test_an_example_has_the_sentence_alone_the_types_and_its_passage_as_document() -> None:
    example = Passage.model_validate(PASSAGE).pairs(SCHEMA)[1]
    assert example.text == "Her husband Bo Ek rows past Ines."
    assert (example.head.type, example.tail.type) == ("PERSON", "PERSON")
    assert example.model_extra == {"document": "p1"}
    assert TASK.misfit(example, SCHEMA) is None


def test_mentions_with_the_same_words_are_no_pair() -> None:
    mentions = [span("Ines", type="PERSON"), span("Ines", "past", "PERSON")]
    passage = {**PASSAGE, "sentences": [{"start": 0, "end": len(TEXT)}], "mentions": mentions, "relations": []}
    assert Passage.model_validate(passage).pairs(SCHEMA) == []


def test_mentions_that_overlap_are_no_pair() -> None:
    mentions = [span("Bo Ek", type="PERSON"), span("Ek", type="PERSON")]
    passage = {**PASSAGE, "mentions": mentions, "relations": []}
    assert Passage.model_validate(passage).pairs(SCHEMA) == []


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"id": ""}, "id: String should have at least 1 character"),
        ({"sentences": [*SENTENCES[:2], {"start": 53, "end": 99}]}, "sentence 2 (53:99) does not fit the text of 71"),
        (
            {"sentences": [SENTENCES[1], SENTENCES[0]]},
            "sentence 1 (0:18) does not fit the text of 71 characters, or begins",
        ),
        ({"sentences": [{**SENTENCES[0], "type": "x"}]}, "sentences.0.type: Extra inputs are not permitted"),
        ({"mentions": [{"start": 70, "end": 80}]}, "mention 0 (70:80) does not fit the text of 71 characters"),
        ({"mentions": [{"start": -2, "end": 3}]}, "mention 0 (-2:3) does not fit"),
        ({"mentions": [{"start": 4, "end": 8}]}, "mention 0 begins or ends with a blank (' has')"),
        ({"mentions": [{"start": 13, "end": 22}]}, "mention 0 ('Sula. Her') is not inside one sentence"),
        ({"sentences": []}, "mention 0 ('Ines') is not inside one sentence"),
        (stating(0, 6), "owns of mentions 0 and 6: the passage has 6 mentions, numbered from 0"),
        (stating(-1, 1), "owns of mentions -1 and 1: the passage has 6 mentions"),
        (stating(0, 5), "owns of mentions 0 and 5: they are in different sentences"),
        (stating(1, 1), "owns of mentions 1 and 1: they overlap or have the same words"),
        (stating(1, 0), "owns of mentions 1 and 0: it asks for PERSON -> BOAT, the mentions are BOAT -> PERSON"),
        (stating(0, 1, "rows"), "rows of mentions 0 and 1: unknown label, the schema has owns, married, none"),
        (stating(0, 1, "none"), "none of mentions 0 and 1: leave it out, every pair without a relation is none"),
        ({"relations": [*stating(0, 1)["relations"] * 2]}, "owns of mentions 0 and 1: the pair has a relation already"),
        (
            {"relations": [{"head": "0", "tail": 1, "relation": "owns"}]},
            "relations.0.head: Input should be a valid integ",
        ),
        ({"mentions": None}, "mentions: Input should be a valid"),
        ({"id": "p1"}, "id 'p1' was used before (line 1)"),
    ],
)
def test_a_passage_that_does_not_fit_is_an_error_with_file_and_line(tmp_path: Path, change: dict, says: str) -> None:
    changed = {"relations": []} if "mentions" in change or "sentences" in change else {}
    path = write(tmp_path / "wire.jsonl", PASSAGE, {**PASSAGE, "id": "p2", **changed, **change})
    with pytest.raises(DataError) as caught:
        read_passages(path, SCHEMA)
    assert str(caught.value).startswith(f"{path}:2: {says}")


def test_all_passages_that_do_not_fit_are_named_at_once(tmp_path: Path) -> None:
    path = write(tmp_path / "wire.jsonl", {**PASSAGE, **stating(0, 5)}, PASSAGE, PASSAGE)
    with pytest.raises(DataError) as caught:
        read_passages(path, SCHEMA)
    assert [problem.partition(": ")[0] for problem in str(caught.value).splitlines()] == [f"{path}:1", f"{path}:3"]


def test_passages_need_a_negative_label(tmp_path: Path) -> None:
    without = Schema(relations=SCHEMA.relations[:2])
    with pytest.raises(DataError, match=r"wire\.jsonl: no label is negative"):
        read_passages(write(tmp_path / "wire.jsonl", PASSAGE), without)
    assert read_passages(write(tmp_path / "wire.jsonl"), without) == []


@st.composite
def passages(draw: st.DrawFn) -> Passage:
    """Sentences of one-letter words, some of them mentions, some pairs of which are related."""
    words = draw(st.lists(st.lists(st.sampled_from("abc"), min_size=1, max_size=4), min_size=1, max_size=3))
    text, sentences, mentions = "", [], []
    for sentence in words:
        sentences.append({"start": len(text), "end": len(text) + 2 * len(sentence) - 1})
        for word in sentence:
            mentions.append(
                {"start": len(text), "end": len(text) + 1, "type": draw(st.sampled_from(["PERSON", "BOAT"]))}
            )
            text += f"{word} "
    plain = {"id": "p", "text": text, "sentences": sentences, "mentions": mentions}
    pairs = Passage.model_validate({**plain, "relations": []}).pairs(SCHEMA)
    chosen = draw(st.lists(st.sampled_from(pairs), unique_by=lambda pair: pair.id)) if pairs else []
    stated = [dict(zip(("head", "tail"), map(int, pair.id[2:].split("-")), strict=True)) for pair in chosen]
    labels = ["owns" if pair.tail.type == "BOAT" else "married" for pair in chosen]
    relations = [one | {"relation": label} for one, label in zip(stated, labels, strict=True)]
    return Passage.model_validate({**plain, "relations": relations})


@given(passages())
def test_what_a_passage_states_is_what_its_examples_say(passage: Passage) -> None:
    assert passage.misfit(SCHEMA) is None
    pairs = {pair.id: pair for pair in passage.pairs(SCHEMA)}
    stated = {f"p/{one.head}-{one.tail}": one.relation for one in passage.relations}
    backwards = {f"p/{one.tail}-{one.head}" for one in passage.relations if one.relation == "married"}
    assert {id: pair.relation for id, pair in pairs.items() if id in stated} == stated
    assert {id for id, pair in pairs.items() if pair.relation != "none"} == set(stated) | backwards
    for pair in pairs.values():
        assert TASK.misfit(pair, SCHEMA) is None
        assert pair.text in passage.text


def test_the_passages_of_gazette_are_read_whole_and_most_of_their_pairs_are_unrelated() -> None:
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    found = read_passages(GAZETTE / "wire.jsonl", schema)
    pairs = [pair for passage in found for pair in passage.pairs(schema)]
    assert len(found) == 40
    assert sum(pair.relation == schema.negative for pair in pairs) > len(pairs) / 2
