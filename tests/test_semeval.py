"""SemEval-2010 Task 8: the published files, the standard split, and the copy on the Hugging Face Hub."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from datasets import ClassLabel, Dataset, Features, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from relseed.datasets import dataset, semeval
from relseed.datasets.findings import findings
from relseed.datasets.semeval import fetch
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError
from relseed.tasks.relation import TASK, Example, Sentence
from relseed.tasks.relation.tags import tagged
from tests.graph import ROOT
from tests.strategies import characters, sentences

SCHEMA = semeval.read_relations()
PUBLISHED = ROOT.parent / "shared/data/semeval2010_task8"
needs_data = pytest.mark.skipif(not PUBLISHED.exists(), reason="needs the published SemEval-2010 Task 8 files")

FROST = (
    '1\t"The <e1>kiln</e1> cracked after a night of <e2>frost</e2>."\r\nCause-Effect(e2,e1)\r\nComment: made up\r\n\r\n'
)
PIER = '2\t"We met at the <e2>pier</e2> with a <e1>kite</e1>."\r\nOther\r\nComment:\r\n\r\n'


def file(folder: Path, content: str) -> Path:
    path = folder / semeval.TRAIN
    path.write_text(content, encoding="utf-8", newline="")
    return path


def read_file(path: Path) -> list[Example]:
    return [found.example for found in semeval.read_file(path, SCHEMA)]


def read(folder: Path) -> dataset.Dataset:
    return semeval.read(folder, task=TASK, domain=None)


def published(example: Example) -> str:
    """The lines that an example was read from."""
    comment = (example.model_extra or {}).get("comment", "")
    return semeval.published(example.id.removeprefix("semeval-"), tagged(example), example.relation, comment)


def test_a_record_becomes_an_example(tmp_path: Path) -> None:
    frost, pier = read_file(file(tmp_path, FROST + PIER))
    assert frost.model_dump(exclude_unset=True) == {
        "id": "semeval-1",
        "text": "The kiln cracked after a night of frost.",
        "head": {"start": 4, "end": 8},
        "tail": {"start": 34, "end": 39},
        "relation": "Cause-Effect(e2,e1)",
        "comment": " made up",
    }
    assert (pier.head.text_of(pier.text), pier.tail.text_of(pier.text)) == ("kite", "pier")
    assert "comment" not in (pier.model_extra or {})


def test_a_bom_and_plain_line_feeds_are_read(tmp_path: Path) -> None:
    plain = read_file(file(tmp_path, FROST + PIER))
    assert read_file(file(tmp_path, "\ufeff" + (FROST + PIER).replace("\r\n", "\n"))) == plain


@pytest.mark.parametrize(
    ("content", "line", "says"),
    [
        (FROST + PIER.replace('2\t"', '2 "'), 5, 'expected `1<TAB>"a text with tags"`'),
        (FROST + PIER.replace('."', "."), 5, 'expected `1<TAB>"a text with tags"`'),
        (FROST.replace("Cause-Effect(e2,e1)\r\n", "") + PIER, 4, "the record of line 1 is not a text, a label and"),
        (FROST + "2\t" + PIER.split("\t")[1].partition("Comment")[0], 6, "the record of line 5 is not a text"),
        (FROST + PIER.replace("<e1>kite</e1>", "kite"), 5, "no <e1>: mark the head"),
        (FROST + PIER.replace("met", "<e2>met</e2>"), 5, "<e2> occurs 2 times"),
        (
            FROST + PIER.replace("</e2>", "").replace("</e1>", "</e1></e2>"),
            5,
            "the tags stand as <e2> <e1> </e1> </e2>",
        ),
        (FROST + PIER.replace("<e1>kite", "<e1> kite"), 5, "head 26:31 begins or ends with a blank"),
        (FROST + PIER.replace("<e1>kite", "<e1>"), 5, "head 26:26 does not fit"),
        (FROST + PIER.replace("Other", "Kite-Pier(e1,e2)"), 5, "unknown label 'Kite-Pier(e1,e2)'"),
        (FROST + PIER.replace("2\t", "1\t"), 5, "id 'semeval-1' was used before (line 1)"),
    ],
)
def test_a_malformed_record_is_an_error_with_file_and_line(tmp_path: Path, content: str, line: int, says: str) -> None:
    path = file(tmp_path, content)
    with pytest.raises(DataError) as caught:
        semeval.read_file(path, SCHEMA)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert says in str(caught.value)


def test_all_malformed_records_are_named_at_once_up_to_one_whose_end_is_not_known(tmp_path: Path) -> None:
    bad, cut = PIER.replace("<e1>kite</e1>", "kite"), PIER.replace("Other\r\n", "")
    path = file(tmp_path, bad + FROST + FROST + cut + bad)
    with pytest.raises(DataError) as caught:
        semeval.read_file(path, SCHEMA)
    first, second, third = str(caught.value).splitlines()
    assert first.startswith(f"{path}:1: no <e1>")
    assert second.startswith(f"{path}:9: id 'semeval-1' was used before (line 5)")
    assert third.startswith(f"{path}:16: the record of line 13 is not a text, a label and a line")


@needs_data
def test_nothing_in_the_published_files_is_an_error() -> None:
    found = findings(read(PUBLISHED))
    assert "7 examples with a mention that begins or ends inside a word" in [finding.what for finding in found]
    assert not [finding for finding in found if finding.is_error]


def test_a_missing_file_says_where_the_dataset_is_published(tmp_path: Path) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path / "nowhere")
    for words in (semeval.TRAIN, "S10-1006", fetch.HUB_NAME, "relseed fetch semeval"):
        assert words in str(caught.value)


def test_a_file_that_lacks_records_of_the_standard_split_is_an_error(tmp_path: Path) -> None:
    path = file(tmp_path, FROST + PIER)
    with pytest.raises(DataError, match=re.escape(f"{path}: 6507 records of the standard split are not here")):
        read(tmp_path)


def test_the_schema_has_18_directed_relations_and_a_negative_label() -> None:
    assert len(SCHEMA.labels) == 19
    assert SCHEMA.negative == "Other"
    pairs = {label.removesuffix("(e1,e2)") for label in SCHEMA.labels if label.endswith("(e1,e2)")}
    assert pairs == {label.removesuffix("(e2,e1)") for label in SCHEMA.labels if label.endswith("(e2,e1)")}


@given(
    sentences(),
    st.integers(min_value=1),
    st.sampled_from(SCHEMA.labels),
    st.text(characters, max_size=20),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
def test_a_published_record_round_trips(
    tmp_path: Path, sentence: Sentence, number: int, relation: str, comment: str
) -> None:
    record = semeval.published(str(number), tagged(sentence), relation, comment)
    (example,) = read_file(file(tmp_path, record))
    assert (example.text, example.head, example.tail) == (sentence.text, sentence.head, sentence.tail)
    assert published(example) == record


@needs_data
@pytest.mark.parametrize("name", [semeval.TRAIN, semeval.TEST])
def test_every_published_line_is_rendered_again(name: str) -> None:
    examples = read_file(PUBLISHED / name)
    assert "".join(map(published, examples)).encode() == (PUBLISHED / name).read_bytes()


@needs_data
def test_the_standard_split_is_read_in_its_order() -> None:
    splits = read(PUBLISHED).splits
    standard = json.loads((PUBLISHED / "splits.json").read_text())
    for split in ("train", "validation"):
        assert [example.id for example in splits[split]] == [f"semeval-{number}" for number in standard[split]]
    assert sorted(example.id for example in splits["test"]) == sorted(
        f"semeval-{number}" for number in standard["test"]
    )
    assert {split: len(examples) for split, examples in splits.items()} == {
        "train": 6507,
        "validation": 1493,
        "test": 2717,
    }


def hub(*rows: tuple[str, str]) -> Dataset:
    """Rows of (tagged text, label), with labels as class numbers, as on the Hub."""
    features = Features({"sentence": Value("string"), "relation": ClassLabel(names=list(SCHEMA.labels))})
    return Dataset.from_list(
        [{"sentence": text, "relation": SCHEMA.labels.index(label)} for text, label in rows], features
    )


def test_rows_of_the_hub_are_read_as_the_published_file(tmp_path: Path) -> None:
    rows = hub(*((record.split('"')[1], record.split("\r\n")[1]) for record in (FROST, PIER)))
    assert read_file(file(tmp_path, fetch.published(rows, 1))) == read_file(
        file(tmp_path, FROST.replace(" made up", "") + PIER)
    )


def test_labels_as_words_are_read_like_class_numbers() -> None:
    assert fetch.published(Dataset.from_list([{"sentence": "a", "relation": "Other"}]), 7) == fetch.published(
        hub(("a", "Other")), 7
    )


def test_fetching_offline_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unreachable(_: str) -> Any:
        raise ConnectionError("no route")

    monkeypatch.setattr(fetch, "load_dataset", unreachable)
    with pytest.raises(UserError, match=r"no route\): try again when online, or download .*S10-1006"):
        fetch.main(tmp_path)


def test_another_order_on_the_hub_is_an_error_and_nothing_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fetch, "load_dataset", lambda _: {"train": hub(("a", "Other")), "test": hub(("a", "Other"))})
    with pytest.raises(UserError, match=r"has not the labels of TRAIN_FILE\.TXT in their order"):
        fetch.main(tmp_path / "new")
    assert not (tmp_path / "new").exists()


@needs_data
def test_what_the_hub_holds_is_fetched_as_it_was_published(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def loaded(name: str) -> Dataset:
        return hub(*((tagged(example), example.relation) for example in read_file(PUBLISHED / name)))

    monkeypatch.setattr(fetch, "load_dataset", lambda _: {"train": loaded(semeval.TRAIN), "test": loaded(semeval.TEST)})
    fetch.main(tmp_path)
    for name in (semeval.TRAIN, semeval.TEST):
        lines = (PUBLISHED / name).read_bytes().split(b"\r\n")
        uncommented = [b"Comment:" if line.startswith(b"Comment:") else line for line in lines]
        assert (tmp_path / name).read_bytes().split(b"\r\n") == uncommented
