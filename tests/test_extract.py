"""`relseed extract`: from raw texts to what an extractor asserts of the mentions in them."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from relseed import cli
from relseed.classifier.checkpoint import Extractor
from relseed.classifier.labelling import label
from relseed.extraction import extract as module
from relseed.extraction.documents import Triple, read_texts
from relseed.extraction.extract import extract
from relseed.extraction.settings import Extract
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError
from relseed.tasks.relation import TASK, Relation, Schema, Sentence
from tests.extractors import saved, untrained
from tests.sentences import sentence
from tests.spacy_models import name_finder

LEADS = Relation(relation="leads", head_type="PERSON", tail_type="ORGANIZATION", definition="")
MARRIED = Relation(relation="married", head_type="PERSON", tail_type="PERSON", definition="", symmetric=True)
PARENT = Relation(relation="parent", head_type="PERSON", tail_type="PERSON", definition="")
ANY = Relation(relation="any", definition="")
NONE = Relation(relation="none", definition="", negative=True)
SCHEMA = Schema(relations=(LEADS, MARRIED, PARENT, NONE))
TRAIN = [sentence("Ada runs Orrefors.", (0, 3, "PERSON"), (9, 17, "ORGANIZATION"))]
TEXT = "On Monday Ada met Bo of Orrefors."
wild = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture(scope="module")
def settings(tmp_path_factory) -> Extract:
    """With a model that knows a few names."""
    return Extract(model=str(name_finder(tmp_path_factory.mktemp("spacy") / "names")))


@pytest.fixture(scope="module")
def predicting(tiny_encoder) -> Callable[..., Extractor]:
    """An untrained extractor that predicts one label of everything, more or less surely."""

    def make(predicted: str, schema: Schema = SCHEMA) -> Extractor:
        extractor = untrained(tiny_encoder, "typed_marker", TASK, schema, TRAIN)
        extractor.model.eval()
        with torch.no_grad():
            extractor.model.head[-1].bias[schema.labels.index(predicted)] += 4
        return extractor

    return make


def words(triples: list[Triple]) -> list[str]:
    return [f"{triple.head.text} {triple.relation} {triple.tail.text}" for triple in triples]


# What is asserted


def test_a_relation_is_asserted_of_every_pair_that_it_is_predicted_for(predicting, settings):
    found = list(extract(predicting("leads"), [("a", TEXT)], settings))
    assert words(found) == ["Ada leads Orrefors", "Bo leads Orrefors"]
    assert found[1].model_dump() == {
        "document": "a",
        "head": {"text": "Bo", "start": 18, "end": 20, "type": "PERSON"},
        "relation": "leads",
        "tail": {"text": "Orrefors", "start": 24, "end": 32, "type": "ORGANIZATION"},
        "probability": found[1].probability,
        "sentence": {"start": 0, "end": 33},
    }


def test_the_probability_is_that_of_the_relation_for_the_sentence(predicting, settings):
    extractor = predicting("leads")
    [triple] = extract(extractor, [("a", "Bo met. Ada runs Orrefors.")], settings)
    [labelled] = label(extractor, [sentence("Ada runs Orrefors.", (0, 3, "PERSON"), (9, 17, "ORGANIZATION"))])
    assert triple.probability == labelled["probabilities"]["leads"]


def test_of_a_pair_with_the_negative_label_nothing_is_asserted(predicting, settings):
    assert list(extract(predicting("none"), [("a", TEXT)], settings)) == []


def test_a_relation_is_not_asserted_between_types_that_it_does_not_allow(predicting, settings):
    assert words(list(extract(predicting("parent"), [("a", TEXT)], settings))) == ["Ada parent Bo", "Bo parent Ada"]


@pytest.mark.parametrize("better", ["Ada", "Bo"])
def test_of_a_symmetric_relation_the_more_probable_direction_is_taken(predicting, settings, monkeypatch, better):
    def scripted(extractor: Extractor, items: list[Sentence]) -> Iterator[dict]:
        for item in items:
            probability = 0.9 if item.head.text_of(item.text) == better else 0.6
            yield {"predicted": "married", "probabilities": {"married": probability}}

    monkeypatch.setattr(module, "label", scripted)
    [triple] = extract(predicting("married"), [("a", TEXT)], settings)
    assert (triple.head.text, triple.probability) == (better, 0.9)


def test_a_symmetric_relation_is_kept_for_every_pair_and_every_sentence(predicting, settings):
    found = list(extract(predicting("married"), [("a", "Ada met Bo and Ida. Ada met Bo.")], settings))
    assert sorted(sorted((triple.head.start, triple.tail.start)) for triple in found) == [
        [0, 8],
        [0, 15],
        [8, 15],
        [20, 28],
    ]


def test_documents_come_in_their_order_under_their_ids(predicting, settings):
    documents = [("b", "Ada runs Orrefors."), (7, "No one."), ("a", "Bo runs Vestfrost.")]
    found = list(extract(predicting("leads"), documents, settings))
    assert [(triple.document, triple.head.text) for triple in found] == [("b", "Ada"), ("a", "Bo")]


def test_the_model_of_the_project_and_its_types_are_the_default(predicting):
    found = list(extract(predicting("leads"), [("a", "Maria Rossi works for Microsoft in Paris.")], Extract()))
    assert words(found) == ["Maria Rossi leads Microsoft"]


@pytest.fixture(scope="module")
def asserting(predicting) -> Extractor:
    """Asserts a relation of any two mentions."""
    return predicting("any", Schema(relations=(ANY, NONE)))


@given(before=wild, between=wild, after=wild)
def test_offsets_are_those_of_the_document_whatever_it_holds(asserting, settings, before, between, after):
    text = f"{before}\n\nAda runs Orrefors. {between} Bo left Skagen. {after}"
    found = list(extract(asserting, [("a", text)], settings))
    assert {"Ada any Orrefors", "Orrefors any Ada", "Bo any Skagen", "Skagen any Bo"} <= set(words(found))
    for triple in found:
        for mention in (triple.head, triple.tail):
            assert text[mention.start : mention.end] == mention.text
            assert triple.sentence.start <= mention.start < mention.end <= triple.sentence.end


def test_pairs_too_far_apart_for_the_extractor_are_left_out_and_counted(asserting, settings, capsys):
    far = f"Ada {'x y ' * 40} Skagen"  # 80 tokens; the extractor takes 64
    found = list(extract(asserting, [("a", f"{far}. Bo left Skagen.")], settings))
    assert words(found) == ["Bo any Skagen", "Skagen any Bo"]
    assert capsys.readouterr().err == "note: 2 pairs of mentions are too far apart to be read\n"


# How much at once


def test_the_pairs_of_several_documents_are_labelled_in_one_batch(asserting, settings, monkeypatch):
    batches = count_batches(monkeypatch)
    list(extract(asserting, [(number, "Ada runs Orrefors.") for number in range(5)], settings))
    assert batches == [10]


def test_a_batch_ends_where_it_is_full_and_nothing_is_lost(asserting, settings, monkeypatch):
    batches = count_batches(monkeypatch)
    monkeypatch.setattr(module, "PAIRS", 4)
    found = list(extract(asserting, [(number, "Ada runs Orrefors.") for number in range(5)], settings))
    assert batches == [4, 4, 2]
    assert [triple.document for triple in found] == [0, 0, 1, 1, 2, 2, 3, 3, 4, 4]


def count_batches(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The sizes of the batches that are labelled from now on."""
    sizes: list[int] = []
    monkeypatch.setattr(module, "label", lambda extractor, items: sizes.append(len(items)) or label(extractor, items))
    return sizes


def test_documents_are_read_as_they_are_needed(asserting, settings, monkeypatch):
    monkeypatch.setattr(module, "CHARACTERS", 40)
    monkeypatch.setattr(module, "PAIRS", 4)
    read = []

    def documents() -> Iterator[tuple[str, str]]:
        for number in range(100):
            read.append(number)
            yield str(number), "Ada runs Orrefors."

    next(extract(asserting, documents(), settings))
    assert len(read) < 10


# What does not fit


def test_an_extractor_of_another_task_is_an_error(tiny_encoder, settings):
    with pytest.raises(UserError, match="relations are extracted from texts, and this extractor labels yes_no"):
        list(extract(untrained(tiny_encoder, "first_token"), [("a", TEXT)], settings))


def test_types_between_which_the_schema_has_no_relation_are_an_error_that_lists_its_types(predicting, settings):
    wrong = settings.model_copy(update={"types": {"PERSON": "PER", "ORG": "COMPANY"}})
    with pytest.raises(UserError, match=r"gives COMPANY, PER, .* ask for PERSON -> ORGANIZATION, PERSON -> PERSON$"):
        list(extract(predicting("leads"), [("a", TEXT)], wrong))


# Files


def written(path: Path, content: str) -> Path:
    path.write_bytes(content.encode())
    return path


def test_a_text_file_is_one_document_under_its_name(tmp_path):
    assert list(read_texts(written(tmp_path / "notes.txt", "\ufeffAda.\r\n\r\nBo.\n"))) == [
        ("notes", "Ada.\r\n\r\nBo.\n")
    ]


def test_each_line_of_json_is_a_document_under_its_id_or_its_number(tmp_path):
    path = written(
        tmp_path / "news.jsonl", '{"text": "Ada."}\n\n{"id": "x", "text": "Bo.", "page": 2}\n{"id": 5, "text": ""}'
    )
    assert list(read_texts(path)) == [("news-1", "Ada."), ("x", "Bo."), (5, "")]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.txt", " \n", r"a\.txt: holds no text"),
        ("a.jsonl", "", r"a\.jsonl: holds no text"),
        ("a.jsonl", '{"text": "Ada."}\n{"txt": "Bo."}', r"a\.jsonl:2: text: Field required"),
        ("a.jsonl", '{"text": null}', r"a\.jsonl:1: text: Input should be a valid string"),
        ("a.pdf", "", r"a\.pdf: a \.txt file \(one document\) or a \.jsonl file"),
    ],
)
def test_a_file_that_holds_no_texts_is_an_error(tmp_path, name, content, message):
    with pytest.raises(UserError, match=message):
        list(read_texts(written(tmp_path / name, content)))


def test_a_missing_file_is_an_error(tmp_path):
    with pytest.raises(DataError, match=r"none\.txt: file not found"):
        list(read_texts(tmp_path / "none.txt"))


# The command


@pytest.fixture
def folder(predicting, settings, tmp_path, monkeypatch) -> Path:
    """The folder of an extractor, in a working directory whose params.yaml names the model that knows a few names."""
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text(json.dumps({"extract": settings.model_dump()}), encoding="utf-8")
    return saved(predicting("leads"), tmp_path / "extractor")


def test_the_command_writes_a_line_for_each_triple(folder, tmp_path):
    source = written(tmp_path / "in.jsonl", json.dumps({"id": "x", "text": TEXT}))
    cli.extract(source, extractor=folder, output=Path("out.jsonl"))
    lines = [json.loads(line) for line in Path("out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [Triple.model_validate(line).head.text for line in lines] == ["Ada", "Bo"]
    assert lines[0]["document"] == "x"


def test_without_an_output_the_command_prints_a_line_for_each_triple(folder, tmp_path, capsys):
    cli.extract(written(tmp_path / "notes.txt", "\n\nAda runs\nOrrefors."), extractor=folder)
    [shown] = capsys.readouterr().out.splitlines()
    relation, pair, probability, place = shown.split("  ")
    assert (relation, pair, place) == ("leads", "Ada -> Orrefors", "notes 2:5 -> 11:19")
    assert 0 < float(probability) < 1


def test_the_parameters_of_another_file_can_be_named(folder, tmp_path, settings, capsys):
    values = settings.model_dump() | {"max_distance": 3}
    Path("near.yaml").write_text(json.dumps({"extract": values}), encoding="utf-8")
    cli.extract(written(tmp_path / "notes.txt", TEXT), extractor=folder, params=Path("near.yaml"))
    assert [line.split("  ")[1] for line in capsys.readouterr().out.splitlines()] == []
    cli.extract(written(tmp_path / "notes.txt", TEXT), extractor=folder)
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_a_bad_line_is_named_and_nothing_is_written(folder, tmp_path):
    source = written(tmp_path / "in.jsonl", json.dumps({"text": TEXT}) + '\n{"text": 1}\n')
    with pytest.raises(DataError, match=r"in\.jsonl:2: text"):
        cli.extract(source, extractor=folder, output=Path("out.jsonl"))
    assert not Path("out.jsonl").exists()
