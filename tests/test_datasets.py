"""Own data in a folder, and what every reader has in common: the schema files and the data card."""

import hashlib
import json
from pathlib import Path

import pytest

from relseed.datasets import folder
from relseed.datasets.card import card, table
from relseed.datasets.dataset import Dataset
from relseed.datasets.findings import Finding
from relseed.records.files import DataError, write_records
from relseed.tasks.relation import TASK
from relseed.tasks.task import Task, load_task, read_schema
from tests.graph import ROOT

GAZETTE, PRIMER = ROOT / "data/gazette", ROOT / "data/primer"
SCHEMAS = sorted((ROOT / "relseed/datasets").glob("*/relations.jsonl"))

RELATIONS: list[dict] = [
    {"relation": "owns", "definition": "the head owns the tail"},
    {"relation": "none", "definition": "nothing is said", "negative": True},
]


def example(name: str, relation: str) -> dict:
    mentions = {"head": {"start": 0, "end": 5}, "tail": {"start": 14, "end": 18}}
    return {"id": name, "text": "Marit has the Sula.", **mentions, "relation": relation}


def own(path: Path) -> Path:
    """A folder as a user would bring it."""
    path.mkdir(exist_ok=True)
    splits: dict[str, list[dict]] = {
        "relations": RELATIONS,
        "train": [example("t1", "owns"), example("t2", "none")],
        "validation": [example("v1", "owns")],
        "test": [example("x1", "none")],
    }
    for name, records in splits.items():
        (path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def read(path: Path, task: Task = TASK) -> Dataset:
    return folder.read(path, task=task, domain=None)


def test_own_data_without_about_is_named_after_its_folder(tmp_path: Path) -> None:
    dataset = read(own(tmp_path / "boats"))
    assert (dataset.name, dataset.licence, dataset.source) == ("boats", "not stated", "not stated")
    assert [example.id for example in dataset.splits["train"]] == ["t1", "t2"]


def test_about_says_name_licence_and_source(tmp_path: Path) -> None:
    (own(tmp_path) / "about.yaml").write_text("name: Boats\nlicence: CC0\nsource: the harbour\n")
    dataset = read(tmp_path)
    assert (dataset.name, dataset.licence, dataset.source) == ("Boats", "CC0", "the harbour")


@pytest.mark.parametrize(
    ("about", "says"),
    [
        ("license: CC0\n", "about.yaml: license: Extra inputs are not permitted. It may have: name, licence, source"),
        ("name: 7\n", "about.yaml: name: Input should be a valid string"),
        ("name: a\nlicence: [\n", "about.yaml:3: not YAML"),
        ("name: a: b\n", "about.yaml:1: not YAML"),
        ("[1]\n", "about.yaml: Input should be a valid dictionary"),
    ],
)
def test_an_about_that_does_not_fit_is_an_error(tmp_path: Path, about: str, says: str) -> None:
    (own(tmp_path) / "about.yaml").write_text(about)
    with pytest.raises(DataError) as caught:
        read(tmp_path)
    assert says in str(caught.value)


@pytest.mark.parametrize("name", ["relations", "train", "validation", "test"])
def test_a_missing_file_says_what_a_folder_of_own_data_holds(tmp_path: Path, name: str) -> None:
    (own(tmp_path) / f"{name}.jsonl").unlink()
    with pytest.raises(DataError, match=rf"{name}\.jsonl: file not found: own data is a folder with"):
        read(tmp_path)


def test_own_data_whose_labels_are_always_the_same_need_no_file_of_labels(tmp_path: Path) -> None:
    dataset = read(PRIMER, load_task("yes_no"))
    assert (dataset.name, dataset.schema.labels) == ("Primer", ("true", "false"))
    assert {split: len(examples) for split, examples in dataset.splits.items()} == {
        "train": 24,
        "validation": 16,
        "test": 20,
    }
    with pytest.raises(DataError, match=r"train\.jsonl: file not found: own data is a folder with train\.jsonl, valid"):
        read(tmp_path, load_task("yes_no"))


def test_a_real_example_cannot_say_that_a_method_wrote_it(tmp_path: Path) -> None:
    marked = example("x1", "none") | {"method": "interview"}
    (own(tmp_path) / "test.jsonl").write_text(json.dumps(marked) + "\n")
    with pytest.raises(DataError, match=r"test\.jsonl:1: example 'x1' has a field `method`, .*: rename it"):
        read(tmp_path)


@pytest.mark.parametrize("split", ["train", "validation", "test"])
def test_every_split_is_checked(tmp_path: Path, split: str) -> None:
    path = own(tmp_path) / f"{split}.jsonl"
    with path.open("a") as file:
        file.write(json.dumps(example("new", "sails")) + "\n")
    line = len(path.read_text().splitlines())
    with pytest.raises(DataError, match=rf"{split}\.jsonl:{line}: unknown label 'sails'"):
        read(tmp_path)


def test_gazette_is_read_whole_with_its_licence() -> None:
    dataset = read(GAZETTE)
    assert {split: len(examples) for split, examples in dataset.splits.items()} == {
        "train": 670,
        "validation": 184,
        "test": 570,
    }
    assert (dataset.name, dataset.licence) == ("Gazette", "CC BY 4.0")


@pytest.mark.parametrize("path", SCHEMAS, ids=[path.parent.name for path in SCHEMAS])
def test_every_relation_of_a_reader_has_a_definition_of_its_own_and_one_is_negative(path: Path) -> None:
    schema = read_schema(path, TASK)
    definitions = [relation.definition for relation in schema.relations]
    assert len(set(definitions)) == len(definitions)
    assert all(len(definition) > 20 for definition in definitions)
    assert schema.labels[-1] == schema.negative


def test_the_readers_have_their_schemas() -> None:
    assert [path.parent.name for path in SCHEMAS] == ["crossre", "retacred", "semeval", "tacred"]


def test_a_card_counts_labels_and_hashes_files(tmp_path: Path) -> None:
    dataset = read(own(tmp_path / "boats"))
    for split, examples in dataset.splits.items():
        write_records(tmp_path / f"{split}.jsonl", examples)
    described = card(dataset, tmp_path)
    assert (described["task"], described["negative"]) == ("relation", "none")
    assert described["labels"] == {
        "owns": {"train": 1, "validation": 1, "test": 0},
        "none": {"train": 1, "validation": 0, "test": 1},
    }
    assert described["splits"]["train"] == {
        "examples": 2,
        "md5": hashlib.md5((tmp_path / "train.jsonl").read_bytes()).hexdigest(),
    }
    assert described["wire"] == {"passages": 0, "pairs": 0, "related": 0}
    assert str(tmp_path) not in json.dumps(described)


def test_a_card_of_what_is_not_written_has_no_hashes(tmp_path: Path) -> None:
    described = card(read(own(tmp_path)))
    assert described["splits"] == {"train": {"examples": 2}, "validation": {"examples": 1}, "test": {"examples": 1}}
    assert "md5" not in table(described)


def test_a_card_says_what_was_found_odd_without_naming_a_path(tmp_path: Path) -> None:
    described = card(read(own(tmp_path)), None, [Finding("2 pairs are odd", (f"{tmp_path}/train.jsonl:1: Marit",))])
    assert described["findings"] == ["2 pairs are odd"]


def test_the_table_of_a_card_has_a_row_a_label(tmp_path: Path) -> None:
    dataset = read(own(tmp_path / "boats"))
    for split, examples in dataset.splits.items():
        write_records(tmp_path / f"{split}.jsonl", examples)
    lines = table(card(dataset, tmp_path)).splitlines()
    assert lines[0] == "boats · licence: not stated · source: not stated"
    assert [line.split() for line in lines[1:-1]] == [
        ["train", "validation", "test"],
        ["owns", "1", "1", "0"],
        ["none", "1", "0", "1"],
        ["all", "2", "1", "1"],
    ]
