"""Paragraphs about the entities of tuples, a user's own or written; and drafts that fusion makes one sentence of."""

import json
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from relseed.pipeline.errors import UserError
from relseed.quality.duplicates import normalise
from relseed.records.files import DataError, write_json_lines, write_records
from relseed.tasks.relation import Example
from relseed.tasks.relation.entity_tuple import EntityTuple, read_tuples
from relseed.tasks.relation.tags import untag
from relseed.tuples.contexts import ContextPrompt, Entity, entities_of, read_paragraphs, with_contexts
from stages import contexts, drafts
from tests.conftest import set_params
from tests.graph import PARAMS
from tests.hostile import chat, serving
from tests.small_lm import LABELS, SCHEMA, inside

RELATION = SCHEMA.relations[0]
ENTITIES = [Entity("Ada Holm", "PERSON", "owns", "x"), Entity("Wren", "BOAT", "owns", "x")]


def founded(head: str, tail: str, relation: str = RELATION.relation) -> EntityTuple:
    types = {"head_type": RELATION.head_type, "tail_type": RELATION.tail_type}
    return EntityTuple(head=head, relation=relation, tail=tail, source="a", **types)


TUPLES = [founded("Sula Works", "Ada Holm"), founded("Wren & Co", "Bo Lind"), founded("Wren & Co", "Ada Holm", "none")]


def articles(*found: tuple[int, str]) -> str:
    return json.dumps({"articles": [{"entity": number, "paragraph": text} for number, text in found]})


# Which entities


def test_each_entity_is_asked_about_once_with_a_fact_that_holds():
    tuples = [founded("Sula Works", "Ada Holm"), founded("Sula Works", "Bo"), founded("X", "Y", str(SCHEMA.negative))]
    found = entities_of(tuples, SCHEMA)
    assert [each.name for each in found] == ["Sula Works", "Ada Holm", "Bo"]
    assert found[0].fact == f"{RELATION.definition} (head: Sula Works, tail: Ada Holm)"


def test_paragraphs_are_found_by_names_as_these_are_compared_whatever_the_relation():
    paragraphs = {normalise("ada holm"): "A founder.", normalise("WREN & CO"): "A yard."}
    found = list(with_contexts(TUPLES, paragraphs))
    assert [(each.head_context, each.tail_context) for each in found] == [
        (None, "A founder."),
        ("A yard.", None),
        ("A yard.", "A founder."),
    ]


# What is answered


def test_a_paragraph_belongs_to_the_entity_whose_number_it_has():
    text = articles((2, "The Wren is a yawl."), (1, "Ada Holm keeps\n geese."))
    found = ContextPrompt(ENTITIES).parse("contexts/owns/0", text, truncated=False)
    assert [(each.fields["name"], each.text) for each in found] == [
        ("Wren", "The Wren is a yawl."),
        ("Ada Holm", "Ada Holm keeps geese."),
    ]


@pytest.mark.parametrize(
    ("article", "problem"),
    [((1, "She keeps geese."), "it does not name Ada Holm"), ((3, "Ada Holm"), "there is no entity 3")],
)
def test_a_paragraph_that_is_not_about_its_entity_is_a_problem(article, problem):
    [found] = ContextPrompt(ENTITIES).parse("contexts/owns/0", articles(article), truncated=False)
    assert found.problem == problem


values = st.recursive(st.none() | st.integers() | st.text(max_size=5), lambda inner: st.lists(inner, max_size=3))


@given(
    st.text(st.characters(exclude_categories=["Cs"])) | values.map(lambda found: json.dumps({"articles": found})),
    st.booleans(),
)
def test_no_response_is_too_odd_to_be_read(text, truncated):
    ContextPrompt(ENTITIES).parse("contexts/owns/0", text, truncated=truncated)


# A user's own


def test_own_paragraphs_are_lines_of_a_name_and_a_text(tmp_path):
    write_json_lines(tmp_path / "own.jsonl", [{"name": "Ada Holm", "text": "A\nfounder.", "url": "x"}])
    assert read_paragraphs(tmp_path / "own.jsonl") == {"ada holm": "A founder."}


def test_a_line_without_a_name_is_an_error_with_its_place(tmp_path):
    write_json_lines(tmp_path / "own.jsonl", [{"name": "Ada", "text": "x"}, {"text": "A founder."}])
    with pytest.raises(DataError, match=r"own.jsonl:2: name"):
        read_paragraphs(tmp_path / "own.jsonl")


# The stages


def project(folder: Path, **changes: dict) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(PARAMS), encoding="utf-8")
    set_params(folder, **changes)
    write_records(folder / "tuples.jsonl", TUPLES[:2])


def run_contexts(folder: Path) -> list[EntityTuple]:
    with inside(folder):
        files = {name: Path(f"{name}.jsonl") for name in ("tuples", "contexts", "candidates")}
        contexts.main(labels=LABELS, **files)
    return read_tuples(folder / "contexts.jsonl", SCHEMA)


def test_own_paragraphs_ask_no_llm(tmp_path, capsys):
    project(tmp_path, contexts={"llm": "none", "reads": "own.jsonl"})
    write_json_lines(tmp_path / "own.jsonl", [{"name": "ada holm", "text": "A founder."}])
    assert [each.tail_context for each in run_contexts(tmp_path)] == ["A founder.", None]
    assert "1 of 4 entities have a paragraph" in capsys.readouterr().out


def test_an_llm_writes_what_nobody_has(tmp_path):
    answered = articles((1, "Sula Works builds yawls."), (2, "Ada Holm is old."), (3, "Wren & Co."), (4, "Bo Lind."))
    with serving(lambda handler: handler.send(200, chat(answered))) as server:
        project(tmp_path, llms={"teacher": {"engine": "openai"}}, engines={"openai": {"url": server.url}})
        found = run_contexts(tmp_path)
    assert [(each.head_context, each.tail_context) for each in found] == [
        ("Sula Works builds yawls.", "Ada Holm is old."),
        ("Wren & Co.", "Bo Lind."),
    ]


def sentence(about: EntityTuple, text: str, method: str) -> Example:
    fields = untag(text).model_dump(exclude_unset=True)
    fields["head"]["type"], fields["tail"]["type"] = about.head_type, about.tail_type
    others = {"relation": about.relation, "method": method, "tuple": about.id}
    return Example.model_validate({"id": f"{method}/{about.id}", **fields, **others})


def test_drafts_are_what_two_methods_wrote_about_the_same_tuple(tmp_path, capsys):
    project(tmp_path, drafts={"fusion": {"first": "template.jsonl", "second": "reasoned.jsonl"}})
    texts = [f"<e1>{each.head}</e1> was begun by <e2>{each.tail}</e2>." for each in TUPLES[:2]]
    both = [sentence(each, text, "template") for each, text in zip(TUPLES[:2], texts, strict=True)]
    write_records(tmp_path / "template.jsonl", both)
    other = f"<e2>{TUPLES[0].tail}</e2> made <e1>{TUPLES[0].head}</e1>."
    write_records(tmp_path / "reasoned.jsonl", [sentence(TUPLES[0], other, "reasoned")])
    with inside(tmp_path):
        drafts.main("fusion", labels=LABELS, tuples=Path("tuples.jsonl"), drafts=Path("drafts"))
    assert "1 of 2 tuples have a draft of both methods" in capsys.readouterr().out
    assert [each.drafts for each in read_tuples(tmp_path / "drafts/fusion.jsonl", SCHEMA)] == [(texts[0], other)]


def test_a_task_without_relations_has_no_tuples():
    from relseed.tasks.yes_no import TASK as YES_NO

    with pytest.raises(UserError, match="examples of the task yes_no are not written about entity tuples"):
        YES_NO.read_tuples(Path("tuples.jsonl"), None)


def test_whole_paragraphs_of_a_response_that_was_cut_off_count():
    text = articles((1, "Ada Holm builds."), (2, "The Wren is old."))
    first, last = ContextPrompt(ENTITIES).parse("contexts/owns/0", text[:-8], truncated=True)
    assert (first.text, first.problem) == ("Ada Holm builds.", None)
    assert (last.truncated, last.id) == (True, "contexts/owns/0/1")
