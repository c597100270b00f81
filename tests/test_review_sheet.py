"""A sheet of what a method wrote: what stands in it, and that a spreadsheet neither runs nor changes what it opens."""

import csv
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from relseed.pipeline.errors import UserError
from relseed.records.files import DataError, write_records
from relseed.review.sheet import COLUMNS, Row, read_csv, readable, restored, safe, write_csv
from relseed.tasks.relation import TASK
from relseed.tasks.yes_no import TASK as YES_NO
from relseed.tasks.yes_no import Question
from tests.reviews import ACCEPTED, OWNS, ROWS, SHEET, exported, fill, imported, prepare, sentence

# Wild cells, beginnings of formulas among them.
CELLS = st.builds(
    str.__add__,
    st.sampled_from(["", "=", "+", "-", "@", "'", "''=", " =", "\t", "\r", "\n", "＝", "'", "'x", "\ufeff", '"', ";"]),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


# What stands in it


def test_a_sheet_has_id_label_text_definition_and_room_for_a_decision_and_a_note():
    prepare()
    first, second = exported()
    assert tuple(first) == COLUMNS
    assert first["hash"].startswith("sha256:")
    del first["hash"]
    assert first == {
        "id": OWNS,
        "label": "owns",
        "text": "At last [head PERSON: Marit] has paid for the [tail BOAT: Sula].",
        "definition": "the head owns the tail",
        "decision": "",
        "note": "",
    }
    assert second["text"] == "Each morning the [tail BOAT: Petrel] goes out, [head PERSON: Tove] at the oars."


def test_a_mention_without_a_type_and_a_question_are_readable_too():
    untyped = ACCEPTED[0].model_copy(update={"head": ACCEPTED[0].head.model_copy(update={"type": None})})
    assert readable(TASK.segments(untyped)).startswith("At last [head: Marit] has")
    question = Question(question="Is it tea?", passage="She brewed tea.")
    assert readable(YES_NO.segments(question)) == "[question: Is it tea?] She brewed tea."


def test_a_training_set_narrows_a_sheet_to_the_examples_that_it_took():
    prepare()
    write_records(Path("data/training/batch.jsonl"), [ACCEPTED[1], ACCEPTED[2]])
    assert [line["id"] for line in exported(training_set="batch")] == [ROWS]


def test_what_was_decided_before_stands_in_the_next_sheet():
    prepare()
    exported()
    fill({OWNS: "relabel rows"}, notes={OWNS: "at the oars"})
    imported()
    first, second = exported(output=Path("next.csv"))
    assert (first["decision"], first["note"]) == ("relabel rows", "at the oars")
    assert second["decision"] == ""


def test_a_decision_about_another_text_does_not_stand_in_the_next_sheet():
    prepare()
    exported()
    fill({OWNS: "drop"})
    imported()
    prepare([sentence(OWNS, "Now <e1>Marit</e1> holds the papers of the <e2>Sula</e2>.")])
    [line] = exported(output=Path("next.csv"))
    assert line["decision"] == ""


def test_the_command_says_how_many_examples_a_sheet_has_and_what_comes_next(capsys):
    prepare()
    exported()
    assert capsys.readouterr().out == "sheet.csv: 2 to review, then `relseed review import`\n"


# What is not written


def test_a_sheet_that_is_there_is_not_overwritten():
    prepare()
    exported()
    fill({OWNS: "keep"})
    filled = SHEET.read_bytes()
    with pytest.raises(UserError, match=r"sheet\.csv is already there, perhaps with decisions: import it and"):
        exported()
    assert SHEET.read_bytes() == filled


@pytest.mark.parametrize(
    ("asked", "says"),
    [
        ({"method": "two_by_two"}, "methods has no entry 'two_by_two'"),
        ({"method": "tuned"}, r"tuned\.jsonl: file not found.*dvc repro filter@tuned"),
        ({"training_set": "batch"}, r"batch\.jsonl: file not found.*dvc repro select@batch"),
        ({"training_set": "other"}, "training_sets has no entry 'other'"),
        ({"output": Path("sheet.xlsx")}, r"sheet\.xlsx: a sheet is a \.csv or \.html file, or for Argilla a folder"),
    ],
)
def test_what_cannot_be_exported_is_an_error_with_its_cure(asked, says):
    prepare()
    with pytest.raises(UserError, match=says):
        exported(**asked)
    assert not list(Path().glob("sheet.*"))


def test_a_sheet_without_any_example_is_an_error():
    prepare()
    write_records(Path("data/training/batch.jsonl"), [ACCEPTED[2]])
    with pytest.raises(UserError, match="nothing to review: the training set batch holds no example of the method all"):
        exported(training_set="batch")
    write_records(Path("data/accepted/all_at_once.jsonl"), [])
    with pytest.raises(UserError, match="nothing to review: there is no accepted example of the method all_at_once"):
        exported()


# A spreadsheet opens it without harm


def row(**cells: str) -> Row:
    return Row(**dict.fromkeys(COLUMNS, "") | cells, segments=(), choices=())


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, CELLS)), min_size=1, max_size=3))
def test_whatever_cells_hold_they_come_back_the_same(tmp_path_factory, cells):
    path = tmp_path_factory.getbasetemp() / "wild.csv"
    write_csv(path, [row(**each) for each in cells])
    assert [line for _, line in read_csv(path)] == [each for each in cells if any(map(safe, each.values()))]


@given(CELLS)
def test_no_cell_begins_as_a_formula_does_and_each_is_restored(cell):
    assert not safe(cell).lstrip(" ").startswith(tuple("=+-@＝＋－＠\t\r\n"))
    assert restored(safe(cell)) == cell


@pytest.mark.parametrize("cell", ["Marit", "'t Schip", "a = b", "sha256:0123", "'''", "", "[head: Ola]"])
def test_a_cell_that_is_no_formula_stays_as_it_is(cell):
    assert safe(cell) == restored(cell) == cell


def test_the_file_begins_with_the_mark_by_which_excel_knows_utf_8():
    prepare([sentence(OWNS, "Å <e1>Åse</e1> eier <e2>Måken</e2>.")])
    exported()
    assert SHEET.read_bytes().startswith(b"\xef\xbb\xbfid,label,text")


def test_a_hash_is_no_number_to_a_spreadsheet():
    prepare([sentence(f"all_at_once/owns/0/{number}", f"<e1>M{number}</e1> owns <e2>S</e2>") for number in range(99)])
    for line in exported():
        with pytest.raises(ValueError, match="could not convert"):
            float(line["hash"])


# Reading the form


def test_an_empty_line_is_no_line_and_line_numbers_count_those_inside_cells():
    SHEET.write_text('id,decision,note,hash\r\n,,,\r\na,keep,"one\ntwo",h\r\nb,drop,,h\r\n', encoding="utf-8")
    assert [(number, cells["id"], cells["note"]) for number, cells in read_csv(SHEET)] == [
        (3, "a", "one\ntwo"),
        (5, "b", ""),
    ]


@pytest.mark.parametrize("delimiter", [";", "\t"])
def test_other_delimiters_of_spreadsheets_are_read(delimiter):
    lines = [delimiter.join(cells) for cells in (("id", "decision", "note", "hash"), ("a", "keep", "x, y", "h"))]
    SHEET.write_text("\n".join(lines), encoding="utf-8")
    assert [cells for _, cells in read_csv(SHEET)] == [{"id": "a", "decision": "keep", "note": "x, y", "hash": "h"}]


@pytest.mark.parametrize(
    ("written", "says"),
    [
        (b"id,decision\na,keep\n", r"sheet\.csv:1: no column note, hash: a sheet of `relseed review export` has them"),
        (b"", r"sheet\.csv:1: no column id, decision, note, hash"),
        (b"id,decision,note,hash\na,keep,x, y,h\n", r"sheet\.csv:2: 5 cells under 4 columns: quote cells"),
        (b'id,decision,note,hash\na,keep,"x"y,h\n', r"sheet\.csv:2: not CSV \(.*\): save the sheet as CSV again"),
        ("id,decision,note,hash\na,keep,für,h\n".encode("latin-1"), r"sheet\.csv: not UTF-8: save .* Excel: CSV UTF-8"),
        (None, r"sheet\.csv: file not found"),
    ],
)
def test_what_is_no_sheet_is_an_error_with_place_and_cure(written, says):
    if written is not None:
        SHEET.write_bytes(written)
    with pytest.raises(DataError, match=says):
        list(read_csv(SHEET))


def test_a_line_whose_last_cells_were_cut_off_has_empty_ones():
    SHEET.write_text("id,decision,note,hash\na,keep\n", encoding="utf-8")
    assert [cells for _, cells in read_csv(SHEET)] == [{"id": "a", "decision": "keep", "note": "", "hash": ""}]


def test_a_sheet_is_plain_csv_to_others():
    prepare()
    exported()
    with SHEET.open(encoding="utf-8-sig", newline="") as file:
        assert [len(cells) for cells in csv.reader(file, strict=True)] == [len(COLUMNS)] * 3


# Argilla


class Library:
    """What relseed asks of argilla 2: records, whose form as a dictionary is that of its exports."""

    @staticmethod
    def Suggestion(name: str, value: str) -> Any:  # noqa: N802 (as argilla calls it)
        return SimpleNamespace(name=name, value=value)

    @staticmethod
    def Record(id: str, fields: Any, metadata: Any, suggestions: Any) -> Any:  # noqa: N802
        shown = {each.name: {"value": each.value} for each in suggestions}
        values = {"id": id, "fields": fields, "metadata": metadata, "suggestions": shown, "responses": {}}
        return SimpleNamespace(to_dict=lambda: values)


def test_a_folder_gets_settings_and_records_of_a_dataset_of_argilla(monkeypatch):
    monkeypatch.setitem(sys.modules, "argilla", Library)
    prepare()
    exported()
    fill({ROWS: "drop"})
    imported()
    exported(output=Path("reviewed"))
    dataset, settings, records = (
        json.loads(Path("reviewed", name).read_text())
        for name in (".argilla/dataset.json", ".argilla/settings.json", "records.json")
    )
    assert dataset == {"name": "relseed-all_at_once"}
    [decision, note] = settings["questions"]
    assert [option["value"] for option in decision["settings"]["options"]] == [
        *("keep", "drop", "relabel rows", "relabel none", "relabel owns"),
    ]
    assert (decision["required"], note["required"]) == (True, False)
    assert [(record["id"], record["suggestions"]) for record in records] == [
        (OWNS, {}),
        (ROWS, {"decision": {"value": "drop"}}),
    ]
    assert records[0]["fields"]["definition"] == "owns: the head owns the tail"
    assert set(records[0]["fields"]) == {field["name"] for field in settings["fields"]}
    assert set(records[0]["metadata"]) == {each["name"] for each in settings["metadata"]}


def test_no_name_stands_twice_in_the_settings_of_a_dataset_which_argilla_does_not_take(monkeypatch):
    monkeypatch.setitem(sys.modules, "argilla", Library)
    prepare()
    exported(output=Path("reviewed"))
    settings = json.loads(Path("reviewed/.argilla/settings.json").read_text())
    names = [each["name"] for part in ("fields", "questions", "metadata", "vectors") for each in settings[part]]
    assert len(names) == len(set(names))


def test_without_argilla_the_error_says_what_to_install_and_what_else_to_write(monkeypatch):
    monkeypatch.setitem(sys.modules, "argilla", None)  # an import of it fails
    prepare()
    with pytest.raises(UserError, match=r"cannot be imported .*`pip install argilla requests`, or .*\.csv or \.html"):
        exported(output=Path("reviewed"))
    assert not Path("reviewed").exists()
