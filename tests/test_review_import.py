"""Reading a filled sheet: every line is checked, and good decisions are merged into data that git versions."""

import json
import subprocess
from pathlib import Path

import pytest

from relseed.pipeline.errors import UserError
from relseed.records.files import DataError
from relseed.records.reviews import read_decisions
from tests.graph import ROOT
from tests.reviews import (
    ACCEPTED,
    OWNS,
    RELATIONS,
    ROWS,
    SHEET,
    decided,
    decisions,
    exported,
    fill,
    imported,
    lines_of,
    prepare,
    save,
    sentence,
)


@pytest.fixture(autouse=True)
def sheet(tmp_path, monkeypatch):
    """An open sheet of two examples."""
    monkeypatch.chdir(tmp_path)
    prepare()
    exported()


# What becomes of decisions


def test_a_decision_becomes_a_line_of_the_method_s_file():
    fill({OWNS: "relabel rows"}, notes={OWNS: "at the oars"})
    imported()
    [line] = decisions()
    assert line == {
        "id": OWNS,
        "decision": "relabel",
        "label": "rows",
        "note": "at the oars",
        "hash": lines_of(SHEET)[0]["hash"],
    }


def test_decisions_are_sorted_by_id_whatever_the_order_of_the_sheet():
    fill({OWNS: "keep", ROWS: "drop"})
    save(lines_of(SHEET)[::-1])
    imported()
    assert list(decided().items()) == [(OWNS, "keep"), (ROWS, "drop")]


def test_a_later_import_replaces_a_decision_and_leaves_the_others():
    fill({OWNS: "keep", ROWS: "drop"})
    imported()
    fill({OWNS: "drop"})
    imported()
    assert decided() == {OWNS: "drop", ROWS: "drop"}


def test_a_second_import_of_a_sheet_changes_nothing():
    fill({OWNS: "keep", ROWS: "relabel none"})
    imported()
    first = Path("data/reviews/all_at_once.jsonl").read_bytes()
    imported()
    assert Path("data/reviews/all_at_once.jsonl").read_bytes() == first


def test_a_sheet_may_hold_examples_of_several_methods():
    others = exported("one_by_one", Path("other.csv"))
    save([line | {"decision": "keep"} for line in [*lines_of(SHEET), *others]])
    imported()
    assert decided() == {OWNS: "keep", ROWS: "keep"}
    assert decided("one_by_one") == {"one_by_one/owns/0/0": "keep"}


@pytest.mark.parametrize(
    ("words", "means"),
    [("Keep", "keep"), (" DROP ", "drop"), ("Relabel  rows", "relabel rows"), ("relabel none", "relabel none")],
)
def test_a_spreadsheet_may_change_letter_case_and_blanks_of_a_decision(words, means):
    fill({OWNS: words})
    imported()
    assert decided() == {OWNS: means}


def test_a_note_that_looks_like_a_formula_is_a_note():
    fill({OWNS: "drop"}, notes={OWNS: "=1+1"})
    imported()
    first, _ = exported(output=Path("next.csv"))
    assert decisions()[0]["note"] == "=1+1"
    assert first["note"] == "'=1+1"
    imported(Path("next.csv"))
    assert decisions()[0]["note"] == "=1+1"


def test_the_page_saves_lines_that_were_decided_with_four_columns_and_these_are_read():
    [first, _] = lines_of(SHEET)
    save([{"id": OWNS, "decision": "drop", "note": "", "hash": first["hash"]}])
    imported()
    assert decided() == {OWNS: "drop"}


def test_a_true_that_a_spreadsheet_wrote_large_is_the_label_true():
    relations = [RELATIONS[0].model_copy(update={"relation": "true"}), RELATIONS[-1]]
    prepare([sentence("all_at_once/true/0/0", "At last <e1>Marit</e1> has paid for the <e2>Sula</e2>.")], relations)
    SHEET.unlink()
    [line] = exported()
    save([line | {"label": "TRUE", "decision": "keep"}])
    imported()
    assert decided() == {"all_at_once/true/0/0": "keep"}


def test_the_command_says_what_was_decided_what_was_replaced_and_what_comes_next(capsys):
    fill({OWNS: "keep", ROWS: "drop"})
    imported()
    fill({OWNS: "drop", ROWS: "drop"})
    capsys.readouterr()
    imported()
    assert capsys.readouterr().out.splitlines() == [
        "data/reviews/all_at_once.jsonl: 0 keep, 2 drop, 0 relabel; changed from an earlier decision: 1",
        "`dvc repro` applies them; commit them with git",
    ]


def test_a_note_without_a_decision_is_not_kept_and_that_is_said(capsys):
    fill({OWNS: "keep"}, notes={ROWS: "unsure"})
    imported()
    assert decided() == {OWNS: "keep"}
    assert f"notes without a decision, which are not kept: 1, such as that of {ROWS}" in capsys.readouterr().out


# What is wrong with a line


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decision": "yes"}, "unknown decision 'yes': write keep, drop or relabel LABEL"),
        ({"decision": "relabel"}, "unknown decision 'relabel': write keep"),
        ({"decision": "keep rows"}, "unknown decision 'keep rows': write keep"),
        (
            {"decision": "relabel sails"},
            f"{OWNS} cannot be relabelled: unknown label 'sails': the schema has owns, rows",
        ),
        (
            {"decision": "relabel built_in"},
            f"{OWNS} cannot be relabelled: built_in asks for BOAT -> PLACE, the mentions",
        ),
        ({"decision": "relabel owns"}, f"{OWNS} has the label owns already: write keep, or another label"),
        ({"decision": "keep", "id": "all_at_once/owns/9/9"}, "unknown id 'all_at_once/owns/9/9': no accepted example"),
        ({"decision": "keep", "id": "two_by_two/owns/0/0"}, "unknown id 'two_by_two/owns/0/0'"),
        ({"decision": "keep", "id": "../accepted/all_at_once/0"}, "unknown id '../accepted/all_at_once/0'"),
        ({"decision": "keep", "id": ""}, "unknown id ''"),
        ({"decision": "keep", "hash": "sha256:0"}, f"{OWNS} has changed since the export: export it again and decide"),
        ({"label": "rows"}, "the label was edited: leave it owns, and decide `relabel rows`"),
        ({"text": "At last [head PERSON: Marit] owns it."}, "the text was edited, and a sheet takes decisions alone"),
    ],
)
def test_a_wrong_line_is_an_error_with_file_line_and_cure(changes, says):
    first, second = lines_of(SHEET)
    save([second, first | changes])
    with pytest.raises(UserError) as caught:
        imported()
    assert str(caught.value).startswith(f"sheet.csv:3: {says}")
    assert str(caught.value).endswith("\nnothing was imported")
    assert not Path("data/reviews").exists()


def test_an_example_that_changed_since_the_export_cannot_be_decided_by_the_old_sheet():
    fill({OWNS: "keep"})
    prepare([sentence(OWNS, "Now <e1>Marit</e1> holds the papers of the <e2>Sula</e2>."), ACCEPTED[1]])
    with pytest.raises(UserError, match=f"^sheet.csv:2: {OWNS} has changed since the export"):
        imported()


def test_an_undecided_line_of_an_example_that_is_gone_does_no_harm():
    fill({ROWS: "keep"})
    prepare([ACCEPTED[1]])
    imported()
    assert decided() == {ROWS: "keep"}


def test_two_decisions_about_one_example_are_an_error_that_names_both_lines():
    fill({OWNS: "keep"})
    first, second = lines_of(SHEET)
    save([first, second, first | {"decision": "drop"}])
    with pytest.raises(UserError, match=rf"^sheet\.csv:4: {OWNS} is drop here and keep before \(line 2\): leave one"):
        imported()


def test_the_same_decision_twice_is_one():
    fill({OWNS: "keep"})
    first, second = lines_of(SHEET)
    save([first, second, first])
    imported()
    assert decided() == {OWNS: "keep"}


def test_up_to_twenty_wrong_lines_are_shown_at_once():
    first, _ = lines_of(SHEET)
    save([first | {"decision": f"perhaps {number}"} for number in range(23)])
    with pytest.raises(UserError) as caught:
        imported()
    *shown, more, last = str(caught.value).splitlines()
    assert [line.partition(" ")[0] for line in shown] == [f"sheet.csv:{number}:" for number in range(2, 22)]
    assert (more, last) == ("and 3 more", "nothing was imported")


def test_a_sheet_without_any_decision_is_an_error():
    with pytest.raises(UserError, match=r"sheet\.csv holds no decision: fill in keep, drop or relabel LABEL under"):
        imported()


def test_another_kind_of_file_is_an_error_that_says_what_can_be_read():
    with pytest.raises(UserError, match=r"sheet\.ods: a filled sheet is a \.csv file .* or a \.json file or folder"):
        imported(Path("sheet.ods"))


def test_accepted_examples_that_cannot_be_read_are_one_error_and_not_one_a_line():
    fill({OWNS: "keep", ROWS: "keep"})
    Path("data/accepted/all_at_once.jsonl").write_text("{}\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"^data/accepted/all_at_once\.jsonl:1: "):
        imported()


# The file of decisions


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"decision": "perhaps"}, "decision: Input should be 'keep', 'drop' or 'relabel'"),
        ({"decision": "relabel"}, "the decision relabel with the label None: relabel alone has a label"),
        ({"label": "rows"}, "the decision keep with the label rows: relabel alone has a label"),
        ({}, "a second decision about all_at_once/owns/0/0: leave one of the two lines"),
    ],
)
def test_a_line_that_holds_no_decision_is_an_error_with_file_and_line(changes, says):
    fill({OWNS: "keep"})
    imported()
    path = Path("data/reviews/all_at_once.jsonl")
    [line] = decisions()
    path.write_text(path.read_text() + json.dumps(line | changes) + "\n", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        read_decisions(path)
    assert str(caught.value) == f"{path}:2: {says}"


def test_a_file_of_decisions_that_cannot_be_read_leaves_those_of_other_methods_as_they_were():
    others = exported("one_by_one", Path("other.csv"))
    save([line | {"decision": "keep"} for line in [*lines_of(SHEET), *others]])
    Path("data/reviews").mkdir()
    Path("data/reviews/one_by_one.jsonl").write_text("<<<<<<< HEAD\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"^data/reviews/one_by_one\.jsonl:1: not JSON"):
        imported()
    assert not Path("data/reviews/all_at_once.jsonl").exists()


def test_git_versions_decisions_and_has_their_folder_in_a_fresh_clone():
    ignored = subprocess.run(["git", "check-ignore", "--no-index", "data/reviews/all_at_once.jsonl"], cwd=ROOT)
    assert ignored.returncode == 1
    assert (ROOT / "data/reviews/README.md").exists()


# Argilla


def record(id: str, hash: str, *given: tuple[str, str, str]) -> dict:
    """A record as argilla 2 exports it, with (question, value, person) of each response."""
    responses: dict[str, list[dict[str, str]]] = {}
    for question, value, person in given:
        responses.setdefault(question, []).append({"value": value, "user_id": person})
    others = {"fields": {"text": "..."}, "suggestions": {}, "vectors": {}, "status": "completed", "_server_id": None}
    return {"id": id, "metadata": {"hash": hash, "label": "owns"}, "responses": responses} | others


def hashes() -> list[str]:
    return [line["hash"] for line in lines_of(SHEET)]


@pytest.mark.parametrize("exported_to", ["records.json", "reviewed/records.json"])
def test_responses_of_argilla_are_decisions_and_records_without_any_are_not(exported_to):
    first, second = hashes()
    path = Path(exported_to)
    path.parent.mkdir(exist_ok=True)
    given = [("decision", "relabel rows", "ane"), ("note", "oars", "ane")]
    path.write_text(json.dumps([record(OWNS, first, *given), record(ROWS, second)]), encoding="utf-8")
    imported(path if path.parent == Path() else path.parent)
    assert decided() == {OWNS: "relabel rows"}
    assert decisions()[0]["note"] == "oars"


def test_people_who_disagree_in_argilla_are_an_error_that_names_the_record():
    first, second = hashes()
    given = [("decision", "keep", "ane"), ("decision", "drop", "bo")]
    Path("records.json").write_text(json.dumps([record(ROWS, second), record(OWNS, first, *given)]), encoding="utf-8")
    with pytest.raises(UserError, match=rf"^records\.json: record 2: {OWNS} is drop here and keep before \(record 2\)"):
        imported(Path("records.json"))


@pytest.mark.parametrize(
    ("written", "says"),
    [
        ({"id": OWNS}, "records.json: no list of records: export it with `dataset.records.to_json`"),
        ([{"id": OWNS}], "records.json: record 1: metadata: Field required"),
    ],
)
def test_json_that_is_no_export_of_argilla_is_an_error(written, says):
    Path("records.json").write_text(json.dumps(written), encoding="utf-8")
    with pytest.raises(DataError) as caught:
        imported(Path("records.json"))
    assert str(caught.value) == says
