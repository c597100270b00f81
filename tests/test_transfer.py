"""Gazette's relations on CrossRE: which pairs are scored, and what their labels and the answers are mapped to."""

import json

import pytest

from benchmarks.transfer import LABELS, MAPPED, NOTHING, TYPES, _mapped, pairs_of
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_schema
from tests.graph import ROOT

GAZETTE = read_schema(ROOT / "data/gazette/relations.jsonl", TASK)
SENTENCE = {
    "doc_key": "news-1",
    "sentence": ["Ada", "Holm", "joined", "Nordlys", "in", "Skive", "with", "a", "drum"],
    "ner": [[0, 1, "politician"], [3, 3, "organisation"], [5, 5, "location"], [8, 8, "misc"]],
    "relations": [[0, 1, 3, 3, "role", "", False, False], [0, 1, 8, 8, "usage", "", False, False]],
}


@pytest.fixture
def crossre(tmp_path):
    for split in ("train", "dev", "test"):
        (tmp_path / f"news-{split}.json").write_text(json.dumps(SENTENCE), encoding="utf-8")
    return tmp_path


def test_pairs_are_those_whose_types_a_relation_has_with_types_as_gazette_names_them(crossre):
    found = [(label, item.head.type, item.tail.type) for label, item in pairs_of(crossre, "news")]
    assert found == [
        ("role", "PERSON", "ORGANIZATION"),
        (NOTHING, "PERSON", "LOCATION"),
        (NOTHING, "ORGANIZATION", "LOCATION"),
    ]


def test_every_relation_that_is_mapped_is_one_of_gazette_and_of_these_types():
    for (head, _, tail), (_, relations) in MAPPED.items():
        for relation in relations:
            found = GAZETTE.by_label[relation]
            assert (found.head_type, found.tail_type) == (head, tail)
    assert {type for head, _, tail in MAPPED for type in (head, tail)} <= set(TYPES.values())


@pytest.mark.parametrize(
    ("predicted", "label"),
    [("leads", "role"), ("no_relation", NOTHING), ("educated_at", "other"), ("born_in", "other")],
)
def test_an_answer_is_mapped_to_the_label_of_its_kind_for_mentions_of_these_types(crossre, predicted, label):
    [(_, item), *_] = pairs_of(crossre, "news")
    assert _mapped({"predicted": predicted}, item, "no_relation") == label
    assert label in LABELS
