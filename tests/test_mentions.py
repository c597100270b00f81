"""Sentences and typed mentions in raw texts, found by models of spaCy."""

from itertools import pairwise
from pathlib import Path

import pytest
import spacy
from hypothesis import given
from hypothesis import strategies as st

from relseed.extraction.documents import Document
from relseed.extraction.mentions import find_mentions
from relseed.extraction.settings import Extract, read_settings
from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from tests.graph import ROOT
from tests.spacy_models import name_finder

DEFAULT = Extract()
TEXT = "Maria Rossi has worked for Microsoft since Monday. She lives in Paris."
wild = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)


@pytest.fixture(scope="module")
def names(tmp_path_factory) -> Extract:
    """Settings with a model that knows a few names."""
    return Extract(model=str(name_finder(tmp_path_factory.mktemp("spacy") / "names")))


def words(document: Document) -> list[tuple[str, str | None]]:
    return [(mention.text_of(document.text), mention.type) for mention in document.mentions]


def sentences(document: Document) -> list[str]:
    return [document.text[span.start : span.end] for span in document.sentences]


# What is found


def test_the_model_of_the_project_finds_sentences_and_mentions_without_a_network():
    [document] = find_mentions([TEXT], DEFAULT)
    assert sentences(document) == ["Maria Rossi has worked for Microsoft since Monday.", "She lives in Paris."]
    assert words(document) == [("Maria Rossi", "PERSON"), ("Microsoft", "ORGANIZATION"), ("Paris", "LOCATION")]


def test_labels_of_the_model_become_types_by_the_settings_and_others_are_dropped():
    [document] = find_mentions([TEXT], Extract(types={"PERSON": "HUMAN", "DATE": "TIME"}))
    assert words(document) == [("Maria Rossi", "HUMAN"), ("Monday", "TIME")]


def test_each_text_has_a_document_of_its_own_in_their_order(names):
    found = find_mentions(["Ada left Orrefors.", "", "Bo."], names)
    assert [document.text for document in found] == ["Ada left Orrefors.", "", "Bo."]
    assert [words(document) for document in found] == [
        [("Ada", "PERSON"), ("Orrefors", "ORGANIZATION")],
        [],
        [("Bo", "PERSON")],
    ]


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        ("He has left the World Health Organization.", "World Health Organization"),
        ("It was Microsoft's idea.", "Microsoft"),
        ("They met in The Hague.", "The Hague"),
    ],
    ids=["article", "possessive", "name with an article"],
)
def test_a_mention_has_neither_article_nor_possessive_ending_unless_they_are_of_the_name(text, bare):
    [document] = find_mentions([text], DEFAULT)
    assert [word for word, _ in words(document)] == [bare]


def test_a_model_that_knows_nothing_of_sentences_gets_rules_for_them(names):
    [document] = find_mentions(["Ada left. Bo stayed."], names)
    assert sentences(document) == ["Ada left.", "Bo stayed."]


# Offsets


@given(before=wild, between=wild, after=wild)
def test_offsets_are_those_of_the_text_whatever_it_holds(names, before, between, after):
    text = f"{before}\n\nAda left Orrefors.\n\n{between} Bo {after}"
    [document] = find_mentions([text], names)
    assert document.text == text
    assert {("Ada", "PERSON"), ("Orrefors", "ORGANIZATION")} <= set(words(document))
    check_spans(document)


@given(before=wild, after=wild)
def test_the_same_holds_for_a_statistical_model(before, after):
    [document] = find_mentions([f"{before} {TEXT} {after}"], DEFAULT)
    check_spans(document)


def check_spans(document: Document) -> None:
    """Sentences follow each other; mentions lie in one each and share no character; none begins or ends blank."""
    for spans in (document.sentences, document.mentions):
        assert all(one.end <= other.start for one, other in pairwise(spans))
        marked = [document.text[span.start : span.end] for span in spans]
        assert marked == [text.strip() for text in marked]
    for mention in document.mentions:
        assert any(span.start <= mention.start and mention.end <= span.end for span in document.sentences)


@pytest.mark.parametrize("blank", ["\n\n", "\r\n\r\n", "\n \t\n"])
def test_no_sentence_goes_beyond_a_blank_line(names, blank):
    [document] = find_mentions([f"Ada and{blank}Bo left Skagen"], names)
    assert sentences(document) == ["Ada and", "Bo left Skagen"]


def test_a_sentence_goes_on_in_the_next_line(names):
    [document] = find_mentions(["Ada and\nBo left."], names)
    assert sentences(document) == ["Ada and\nBo left."]


@pytest.mark.parametrize("end", [" ", "\n"], ids=["one line", "lines"])
def test_a_long_text_without_blank_lines_is_read_as_short_ones_are(names, end):
    [document] = find_mentions([f"Ada left Orrefors on Monday.{end}" * 1000], names)
    assert sentences(document) == ["Ada left Orrefors on Monday."] * 1000
    assert len(document.mentions) == 2000


def test_a_text_without_any_blank_is_read():
    [document] = find_mentions(["ab" * 20_000], DEFAULT)
    assert "".join(sentences(document)) == document.text


# What does not fit


@pytest.mark.parametrize(
    ("model", "cure"),
    [
        (
            "de_core_news_sm",
            r"`pip install https://.*/de_core_news_sm-3\.8\.0-py3-none-any\.whl` if it is one of spaCy",
        ),
        ("my_model", r"else `pip install my-model`$"),
        ("no/such/folder", r"give the name of an installed package, or the path of a folder$"),
    ],
)
def test_a_model_that_is_not_there_is_an_error_that_says_how_to_get_it(model, cure):
    with pytest.raises(UserError, match=rf"there is no spaCy model {model}: .*{cure}"):
        find_mentions([TEXT], Extract(model=model))


def test_a_folder_that_holds_no_model_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"spaCy cannot load the model .*: install it again"):
        find_mentions([TEXT], Extract(model=str(tmp_path)))


def test_a_model_that_finds_no_entities_is_an_error(tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(tmp_path / "model")
    with pytest.raises(UserError, match="finds no entities, it has sentencizer"):
        find_mentions([TEXT], Extract(model=str(tmp_path / "model")))


def test_types_for_labels_that_the_model_does_not_have_are_an_error_that_lists_those_that_it_has(names):
    with pytest.raises(UserError, match=r"extract\.types names no label .*: map some of DATE, GPE, ORG, PERSON"):
        find_mentions([TEXT], names.model_copy(update={"types": {"PER": "PERSON"}}))


# Settings


def test_the_section_of_the_project_is_the_default():
    assert Params.read(ROOT / "params.yaml").section("extract", Extract) == Extract()


@pytest.mark.parametrize("content", [None, "", "other: 1\n"], ids=["no file", "empty", "of another project"])
def test_where_there_is_no_section_and_no_file_was_named_the_defaults_hold(tmp_path, monkeypatch, content):
    monkeypatch.chdir(tmp_path)
    if content is not None:
        Path("params.yaml").write_text(content, encoding="utf-8")
    assert read_settings(None) == Extract()


def test_the_section_of_the_file_that_is_there_or_was_named_holds(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("params.yaml").write_text("extract:\n  max_distance: 5\n", encoding="utf-8")
    Path("other.yaml").write_text("extract:\n  max_distance: 7\n", encoding="utf-8")
    assert read_settings(None).max_distance == 5
    assert read_settings(Path("other.yaml")).max_distance == 7


def test_a_named_file_without_the_section_is_an_error(tmp_path):
    (tmp_path / "other.yaml").write_text("other: 1\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"other\.yaml has no section 'extract'"):
        read_settings(tmp_path / "other.yaml")
