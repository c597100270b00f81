"""What is odd in a dataset although every line can be read; `relseed check`, and `relseed init` that it passes."""

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from relseed.cli import app
from relseed.datasets.check import NEAR_DUPLICATE, check
from relseed.datasets.dataset import Dataset
from relseed.datasets.findings import Finding, findings
from relseed.datasets.folder import read
from relseed.tasks.relation import TASK
from relseed.tasks.task import load_task
from tests.graph import PARAMS, ROOT

OWNS = {"relation": "owns", "head_type": "PERSON", "tail_type": "BOAT", "definition": "the head owns the tail"}
SAILS = {"relation": "sails", "definition": "the head sails the tail"}
NONE = {"relation": "none", "definition": "nothing is said", "negative": True}


def line(text: str, relation: str, types: str = "PERSON BOAT") -> dict[str, str]:
    head_type, tail_type = types.split()
    return {"text": text, "head_type": head_type, "tail_type": tail_type, "relation": relation}


ADA = line("<e1>Ada</e1> keeps the <e2>Isa</e2> in a shed behind the mill.", "owns")
TOVE = line("Nobody knows why <e1>Tove</e1> stood by the <e2>Petrel</e2> all night.", "none")
INES = line("The bank gave the <e2>Sula</e2> back to <e1>Ines</e1> without a word.", "owns")
OLA = line("When <e1>Ola</e1> came home, the <e2>Kestrel</e2> had long been painted.", "none")
MARIT = line("Old <e1>Marit</e1> has had the <e2>Heron</e2> for thirty summers now.", "owns")
JON = line("<e1>Jon</e1> read of the <e2>Nordlys</e2> in a paper from last year.", "none")
SPLITS: dict[str, list[dict]] = {"train": [ADA, TOVE], "validation": [INES, OLA], "test": [MARIT, JON]}


def own(path: Path, relations: list[dict] | None = None, **splits: list[dict]) -> Path:
    """A folder of own data in which nothing is odd, but for what is given."""
    path.mkdir(exist_ok=True)
    for name, records in {"relations": relations or [OWNS, NONE], **SPLITS, **splits}.items():
        (path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return path


def dataset(path: Path, **changes: Any) -> Dataset:
    return read(own(path, **changes), task=TASK, domain=None)


def odd(path: Path, **changes: Any) -> list[Finding]:
    return findings(dataset(path, **changes))


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


def test_nothing_is_odd_in_the_datasets_that_ship():
    for name, task in (("gazette", "relation"), ("primer", "yes_no")):
        assert findings(read(ROOT / "data" / name, task=load_task(task), domain=None)) == []


def test_a_mention_that_is_a_part_of_a_word_is_a_note_with_file_line_and_text(tmp_path):
    cut = line("Old <e1>Mari</e1>t has had the <e2>Heron</e2>s for years.", "owns")
    [finding] = odd(tmp_path, test=[MARIT, cut, JON])
    assert str(finding).splitlines() == [
        "note: 1 example with a mention that begins or ends inside a word",
        f"  {tmp_path}/test.jsonl:2: the head 'Mari' begins or ends inside a word: "
        "Old [Mari]t has had the [Heron]s for years.",
    ]


def test_three_are_shown_and_all_counted(tmp_path):
    cut = [line(f"Boat {number}: <e1>Mari</e1>t has the <e2>Heron</e2>.", "owns") for number in range(5)]
    [finding] = odd(tmp_path, train=[*cut, TOVE])
    assert finding.what.startswith("5 examples with a mention")
    assert [shown.partition(": ")[0] for shown in finding.shown] == [f"{tmp_path}/train.jsonl:{n}" for n in (1, 2, 3)]


def test_offsets_that_count_utf16_units_are_a_note_with_what_they_would_be(tmp_path):
    shifted = {"text": "🎉🎉 Marit keeps the old Heron again.", "relation": "owns"}
    shifted |= {"head": {"start": 5, "end": 10, "type": "PERSON"}, "tail": {"start": 25, "end": 30, "type": "BOAT"}}
    found = odd(tmp_path, test=[MARIT, shifted, JON])
    assert found[0].what.startswith("1 example whose offsets seem to count UTF-16 units")
    assert "'rit k' would be 'Marit'" in found[0].shown[0]


def test_types_that_only_the_negative_label_allows_are_a_note(tmp_path):
    reverse = line("<e1>Sula</e1> was the name of the boat of <e2>Ines</e2>.", "none", "BOAT PERSON")
    [finding] = odd(tmp_path, validation=[INES, OLA, reverse])
    assert (finding.what, finding.is_error) == ("1 example with types that no relation but the negative one has", False)
    assert "validation.jsonl:3: no relation is BOAT -> PERSON: [Sula] was the name" in finding.shown[0]


def test_no_types_are_odd_where_a_relation_allows_any(tmp_path):
    places = line("<e1>Oslo</e1> lies on a fjord, and <e2>Bodø</e2> by the sea.", "none", "PLACE PLACE")
    sails = line("<e1>Bo</e1> sails the <e2>Ida</e2> on Sundays.", "sails")
    found = odd(tmp_path, relations=[OWNS, SAILS, NONE], train=[ADA, TOVE, places, sails], test=[MARIT, JON, sails])
    assert found == []


@pytest.mark.parametrize("name", ["no_relation", "No Relation", "Other", "NA", "n/a", "none", "NULL", "no-relation"])
def test_a_label_that_is_called_like_the_negative_one_but_is_not_declared_is_an_error(tmp_path, name):
    splits = {
        split: [{**one, "relation": name} if one["relation"] == "none" else one for one in lines]
        for split, lines in SPLITS.items()
    }
    [finding] = odd(
        tmp_path, relations=[OWNS, {"relation": name, "definition": "nothing", "negative": False}], **splits
    )
    assert finding.is_error
    assert finding.what.startswith(f'3 examples of {name}, not declared as the negative label: say `"negative": true`')
    assert finding.shown[0] == f"{tmp_path}/train.jsonl:2: Nobody knows why [Tove] stood by the [Petrel] all night."


def test_beside_a_declared_negative_label_such_a_name_is_a_note(tmp_path):
    other = {**SAILS, "relation": "other"}
    found = [{**ADA, "relation": "other"}, TOVE, ADA | {"text": INES["text"]}]
    [finding] = odd(
        tmp_path, relations=[OWNS, NONE, other], train=found, validation=[OLA], test=[*found[:1], MARIT, JON]
    )
    assert finding.what == "2 examples of other, a relation like any other: the negative label is none"
    assert not finding.is_error


def test_labels_without_training_or_test_examples_are_notes(tmp_path):
    first, second = odd(tmp_path, relations=[OWNS, SAILS, NONE], train=[ADA], test=[JON])
    assert first.what == "2 labels without an example in train, so that no seed of it can be drawn: sails, none"
    assert second.what == "2 labels without an example in test, so that it is not measured: owns, sails"
    assert not first.is_error
    assert not second.is_error


@pytest.mark.parametrize(("split", "is_error"), [("train", False), ("validation", False), ("test", True)])
def test_a_pair_with_two_labels_is_an_error_in_test_and_a_note_elsewhere(tmp_path, split, is_error):
    first = SPLITS[split][0]
    [finding] = odd(tmp_path, **{split: [*SPLITS[split], {**first, "relation": "none"}]})
    assert finding.what == f"1 pair with different labels in {split}: keep one label for each"
    assert finding.is_error is is_error
    place = f"{tmp_path}/{split}.jsonl"
    assert finding.shown[0].startswith(f"{place}:3: none, but owns at {place}:1: ")


@pytest.mark.parametrize(
    ("first", "second", "is_error"),
    [("train", "validation", False), ("train", "test", True), ("validation", "test", True)],
)
def test_a_pair_with_another_label_in_another_split_is_an_error_where_it_is_tested(tmp_path, first, second, is_error):
    again = {**SPLITS[first][0], "relation": "none"}
    [finding] = odd(tmp_path, **{second: [*SPLITS[second], again]})
    assert finding.what == f"1 pair with different labels in {first} and {second}: keep one label for each"
    assert finding.is_error is is_error


def test_other_mentions_of_a_text_are_another_pair(tmp_path):
    text = "<e1>Ada</e1> keeps the Isa in a shed behind the <e2>mill</e2>."
    assert odd(tmp_path, train=[ADA, TOVE, line(text, "none")]) == []


def test_head_and_tail_exchanged_are_another_pair(tmp_path):
    text = "<e2>Ada</e2> keeps the <e1>Isa</e1> in a shed behind the mill."
    assert (
        odd(
            tmp_path,
            relations=[OWNS, SAILS, NONE],
            train=[ADA, TOVE, line(text, "sails")],
            test=[
                MARIT,
                JON,
                line("<e1>Bo</e1> sails the <e2>Ida</e2> on Sundays.", "sails"),
            ],
        )
        == []
    )


def test_questions_with_two_answers_are_found_as_well(tmp_path):
    ask = {"question": "Is it cold?", "answer": True}
    for split in ("train", "validation", "test"):
        lines = [ask, {**ask, "answer": False}] if split == "test" else [{**ask, "question": f"Is it {split}?"}]
        (tmp_path / f"{split}.jsonl").write_text("".join(json.dumps(one) + "\n" for one in lines))
    found = findings(read(tmp_path, task=load_task("yes_no"), domain=None))
    assert [finding.what for finding in found if finding.is_error] == [
        "1 text with different labels in test: keep one label for each"
    ]


def test_the_check_counts_near_duplicates_between_splits_and_shows_where_they_stand(tmp_path):
    text, errors = check(dataset(tmp_path, test=[MARIT, {**ADA, "text": ADA["text"].replace("mill", "Mill!")}, JON]))
    assert errors == 0
    assert text.splitlines()[-2:] == [
        "note: train in test: 1 same texts, 0 near-duplicates",
        f"  {tmp_path}/train.jsonl:1 ~ {tmp_path}/test.jsonl:2 (1.00): "
        "[Ada] keeps the [Isa] in a shed behind the mill.",
    ]


def test_near_duplicates_are_those_of_the_parameters():
    assert PARAMS["contamination"]["near_duplicate"] == NEAR_DUPLICATE


def test_a_text_with_several_pairs_is_one_near_duplicate(tmp_path):
    other = line("<e1>Ada</e1> keeps the Isa in a shed behind the <e2>mill</e2>.", "none")
    text, _ = check(dataset(tmp_path, train=[ADA, other, TOVE], test=[MARIT, other, JON]))
    assert "train in test: 1 same texts" in text


def test_the_command_prints_counts_and_ends_well_where_nothing_is_odd(tmp_path):
    done = run("check", str(own(tmp_path)))
    assert done.exit_code == 0
    rows = [row.split() for row in done.stdout.splitlines()]
    assert ["owns", "1", "1", "1"] in rows
    assert rows[-1] == ["nothing", "odd", "was", "found"]


def test_the_command_prints_notes_and_errors_and_ends_with_status_1_where_there_are_errors(tmp_path):
    done = run("check", str(own(tmp_path, test=[MARIT, {**MARIT, "relation": "none"}])))
    assert done.exit_code == 1
    assert "error: 1 pair with different labels in test" in done.stdout
    assert str(done.exception) == f"{tmp_path} would give wrong scores, see above"


def test_the_command_names_all_lines_that_cannot_be_read(tmp_path):
    done = run("check", str(own(tmp_path, train=[{}, ADA], test=[{**JON, "relation": "rows"}])))
    first, second = str(done.exception).splitlines()
    assert done.exit_code == 1
    assert first.startswith(f"{tmp_path}/train.jsonl:1: ")
    assert second.startswith(f"{tmp_path}/test.jsonl:1: unknown label 'rows'")


def test_the_command_checks_published_formats(tmp_path):
    sentence = {
        "doc_key": "x",
        "sentence": ["Ada", "has", "the", "Isa"],
        "ner": [[0, 0, "person"], [3, 3, "product"]],
        "relations": [[3, 3, 0, 0, label, "", False, False] for label in ("artifact", "origin")],
    }
    for split in ("train", "dev", "test"):
        (tmp_path / f"ai-{split}.json").write_text(json.dumps(sentence))
    done = run("check", str(tmp_path), "--format", "crossre", "--domain", "ai")
    assert done.exit_code == 0
    assert "note: 1 pair with different labels in test" in done.stdout


@pytest.mark.parametrize("task", ["relation", "yes_no", "multiple_choice"])
def test_a_skeleton_passes_the_check_without_a_note(tmp_path, task):
    folder = tmp_path / "new/mine"
    assert "mine is made" in run("init", str(folder), "--task", task).stdout
    done = run("check", str(folder), "--task", task)
    assert (done.exit_code, done.stdout.splitlines()[-1]) == (0, "nothing odd was found")


def test_a_skeleton_has_a_relation_a_declared_negative_label_and_a_readme_that_names_every_file(tmp_path):
    run("init", str(tmp_path))
    relations = [json.loads(one) for one in (tmp_path / "relations.jsonl").read_text().splitlines()]
    assert [(one["relation"], one["negative"]) for one in relations] == [("founded_by", False), ("no_relation", True)]
    written = (tmp_path / "README.md").read_text()
    files = {path.name for path in tmp_path.iterdir()}
    assert files == {"relations.jsonl", "train.jsonl", "validation.jsonl", "test.jsonl", "about.yaml", "README.md"}
    assert [name for name in files - {"README.md"} if f"`{name}`" not in written] == []


def test_a_folder_that_holds_something_is_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert "is there and is not an empty folder" in str(run("init", str(tmp_path)).exception)
    assert "is there and is not an empty folder" in str(run("init", str(tmp_path / "notes.txt")).exception)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_task_without_a_skeleton_is_an_error_that_lists_those_with_one(tmp_path):
    done = run("init", str(tmp_path / "new"), "--task", "../relation")
    known = "there are skeletons for multiple_choice, relation, yes_no"
    assert str(done.exception) == f"no skeleton for the task '../relation': {known}"
