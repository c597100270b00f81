"""Own data as people have it: mentions as tags in the text, tables as CSV, without ids."""

import csv
import json
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from relseed.datasets import folder
from relseed.records.files import DataError
from relseed.tasks.relation import TASK, Example, Sentence
from relseed.tasks.relation.tags import tagged
from relseed.tasks.task import Task, load_task
from tests.strategies import sentences

RELATIONS = [
    {"relation": "owns", "head_type": "PERSON", "tail_type": "BOAT", "definition": "the head owns the tail"},
    {"relation": "none", "definition": "nothing is said", "negative": True},
]
TAGGED = {"text": "Old <e1>Marit</e1> rows the <e2>Sula</e2>.", "relation": "owns"}
TYPED = {**TAGGED, "head_type": "PERSON", "tail_type": "BOAT"}
HEADER = "text,head_type,tail_type,relation"
ROW = "Old <e1>Marit</e1> rows the <e2>Sula</e2>.,PERSON,BOAT,owns"
OFFSETS = "text,head_start,head_end,tail_start,tail_end,head_type,tail_type,relation"


def own(path: Path, **splits: Any) -> Path:
    """A folder of own data: JSON Lines of records, or CSV of text; what is not given is one tagged line."""
    path.mkdir(exist_ok=True)
    for name, content in {"relations": RELATIONS, "train": [TYPED], "validation": [TYPED], "test": [TYPED]}.items():
        found = splits.get(name, content)
        if isinstance(found, str):
            (path / f"{name}.csv").write_text(found, encoding="utf-8", newline="")
        else:
            (path / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in found))
    return path


def train(path: Path, task: Task = TASK) -> list[Any]:
    return folder.read(path, task=task, domain=None).splits["train"]


def problems(path: Path, task: Task = TASK) -> list[str]:
    """The lines of the error that reading a folder ends with, without the folder."""
    with pytest.raises(DataError) as caught:
        train(path, task)
    return str(caught.value).replace(f"{path}/", "").splitlines()


def words(example: Example) -> tuple[str, str]:
    return example.head.text_of(example.text), example.tail.text_of(example.text)


def test_tags_in_the_text_become_offsets(tmp_path):
    [example] = train(own(tmp_path, train=[{"id": "a", **TYPED, "register": "letters"}]))
    assert example.model_dump(exclude_unset=True) == {
        "id": "a",
        "text": "Old Marit rows the Sula.",
        "head": {"start": 4, "end": 9, "type": "PERSON"},
        "tail": {"start": 19, "end": 23, "type": "BOAT"},
        "relation": "owns",
        "register": "letters",
    }


def test_tags_and_offsets_can_stand_in_one_file(tmp_path):
    spans = {"head": {"start": 0, "end": 5, "type": "PERSON"}, "tail": {"start": 15, "end": 19, "type": "BOAT"}}
    line = {"text": "Marit rows the Sula.", **spans, "relation": "owns"}
    assert [words(example) for example in train(own(tmp_path, train=[TYPED, line]))] == [("Marit", "Sula")] * 2


def test_an_id_that_is_left_out_is_made_of_file_and_line(tmp_path):
    path = own(tmp_path, train=[TYPED, {**TYPED, "id": "mine"}], test=f"{HEADER}\n{ROW}\n")
    dataset = folder.read(path, task=TASK, domain=None)
    assert [example.id for example in dataset.splits["train"]] == ["train-1", "mine"]
    assert [example.id for example in dataset.splits["test"]] == ["test-2"]


def test_an_id_that_is_given_must_not_be_one_that_is_made(tmp_path):
    path = own(tmp_path, train=[TYPED, {**TYPED, "id": "train-1"}])
    assert problems(path) == ["train.jsonl:2: id 'train-1' was used before (line 1): ids must differ"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"text": "Old <e1>Marit</e1> rows."}, "no <e2>: mark the head as"),
        ({"text": "Old Marit rows the Sula."}, "no <e1>: mark the head as"),
        ({"text": "Old <e1>Marit <e2>rows</e1> it</e2>."}, "the tags stand as <e1> <e2> </e1> </e2>"),
        ({"head_type": "BOAT"}, "owns asks for PERSON -> BOAT, the mentions are BOAT -> BOAT"),
        ({"head_type": 7}, "head.type: Input should be a valid string"),
        ({"head": {"start": 0, "end": 3}}, "tail: Field required"),
        ({"id": 7}, "id: Input should be a valid string"),
    ],
)
def test_a_tagged_line_that_does_not_fit_is_an_error_with_file_and_line(tmp_path, change, says):
    [problem] = problems(own(tmp_path, validation=[TYPED, {**TYPED, **change}]))
    assert problem.startswith(f"validation.jsonl:2: {says}")


def test_lines_of_all_splits_are_named_at_once(tmp_path):
    path = own(tmp_path, train=[TYPED, TAGGED], validation=[{}], test=f"{HEADER}\n{ROW}\nMarit,,,owns\n")
    assert [problem.partition(": ")[0] for problem in problems(path)] == [
        "train.jsonl:2",
        "validation.jsonl:1",
        "test.csv:3",
    ]


def test_a_table_with_tags_is_read(tmp_path):
    [example] = train(own(tmp_path, train=f"\ufeff{HEADER.replace(',', ', ')},id,register\r\n{ROW},a,letters\r\n"))
    assert example == train(own(tmp_path / "lines", train=[{"id": "a", **TYPED, "register": "letters"}]))[0]


def test_a_table_with_offsets_is_read(tmp_path):
    [example] = train(
        own(tmp_path, train=f"{OFFSETS},head_note\nMarit rows the Sula.,0,5,15,19,PERSON,BOAT,owns,old\n")
    )
    assert words(example) == ("Marit", "Sula")
    assert (example.head.type, example.tail.type) == ("PERSON", "BOAT")
    assert example.model_extra == {"head_note": "old"}


def test_an_empty_cell_is_a_field_that_is_left_out(tmp_path):
    header = "id,text,head_type,tail_type,relation,register,"
    [example] = train(own(tmp_path, train=f"{header}\n,{ROW.replace('owns', 'none').replace('BOAT', '')},,\n"))
    assert (example.id, example.head.type, example.tail.type) == ("train-2", "PERSON", None)
    assert example.model_extra == {}


def test_line_ends_in_quotes_are_part_of_a_text_and_counted_as_lines(tmp_path):
    quoted = '"Old <e1>Marit</e1>\nrows, ""slowly"",\r\nthe <e2>Sula</e2>.",PERSON,BOAT,owns'
    path = own(tmp_path, train=f"{HEADER}\n{quoted}\n\n,,,\n{ROW}\nMarit,,,owns\n")
    assert problems(path) == [
        "train.csv:8: no <e1>: mark the head as <e1>..</e1> and the tail as <e2>..</e2>, once each"
    ]
    own(tmp_path, train=f"{HEADER}\n{quoted}\n\n,,,\n{ROW}\n")
    found = folder.read(tmp_path, task=TASK, domain=None).located["train"]
    assert [one.place for one in found] == [2, 7]
    assert found[0].example.text == 'Old Marit\nrows, "slowly",\r\nthe Sula.'


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("", "train.csv:1: the header has no column text, it has none: the first line names the columns"),
        (ROW, "train.csv:1: the header has no column text, it has Old <e1>Marit"),
        (f"{HEADER.replace(',', ';')}\n{ROW}", "train.csv:1: the header has no column text, it has text;head_type"),
        (f"{HEADER[:-9]}\n", "train.csv:1: the header has no column relation"),
        (f"{HEADER},text\n", "train.csv:1: two columns of the header are called text"),
        (f"{OFFSETS.replace('tail_end,', '')}\n", "train.csv:1: the header has no column tail_end"),
        (f"{HEADER}\n", "train.csv: holds no example"),
        (f"{HEADER}\n{ROW},more\n", "train.csv:2: 5 cells, the header has 4: quote a cell that holds a comma"),
        (f"{HEADER},\n{ROW},more\n", "train.csv:2: the column of 'more' has no name in the header"),
        (f'{HEADER}\n{ROW}\n"Old" x,,,\n', "train.csv:3: not CSV ("),
        (f'{HEADER}\n{ROW}\n"{ROW}\n', "train.csv:3: not CSV (unexpected end of data)"),
        (f"{HEADER}\n{ROW.replace('owns', 'sails')}\n", "train.csv:2: unknown label 'sails'"),
        (f"{HEADER}\n{ROW.replace('owns', '')}\n", "train.csv:2: relation: Field required"),
        (f"{OFFSETS}\nMarit,0,x,1,2,,,none\n", "train.csv:2: head_end is 'x': offsets are whole numbers, from 0"),
        (f"{OFFSETS}\nMarit,0,5,,2,,,none\n", "train.csv:2: tail_start is '': offsets are whole numbers"),
        (f"{OFFSETS}\nMarit,0,5,6,9,,,none\n", "train.csv:2: tail 6:9 does not fit the text of 5 characters"),
        (f"{HEADER},method\n{ROW},me\n", "train.csv:2: example 'train-2' has a field `method`"),
    ],
)
def test_a_table_that_does_not_fit_is_an_error_with_file_and_line(tmp_path, table, says):
    assert problems(own(tmp_path, train=table))[0].startswith(says)


def test_a_table_that_is_not_utf8_is_an_error(tmp_path):
    (own(tmp_path, train=f"{HEADER}\n") / "train.csv").write_bytes(HEADER.encode() + b"\n\xe9")
    assert problems(tmp_path) == ["train.csv: not UTF-8 at byte 34: save the file as UTF-8"]


def test_a_split_in_two_files_is_an_error(tmp_path):
    own(own(tmp_path), train=f"{HEADER}\n{ROW}\n")
    assert problems(tmp_path) == ["train.csv: train.jsonl is there, too: remove the one that is not the split"]


def test_the_columns_of_another_task_are_its_fields(tmp_path):
    rows = "question,answer,passage,source\nIs it sold?,True,Ines sold it.,letters\nIs it?,false,,\n"
    first, second = train(own(tmp_path, train=rows, **dict.fromkeys(("validation", "test"), rows)), load_task("yes_no"))
    assert (first.question, first.answer, first.passage, first.source) == (
        "Is it sold?",
        True,
        "Ines sold it.",
        "letters",
    )
    assert (second.id, second.answer, second.passage) == ("train-3", False, None)


def test_an_answer_that_is_neither_true_nor_false_is_an_error(tmp_path):
    rows = "question,answer\nIs it?,yes\n"
    path = own(tmp_path, train=rows, **dict.fromkeys(("validation", "test"), "question,answer\nIs it?,true\n"))
    assert problems(path, load_task("yes_no")) == ["train.csv:2: answer: Input should be a valid boolean"]


@given(st.lists(sentences(), min_size=1, max_size=4), st.sampled_from(["\n", "\r\n"]))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=50)
def test_what_a_spreadsheet_writes_comes_back_with_the_lines_on_which_it_stands(
    tmp_path: Path, found: list[Sentence], end: str
) -> None:
    rows = [[tagged(sentence), "none"] for sentence in found]
    assume(not any(text.startswith("\ufeff") for text, _ in rows))
    buffer = StringIO(newline="")
    table = csv.writer(buffer, lineterminator=end)
    table.writerow(["text", "relation"])
    places = []
    for row in rows:
        places.append(len(StringIO(buffer.getvalue(), newline="").readlines()) + 1)
        table.writerow(row)
    located = folder.read(own(tmp_path, train=buffer.getvalue()), task=TASK, domain=None).located["train"]
    assert [(one.example.text, one.example.head, one.example.tail) for one in located] == [
        (sentence.text, sentence.head, sentence.tail) for sentence in found
    ]
    assert [one.place for one in located] == places


def labelled(name: str) -> list[dict]:
    return [{"relation": "owns", "definition": "x"}, {"relation": name, "definition": "y"}]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("founded\x1bby", "relation: holds the control character U+001B: take it out"),
        ("founded\x00by", "relation: holds the control character U+0000: take it out"),
        ("founded\nby", "relation: holds the control character U+000A: take it out"),
        ("founded\uffffby", "relation: holds the control character U+FFFF: take it out"),
        ("founded\u202eby", "relation: holds the control character U+202E: take it out"),
        (" ", "relation: is blank: give it a name"),
        ("", "relation: is blank: give it a name"),
        ("founded by ", "relation: 'founded by ' begins or ends with a blank: take it out"),
        ("</script><script>", "relation: '</script><script>' holds '<' or '>', which pages take for markup: use other"),
        ("Owns", "label 'Owns' differs from 'owns' (line 1) in case or blanks alone: rename one"),
        ("ow ns", "label 'ow ns' differs from 'owns' (line 1) in case or blanks alone: rename one"),
    ],
)
def test_a_label_that_cannot_be_shown_or_told_from_another_is_an_error_with_its_line(tmp_path, name, says):
    [problem] = problems(own(tmp_path, relations=labelled(name)))
    assert problem.startswith(f"relations.jsonl:2: {says}")


@pytest.mark.parametrize("name", ["org:founded_by", "Cause-Effect(e1,e2)", "gehört zu", "part-of", "né & mort"])
def test_labels_as_datasets_have_them_are_good(tmp_path, name):
    assert train(own(tmp_path, relations=labelled(name), train=[TAGGED], validation=[TAGGED], test=[TAGGED]))


@pytest.mark.parametrize("field", ["head_type", "tail_type", "definition"])
def test_a_control_character_in_what_is_said_of_a_relation_is_an_error_with_its_line(tmp_path, field):
    relations = [*RELATIONS[:1], RELATIONS[1] | {field: "BO\x07AT"}]
    assert problems(own(tmp_path, relations=relations)) == [
        f"relations.jsonl:2: {field}: holds the control character U+0007: take it out"
    ]


def test_a_control_character_in_an_id_is_an_error_with_its_line(tmp_path):
    [problem] = problems(own(tmp_path, train=[{"id": "a", **TYPED}, {"id": "b\x1b[2J", **TYPED}]))
    assert problem == r"train.jsonl:2: the id 'b\x1b[2J' holds a control character: take it out"


def test_a_key_that_stands_twice_in_a_line_is_an_error_with_its_line(tmp_path):
    path = own(tmp_path)
    line = json.dumps(TYPED)
    (path / "train.jsonl").write_text(f'{line}\n{line[:-1]}, "text": "another"}}\n', encoding="utf-8")
    assert problems(path) == ["train.jsonl:2: not JSON (the key 'text' stands twice): each line is one object"]
