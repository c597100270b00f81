"""TACRED, TACREV and Re-TACRED, on made-up records and made-up patches."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relseed.datasets import retacred, tacred, tacrev
from relseed.datasets.dataset import Dataset
from relseed.records.files import DataError
from relseed.tasks.relation import TASK, Example
from relseed.tasks.relation.tags import Span
from tests.strategies import tokenized
from tests.tokens import tokens_and_spans

READERS = {"tacred": tacred.read, "tacrev": tacrev.read, "retacred": retacred.read}


def record(name: str, text: str, head: Span, tail: Span, types: str, relation: str) -> dict[str, Any]:
    head_type, tail_type = types.split()
    return {
        "id": name,
        "relation": relation,
        "token": text.split(" "),
        "subj_start": head[0],
        "subj_end": head[1],
        "subj_type": head_type,
        "obj_start": tail[0],
        "obj_end": tail[1],
        "obj_type": tail_type,
    }


FIVE = [
    record("a1", "Ottla Brandt , 61 , mends nets .", (0, 1), (3, 3), "PERSON NUMBER", "per:age"),
    record(
        "a2", "In 1987 Tolle & Sons -LRB- ropes -RRB- closed .", (2, 4), (1, 1), "ORGANIZATION DATE", "org:dissolved"
    ),
    record("b1", "Her uncle Emre Gul left .", (0, 0), (2, 3), "PERSON PERSON", "no_relation"),
    record("c1", "Netwerk opened in Aalst .", (0, 0), (3, 3), "ORGANIZATION CITY", "org:city_of_headquarters"),
    record("c2", "The cooper Jan Vos sang .", (2, 3), (1, 1), "PERSON TITLE", "per:title"),
]
FILES = {"train.json": FIVE[:2], "dev.json": FIVE[2:3], "test.json": FIVE[3:]}
TACREV = {
    "dev_patch.json": [{"id": "b1", "relation": "per:other_family"}],
    "test_patch.json": [{"id": "c1", "relation": "no_relation"}],
}
RETACRED = {
    "train_id2label.json": {"a2": "org:dissolved"},
    "dev_id2label.json": {"b1": "per:other_family"},
    "test_id2label.json": {"c1": "org:city_of_branch"},
}


def folder(path: Path, **files: Any) -> Path:
    for name, content in {**FILES, **TACREV, **RETACRED, **files}.items():
        (path / name).write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def read(path: Path, variant: str) -> Dataset:
    return READERS[variant](path, task=TASK, domain=None)


def labels(path: Path, variant: str) -> dict[str, dict[str, str]]:
    splits = read(path, variant).splits
    return {split: {example.id: example.relation for example in examples} for split, examples in splits.items()}


def problem(path: Path, variant: str = "tacred") -> str:
    with pytest.raises(DataError) as caught:
        read(path, variant)
    return str(caught.value)


def published(example: Example) -> dict[str, Any]:
    """The record that an example was read from."""
    tokens, head, tail = tokens_and_spans(example)
    types = f"{example.head.type} {example.tail.type}"
    return record(example.id, " ".join(tokens), head, tail, types, example.relation)


def test_tokens_and_inclusive_spans_become_characters(tmp_path: Path) -> None:
    example = read(folder(tmp_path), "tacred").splits["train"][1]
    assert example.text == "In 1987 Tolle & Sons -LRB- ropes -RRB- closed ."
    assert (example.head.text_of(example.text), example.head.type) == ("Tolle & Sons", "ORGANIZATION")
    assert (example.tail.text_of(example.text), example.tail.type) == ("1987", "DATE")


def test_tacred_keeps_its_labels(tmp_path: Path) -> None:
    assert labels(folder(tmp_path), "tacred") == {
        "train": {"a1": "per:age", "a2": "org:dissolved"},
        "validation": {"b1": "no_relation"},
        "test": {"c1": "org:city_of_headquarters", "c2": "per:title"},
    }


def test_tacrev_replaces_labels_of_dev_and_test_alone(tmp_path: Path) -> None:
    assert labels(folder(tmp_path), "tacrev") == {
        "train": {"a1": "per:age", "a2": "org:dissolved"},
        "validation": {"b1": "per:other_family"},
        "test": {"c1": "no_relation", "c2": "per:title"},
    }


def test_retacred_keeps_and_relabels_the_listed_records_alone(tmp_path: Path) -> None:
    assert labels(folder(tmp_path), "retacred") == {
        "train": {"a2": "org:dissolved"},
        "validation": {"b1": "per:other_family"},
        "test": {"c1": "org:city_of_branch"},
    }


@pytest.mark.parametrize(("variant", "count"), [("tacred", 42), ("tacrev", 42), ("retacred", 40)])
def test_the_schemas_have_as_many_labels_as_published(tmp_path: Path, variant: str, count: int) -> None:
    schema = read(folder(tmp_path), variant).schema
    assert len(schema.labels) == count
    assert schema.negative == "no_relation"
    for relation in schema.relations:
        assert relation.head_type == {"per": "PERSON", "org": "ORGANIZATION"}.get(relation.relation.partition(":")[0])


@pytest.mark.parametrize(
    ("variant", "missing", "says"),
    [
        ("tacred", "dev.json", "LDC2018T24"),
        ("tacrev", "test_patch.json", "https://github.com/DFKI-NLP/tacrev"),
        ("retacred", "train_id2label.json", "https://github.com/gstoica27/Re-TACRED"),
    ],
)
def test_a_missing_file_says_where_it_is_published(tmp_path: Path, variant: str, missing: str, says: str) -> None:
    (folder(tmp_path) / missing).unlink()
    assert problem(tmp_path, variant).startswith(f"{tmp_path / missing}: file not found")
    assert says in problem(tmp_path, variant)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"obj_start": 9, "obj_end": 9}, "tokens 9 to 9 do not fit the sentence of 6 tokens"),
        ({"obj_start": 2, "obj_end": 1}, "tokens 2 to 1 do not fit"),
        ({"obj_start": 3, "obj_end": 4}, "head 11:18 and tail 15:23 overlap"),
        ({"obj_start": "1"}, "obj_start: Input should be a valid integer"),
        ({"token": "The cooper"}, "token: Input should be a valid list"),
        ({"token": ["The", "", "Jan", "Vos"]}, "token 1 is ''"),
        ({"subj_type": None}, "subj_type: Input should be a valid string"),
        ({"relation": "per:trade"}, "unknown label 'per:trade'"),
        ({"subj_type": "ORGANIZATION"}, "per:title asks for PERSON -> any, the mentions are ORGANIZATION -> TITLE"),
    ],
)
def test_a_record_that_does_not_fit_is_an_error_with_file_number_and_id(
    tmp_path: Path, change: dict, says: str
) -> None:
    folder(tmp_path, **{"test.json": [FIVE[3], {**FIVE[4], **change}]})
    assert problem(tmp_path).startswith(f"{tmp_path / 'test.json'}: record 2 (id 'c2'): ")
    assert says in problem(tmp_path)


def test_all_records_that_do_not_fit_are_named_at_once(tmp_path: Path) -> None:
    folder(tmp_path, **{"test.json": [7, FIVE[3], {**FIVE[4], "relation": "per:trade"}]})
    first, second = problem(tmp_path).splitlines()
    assert first.startswith(f"{tmp_path / 'test.json'}: record 1 (id None): ")
    assert second.startswith(f"{tmp_path / 'test.json'}: record 3 (id 'c2'): unknown label")


def test_an_id_that_occurs_twice_is_an_error(tmp_path: Path) -> None:
    folder(tmp_path, **{"test.json": [FIVE[3], FIVE[3]]})
    assert "record 2 (id 'c1'): id 'c1' was used before (record 1 (id 'c1'))" in problem(tmp_path)


def test_a_record_that_is_not_an_object_is_an_error(tmp_path: Path) -> None:
    folder(tmp_path, **{"test.json": [FIVE[3], 7]})
    assert "test.json: record 2 (id None): Input should be a valid dictionary" in problem(tmp_path)


def test_broken_json_is_an_error_with_file_and_line(tmp_path: Path) -> None:
    folder(tmp_path, **{"dev.json": '[\n{"id": "b1",\n]'})
    assert problem(tmp_path).startswith(f"{tmp_path / 'dev.json'}:3: not JSON")


@pytest.mark.parametrize("content", ['{"id": "b1"}', "7"])
def test_json_that_is_not_a_list_is_an_error(tmp_path: Path, content: str) -> None:
    folder(tmp_path, **{"dev.json": content})
    assert "dev.json: Input should be a valid list" in problem(tmp_path)


@pytest.mark.parametrize(
    ("variant", "file", "content", "says"),
    [
        (
            "tacrev",
            "test_patch.json",
            [{"id": "zz", "relation": "per:age"}],
            "1 ids are not in test.json, the first is 'zz'",
        ),
        ("retacred", "dev_id2label.json", {"zz": "per:age"}, "1 ids are not in dev.json, the first is 'zz'"),
        ("tacrev", "dev_patch.json", [{"id": "b1", "relation": "per:trade"}], "id 'b1': unknown label 'per:trade'"),
        ("retacred", "dev_id2label.json", {"b1": "org:parents"}, "id 'b1': unknown label 'org:parents'"),
        ("tacrev", "dev_patch.json", TACREV["dev_patch.json"] * 2, "1 ids are listed twice"),
        ("tacrev", "dev_patch.json", [{"id": "b1"}], "0.relation: Field required"),
        ("retacred", "dev_id2label.json", {"b1": 7}, "b1: Input should be a valid string"),
        ("retacred", "dev_id2label.json", "{", ":1: not JSON"),
    ],
)
def test_a_patch_that_does_not_fit_is_an_error(
    tmp_path: Path, variant: str, file: str, content: Any, says: str
) -> None:
    folder(tmp_path, **{file: content})
    assert problem(tmp_path, variant).startswith(str(tmp_path / file))
    assert says in problem(tmp_path, variant)


def test_every_made_up_record_is_rebuilt(tmp_path: Path) -> None:
    splits = read(folder(tmp_path), "tacred").splits
    assert [published(example) for examples in splits.values() for example in examples] == FIVE


@given(st.lists(tokenized(), min_size=1, max_size=4))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30)
def test_a_published_record_round_trips(tmp_path: Path, found: list[tuple[list[str], Span, Span]]) -> None:
    records = [
        {**record(str(number), "", head, tail, "PERSON MISC", "per:title"), "token": tokens}
        for number, (tokens, head, tail) in enumerate(found)
    ]
    folder(tmp_path, **{"test.json": records})
    assert [published(example) for example in read(tmp_path, "tacred").splits["test"]] == records


def test_the_notes_say_what_the_patches_did(tmp_path: Path) -> None:
    assert read(folder(tmp_path), "tacred").notes == []
    assert re.search("validation 1, test 1; train is TACRED's", read(tmp_path, "tacrev").notes[0])
    assert re.search("train 1, validation 1, test 1; records without", read(tmp_path, "retacred").notes[0])
