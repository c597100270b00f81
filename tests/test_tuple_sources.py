"""Tuples from files: a user's own table, Wikidata's CSV of a SPARQL SELECT, DBpedia's N-Triples."""

import bz2
import gzip
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.pipeline.errors import UserError
from relseed.pipeline.params import Params
from relseed.records.files import DataError
from relseed.tasks.relation import Relation, Schema
from relseed.tasks.relation.entity_tuple import EntityTuple
from relseed.tuples import ntriples, table, wikidata
from relseed.tuples.source import Asked

SCHEMA = Schema(
    relations=(
        Relation(relation="employed_by", head_type="PERSON", tail_type="ORGANIZATION", definition="works for"),
        Relation(relation="born_in", head_type="PERSON", definition="was born in"),
        Relation(relation="none", definition="neither", negative=True),
    )
)
COMMON = {"per_label": None, "negatives": 0, "seed": 1}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def asked(source: ModuleType, reads: str, **settings: Any) -> Asked:
    entry = COMMON | {"source": source.__name__.rpartition(".")[2], "reads": reads} | settings
    return Asked(source.Settings.model_validate(entry), Params({}), SCHEMA, [])


def collected(request: Asked) -> list[EntityTuple]:
    source = {"table": table, "wikidata": wikidata, "ntriples": ntriples}[request.settings.source]
    return list(source.collect(request))


def short(found: list[EntityTuple]) -> list[tuple[str, str, str]]:
    return [(each.head, each.relation, each.tail) for each in found]


def assert_read_or_named(request: Asked) -> None:
    """What is wild is read into tuples, or is an error that names the file."""
    named = ""
    try:
        collected(request)
    except DataError as error:
        named = str(error)
    assert not named or str(request.settings.reads) in named


# A user's own table

ROWS = "head,relation,tail\nAda Holm,employed_by,Vestfrost\n\n  Bo , born_in ,Oslo\n"


def test_a_row_is_a_tuple_with_the_types_of_its_relation_and_says_where_it_stands():
    Path("own.csv").write_text(ROWS, encoding="utf-8")
    first, second = collected(asked(table, "own.csv"))
    assert first.model_dump(exclude_unset=True) == {
        "head": "Ada Holm",
        "head_type": "PERSON",
        "relation": "employed_by",
        "tail": "Vestfrost",
        "tail_type": "ORGANIZATION",
        "source": "own.csv:2",
    }
    assert (second.head, second.tail, second.tail_type, second.source) == ("Bo", "Oslo", None, "own.csv:4")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("own.tsv", "head\trelation\ttail\nAda\tborn_in\tOslo, Norway\n"),
        ("own.csv", '\ufeffhead,relation,tail\r\nAda,born_in,"Oslo, Norway"\r\n'),
        ("own.jsonl", '{"head": "Ada", "relation": "born_in", "tail": "Oslo, Norway"}\n'),
    ],
)
def test_tables_come_with_commas_with_tabs_and_as_json_lines(name, text):
    Path(name).write_text(text, encoding="utf-8", newline="")
    assert short(collected(asked(table, name))) == [("Ada", "born_in", "Oslo, Norway")]


def test_types_of_a_table_stand_where_the_relation_asks_for_none():
    Path("own.csv").write_text("head,head_type,relation,tail,tail_type\nBo,,born_in,Oslo,CITY\n", encoding="utf-8")
    [found] = collected(asked(table, "own.csv"))
    assert (found.head_type, found.tail_type) == ("PERSON", "CITY")


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ("Ada,,born_in,,", "no tail: the columns are head, head_type, relation, tail, tail_type"),
        ("Ada,,knows,Bo,", "no relation 'knows': the schema has employed_by, born_in"),
        ("Ada,,none,Bo,", "no relation 'none'"),
        ("Ada,BOAT,born_in,Oslo,", "head_type is BOAT, born_in asks for PERSON"),
        ("Ada,,born_in", "3 cells under 5 columns: check the quotes and the separators"),
        ("…,,born_in,Oslo,", "'…' is no name"),
        ('"Ada"x,,born_in,Oslo,', "not a row of a table"),
    ],
)
def test_a_bad_row_is_an_error_with_file_line_and_cure(row, says):
    Path("own.csv").write_text(f"head,head_type,relation,tail,tail_type\nBo,,born_in,Rome,\n{row}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"^own\.csv:3: ") as caught:
        collected(asked(table, "own.csv"))
    assert says in str(caught.value)


def test_all_bad_rows_are_named_at_once():
    Path("own.csv").write_text("head,relation,tail\nAda,knows,Bo\nBo,born_in,Rome\nCid,born_in,\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        collected(asked(table, "own.csv"))
    assert [line.partition(": ")[0] for line in str(caught.value).splitlines()] == ["own.csv:2", "own.csv:4"]


@pytest.mark.parametrize("name", ["own.xlsx", "gone.csv", "gone.jsonl"])
def test_a_file_that_is_no_table_or_not_there_is_an_error_that_says_so(name):
    Path("own.xlsx").write_text("", encoding="utf-8")
    with pytest.raises(DataError, match=r"must be a \.csv|file not found: see `tuples\.reads`"):
        collected(asked(table, name))


def test_a_cell_of_json_lines_that_is_no_text_is_an_error():
    Path("own.jsonl").write_text('{"head": 7, "relation": "born_in", "tail": "Rome"}\n', encoding="utf-8")
    with pytest.raises(DataError, match=r"own\.jsonl:1: head is no text: put it into quotes"):
        collected(asked(table, "own.jsonl"))


@given(st.text(max_size=200))
def test_whatever_a_table_holds_there_are_tuples_or_an_error_that_names_the_file(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "wild.csv"
    path.write_text(f"head,relation,tail\n{text}", encoding="utf-8", errors="replace", newline="")
    assert_read_or_named(asked(table, str(path)))


# Wikidata

QUERY = {"columns": {"head": "personLabel", "tail": "employerLabel"}, "relation": "employed_by"}
EXPORT = """person,personLabel,employer,employerLabel
http://www.wikidata.org/entity/Q1001,Ada Holm,http://www.wikidata.org/entity/Q1002,Vestfrost
http://www.wikidata.org/entity/Q1003,Q1003,http://www.wikidata.org/entity/Q1002,Vestfrost
http://www.wikidata.org/entity/Q1004,Bo Lind,http://www.wikidata.org/.well-known/genid/ab12,t1234567
"""


def test_entities_without_a_name_and_unknown_values_are_left_out_and_counted():
    Path("query.csv").write_text(EXPORT, encoding="utf-8")
    request = asked(wikidata, "query.csv", **QUERY)
    assert short(collected(request)) == [("Ada Holm", "employed_by", "Vestfrost")]
    assert [(each.source, each.reason) for each in request.left_out] == [
        ("query.csv:3", "no_name"),
        ("query.csv:4", "unknown_value"),
    ]


def test_a_column_of_properties_becomes_labels_and_other_properties_are_left_out():
    columns = {"head": "a", "tail": "b", "relation": "p", "head_type": "aClass"}
    text = (
        "a,aClass,p,b\n"
        "Ada,http://www.wikidata.org/entity/Q5,http://www.wikidata.org/prop/direct/P19,Oslo\n"
        "Ada,wd:Q5,P108,Vestfrost\nAda,Q5,P22,Bo\nFrost,Q43229,P19,Rome\n"
    )
    Path("query.csv").write_text(text, encoding="utf-8")
    settings = {"columns": columns, "relations": {"P19": "born_in", "P108": "employed_by"}}
    request = asked(wikidata, "query.csv", types={"Q5": "PERSON", "wd:Q5": "PERSON"}, **settings)
    assert short(collected(request)) == [("Ada", "born_in", "Oslo"), ("Ada", "employed_by", "Vestfrost")]
    assert [each.reason for each in request.left_out] == ["other_relation", "other_type"]


def test_a_variable_that_the_query_does_not_have_is_an_error_that_names_those_it_has():
    Path("query.csv").write_text(EXPORT, encoding="utf-8")
    columns = {"head": "personlabel", "tail": "employerLabel"}
    with pytest.raises(
        DataError, match=r"no column 'personlabel' \(tuples\.columns\.head\): .* has person, personLabel"
    ):
        collected(asked(wikidata, "query.csv", columns=columns, relation="employed_by"))


@pytest.mark.parametrize("settings", [{}, {"relation": "born_in", "columns": QUERY["columns"] | {"relation": "p"}}])
def test_the_relation_is_said_once(settings):
    with pytest.raises(ValueError, match="say the relation once"):
        asked(wikidata, "query.csv", **{"columns": QUERY["columns"]} | settings)


@pytest.mark.parametrize("label", ["knows", "none"])
def test_a_label_that_no_tuple_can_have_is_an_error_before_anything_is_read(label):
    with pytest.raises(
        UserError, match=f"tuples.relations names the label {label}: the schema has employed_by, born_in"
    ):
        collected(asked(wikidata, "gone.csv", **QUERY | {"relation": label}))


# DBpedia

RESOURCE, ONTOLOGY = "http://dbpedia.org/resource/", "http://dbpedia.org/ontology/"
TYPE = "<http://www.w3.org/1999/02/22-rdf-syntax-ns#type>"
PLACES = {"relations": {"birthPlace": "born_in"}}


def triple(head: str, predicate: str, tail: str) -> str:
    return f"<{RESOURCE}{head}> <{ONTOLOGY}{predicate}> <{RESOURCE}{tail}> .\n"


def test_names_are_read_from_resources_without_what_tells_them_apart():
    text = triple("Ada_Holm_(painter)", "birthPlace", "Troms%C3%B8") + triple("AC/DC", "birthPlace", "Rome")
    Path("facts.nt").write_text(f"# a comment\n\n{text}", encoding="utf-8")
    found = collected(asked(ntriples, "facts.nt", **PLACES))
    assert short(found) == [("Ada Holm", "born_in", "Tromsø"), ("AC/DC", "born_in", "Rome")]
    assert found[0].source == "facts.nt:3"


def test_literals_and_other_predicates_are_left_out_and_counted():
    text = (
        triple("Ada", "deathPlace", "Rome") + f'<{RESOURCE}Ada> <{ONTOLOGY}birthPlace> "Rome"@en .\n'
        f"<{RESOURCE}Bo> <{ONTOLOGY}birthPlace> _:b1 .\n"
    )
    Path("facts.nt").write_text(text, encoding="utf-8")
    request = asked(ntriples, "facts.nt", **PLACES)
    assert collected(request) == []
    assert [each.reason for each in request.left_out] == ["other_relation", "no_entity", "no_entity"]


def test_types_stand_in_other_files_of_the_folder_and_entities_of_other_types_are_left_out():
    folder = Path("dump")
    folder.mkdir()
    facts = triple("Ada", "employer", "Frost") + triple("Rex", "employer", "Frost") + triple("Cid", "employer", "Frost")
    types = [("Ada", "Agent"), ("Ada", "Person"), ("Rex", "Animal"), ("Frost", "Company")]
    lines = "".join(f"<{RESOURCE}{name}> {TYPE} <{ONTOLOGY}{kind}> .\n" for name, kind in types)
    with bz2.open(folder / "facts.ttl.bz2", "wt", encoding="utf-8") as file:
        file.write(facts)
    with gzip.open(folder / "types.nt.gz", "wt", encoding="utf-8") as file:
        file.write(lines)
    (folder / "README.md").write_text("not read", encoding="utf-8")
    wanted = {"Person": "PERSON", "Company": "ORGANIZATION", "Animal": "ANIMAL"}
    request = asked(ntriples, "dump", relations={"employer": "employed_by"}, types=wanted)
    [found] = collected(request)
    assert (found.head, found.head_type, found.tail_type) == ("Ada", "PERSON", "ORGANIZATION")
    assert [(each.source, each.reason) for each in request.left_out] == [
        ("dump/facts.ttl.bz2:2", "other_type"),  # of another type
        ("dump/facts.ttl.bz2:3", "other_type"),  # of none that is known
    ]


def test_a_line_that_is_no_triple_is_an_error_with_file_and_line_and_the_others_are_read():
    Path("facts.nt").write_text(triple("Ada", "birthPlace", "Rome") + "Ada was born in Rome.\n<a> <b> .\n", "utf-8")
    with pytest.raises(DataError) as caught:
        collected(asked(ntriples, "facts.nt", **PLACES))
    lines = str(caught.value).splitlines()
    assert [line.partition(": ")[0] for line in lines if line.startswith("facts.nt")] == ["facts.nt:2", "facts.nt:3"]
    assert "not a triple" in lines[0]
    assert "leave the line out" in str(caught.value)


@pytest.mark.parametrize("name", ["gone.nt", "empty"])
def test_no_file_of_triples_is_an_error_that_says_what_is_looked_for(name):
    Path("empty").mkdir()
    with pytest.raises(DataError, match=r"file not found|holds no \.nt or \.ttl file"):
        collected(asked(ntriples, name, **PLACES))


@given(st.text(max_size=100))
def test_whatever_a_line_holds_there_are_tuples_or_an_error_that_names_the_file(tmp_path_factory, text):
    path = tmp_path_factory.getbasetemp() / "wild.nt"
    path.write_text(text, encoding="utf-8", errors="replace", newline="")
    assert_read_or_named(asked(ntriples, str(path), **PLACES))
