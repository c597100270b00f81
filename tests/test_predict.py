"""Labelling items with a trained extractor, from the command line, from files, and without the project."""

import json
import re
import shutil
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from relseed import cli
from relseed.classifier import predict
from relseed.classifier.labelling import open_extractor
from relseed.pipeline.errors import UserError
from tests.conftest import run
from tests.extractors import saved, untrained

TAGGED = "<e1>Ada Lindqvist</e1> grew up in <e2>Skagen</e2>."
TYPES = {"head_type": "PERSON", "tail_type": "LOCATION"}
FOLDER = Path("models/extractor/gold/seed-1")


@pytest.fixture(autouse=True)
def _in_the_built_checkout(built, monkeypatch):
    monkeypatch.chdir(built)


def predicted(tmp_path: Path, *rows: dict, **options) -> list[dict]:
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    cli.predict(input=source, output=target, **options)
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


def test_a_sentence_from_the_command_line_gets_a_probability_for_every_label(capsys):
    cli.predict([TAGGED], **TYPES)
    shown = capsys.readouterr().out.splitlines()
    probabilities = {line.split()[1]: float(line.split()[0]) for line in shown[1:]}
    assert shown[0].startswith(tuple(f"{label}  Ada Lindqvist -> Skagen" for label in probabilities))
    assert len(probabilities) == 16
    assert sum(probabilities.values()) == pytest.approx(1, abs=0.01)


def test_lines_come_back_in_their_order_with_all_that_they_held(tmp_path):
    offsets = {"text": "Bo runs Orrefors.", "head": {"start": 0, "end": 2}, "tail": {"start": 8, "end": 16}}
    first, second = predicted(tmp_path, {"id": "a", "text": TAGGED, "page": 7}, offsets)
    assert (first["id"], first["page"], first["text"]) == ("a", 7, "Ada Lindqvist grew up in Skagen.")
    assert first["head"] == {"start": 0, "end": 13}
    assert second["tail"] == offsets["tail"]
    for row in (first, second):
        assert row["predicted"] in (row["best"]["label"], "no_relation")
        assert row["best"]["probability"] == row["probabilities"][row["best"]["label"]]


def test_below_the_threshold_the_command_answers_with_the_negative_label_and_says_what_it_did_not_assert(capsys):
    cli.predict([TAGGED], **TYPES, threshold=0.0)
    cli.predict([TAGGED], **TYPES, threshold=1.1)
    asserted, refused = [line for line in capsys.readouterr().out.splitlines() if "->" in line]
    found = re.fullmatch(r"no_relation  Ada Lindqvist -> Skagen  \(not asserted: (\w+), 0\.\d{3}\)", refused)
    assert asserted.split()[0] in (found[1], "no_relation")


def test_the_share_of_negatives_that_is_expected_changes_the_probabilities(tmp_path):
    own, many = (predicted(tmp_path, {"text": TAGGED}, **TYPES, negatives=share)[0] for share in (None, 0.999))
    assert many["probabilities"]["no_relation"] > own["probabilities"]["no_relation"]
    assert many["best"]["label"] == own["best"]["label"]
    assert many["best"]["probability"] < own["best"]["probability"]


def test_a_sentence_that_is_like_nothing_in_training_is_marked(tmp_path, capsys):
    types = {"head_type": "LOCATION", "tail_type": "PRODUCT"}
    note = "no relation has the types LOCATION -> PRODUCT"
    [row] = predicted(tmp_path, {"text": TAGGED}, **types)
    assert note in row["unlike"]
    cli.predict([TAGGED], **types)
    assert f"\n  unlike training: {note}\n" in capsys.readouterr().out


def test_a_sentence_is_labelled_the_same_alone_and_among_others(tmp_path):
    row = {"text": TAGGED}
    [alone] = predicted(tmp_path, row, **TYPES)
    among = predicted(tmp_path, {"text": "<e1>A</e1> b <e2>C</e2> " + "d " * 60}, row, row, **TYPES)
    assert among[1]["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-5)


def test_sentences_without_types_are_labelled_with_a_note_where_training_had_types(tmp_path, capsys):
    [row] = predicted(tmp_path, {"text": TAGGED})
    [typed] = predicted(tmp_path, {"text": TAGGED}, **TYPES)
    notes = [line for line in capsys.readouterr().err.splitlines() if line.startswith("note:")]
    assert notes == [
        "note: training had entity types, but 1 of 1 have a mention without an entity type: its markers are bare"
    ]
    assert sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-4)
    assert row["probabilities"] != typed["probabilities"]


@pytest.mark.parametrize(
    ("sentence", "message"),
    [
        ("<e1>Ada</e1> grew up.", "no <e2>"),
        ("<e1>Ada</e1> <e1>grew</e1> <e2>up</e2>", "<e1> occurs 2 times"),
        ("<e1> Ada</e1> <e2>up</e2>", "begins or ends with a blank"),
    ],
)
def test_a_badly_tagged_sentence_is_an_error_that_says_what_is_wrong(sentence, message):
    with pytest.raises(UserError, match=message):
        cli.predict([sentence])


@pytest.mark.parametrize(
    ("sentences", "files"),
    [
        (None, {}),
        ([TAGGED], {"input": Path("in.jsonl"), "output": Path("out.jsonl")}),
        (None, {"input": Path("in.jsonl")}),
    ],
    ids=["neither", "both", "no output"],
)
def test_either_sentences_or_two_files_are_given(sentences, files):
    with pytest.raises(UserError, match=r"give sentences, or --input and --output: see `relseed predict --help`"):
        cli.predict(sentences, **files)


def test_a_type_on_the_command_line_is_that_of_every_line(tmp_path):
    given = {
        "text": "Bo runs Orrefors.",
        "head": {"start": 0, "end": 2},
        "tail": {"start": 8, "end": 16, "type": "CITY"},
    }
    both = predicted(tmp_path, given, {"text": TAGGED}, **TYPES)
    assert [(row["head"]["type"], row["tail"]["type"]) for row in both] == [("PERSON", "LOCATION")] * 2


def test_a_file_is_read_labelled_and_written_a_chunk_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "CHUNK", 4)
    read, written, at_labelling = count(monkeypatch, "read_json_lines"), count(monkeypatch, "label"), []
    counted = predict.label

    def watched(*given, **expected):
        at_labelling.append((len(read), len(written)))
        return counted(*given, **expected)

    monkeypatch.setattr(predict, "label", watched)
    predicted(tmp_path, *[{"text": TAGGED}] * 10)
    assert at_labelling == [(4, 0), (8, 4), (10, 8)]


def count(monkeypatch: pytest.MonkeyPatch, name: str) -> list[None]:
    """A list that grows by an entry whenever this iterator of the module yields."""
    yielded, iterate = [], getattr(predict, name)

    def counting(*given, **expected):
        for item in iterate(*given, **expected):
            yielded.append(None)
            yield item

    monkeypatch.setattr(predict, name, counting)
    return yielded


def test_memory_does_not_grow_with_the_file(tmp_path, monkeypatch):
    monkeypatch.setattr(predict, "CHUNK", 16)
    extractor, source = open_extractor(FOLDER), tmp_path / "in.jsonl"
    row = json.dumps({"text": TAGGED, "page": "x" * 10_000})  # comes back as it was: what is held is 10 kB a line
    peaks = []
    for lines in (64, 64, 256):  # the first for what is made once
        source.write_text(f"{row}\n" * lines, encoding="utf-8")
        peaks.append(peak(lambda: predict.label_file(extractor, source, tmp_path / "out.jsonl", {})))
    assert peaks[2] < peaks[1] + 16 * 10_000


def peak(work: Callable[[], None]) -> int:
    """The most bytes of Python objects that there are at once while this works."""
    tracemalloc.start()
    try:
        work()
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def test_a_bad_line_of_a_file_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match=r"in\.jsonl:2: no <e1>"):
        predicted(tmp_path, {"text": TAGGED}, {"text": "no marks"})
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("content", ["", "\n\n"], ids=["empty", "blank lines"])
def test_a_file_without_a_line_to_label_is_an_error(tmp_path, content):
    (tmp_path / "in.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"in\.jsonl: holds no line to label"):
        cli.predict(input=tmp_path / "in.jsonl", output=tmp_path / "out.jsonl")


def test_a_folder_beside_extractors_is_an_error_that_names_them():
    beside = FOLDER.with_name("seed-7")
    with pytest.raises(
        UserError, match=f"{beside} holds no extractor: there is {FOLDER}, models/extractor/gold/seed-2"
    ):
        cli.predict([TAGGED], extractor=beside)


@pytest.mark.parametrize("best", ["seed-1", "seed-2"])
def test_of_several_extractors_in_a_folder_the_best_on_validation_labels_and_is_named(tmp_path, capsys, best):
    folder = Path(shutil.copytree(FOLDER.parents[1], tmp_path / "extractors"))
    for path in folder.rglob("history.json"):
        scores = [0.9, 0.1] if path.parent.name == best else [0.4, 0.5]
        points = [{"micro_f1": score, "kept": score == max(scores)} for score in scores]
        path.write_text(json.dumps(points), encoding="utf-8")
    cli.predict([TAGGED], extractor=folder, **TYPES)
    chosen = capsys.readouterr()
    assert chosen.err == f"extractor: {folder}/gold/{best}, of those below {folder}\n"
    cli.predict([TAGGED], extractor=folder / "gold" / best, **TYPES)
    assert capsys.readouterr() == (chosen.out, "")


@pytest.mark.parametrize("missing", ["head", "learnt"])
def test_an_extractor_that_lacks_weights_is_an_error(tmp_path, missing):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "extractor"))
    (folder / f"{missing}.safetensors").unlink()
    with pytest.raises(UserError, match="holds no complete extractor of this version"):
        cli.predict([TAGGED], extractor=folder)


@pytest.mark.parametrize("missing", ["model.safetensors", "labels.jsonl", "tokenizer.json"])
def test_an_extractor_that_lacks_a_file_is_an_error(tmp_path, missing):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "extractor"))
    (folder / missing).unlink()
    with pytest.raises(UserError):
        cli.predict([TAGGED], extractor=folder)


@pytest.fixture(scope="module")
def questions(tmp_path_factory, tiny_encoder) -> Path:
    """The extractor of another task."""
    return saved(untrained(tiny_encoder, "first_token"), tmp_path_factory.mktemp("questions") / "extractor")


def test_items_of_another_task_are_given_as_its_texts(questions, capsys):
    cli.predict(["Is water wet?"], extractor=questions)
    assert re.fullmatch(r"(true|false)  Is water wet\?\n(  0\.\d{3}  (true|false)\n){2}", capsys.readouterr().out)


def test_a_field_that_items_of_a_task_do_not_have_is_an_error_that_names_those_that_they_have(questions):
    with pytest.raises(UserError, match="items of the task yes_no have no head_type: they have question, passage"):
        cli.predict(["Is water wet?"], extractor=questions, head_type="PERSON")


def test_a_line_that_is_no_item_of_the_task_is_named(tmp_path, questions):
    with pytest.raises(UserError, match=r"in\.jsonl:2: question: Field required"):
        predicted(tmp_path, {"question": "Is water wet?"}, {"text": "Is it?"}, extractor=questions)


def test_an_extractor_of_an_earlier_version_is_an_error_with_the_cure(tmp_path):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "extractor"))
    config = json.loads((folder / "extractor.json").read_text(encoding="utf-8"))
    del config["precision"]
    (folder / "extractor.json").write_text(json.dumps(config), encoding="utf-8")
    with pytest.raises(UserError, match=r"no complete extractor of this version .*'precision'.*: build it again"):
        cli.predict([TAGGED], extractor=folder)


def test_an_error_on_the_command_line_is_one_line_and_exit_status_1(built, warm):
    done = run(
        built, "python", "-m", "relseed.cli", "predict", "--extractor", "models/none", TAGGED, check=False, **warm
    )
    assert done.returncode == 1
    assert done.stderr.startswith("error: models/none holds no extractor: build one with `dvc repro")
    assert "Traceback" not in done.stderr


def test_the_code_of_the_model_card_needs_no_project_and_agrees_with_predict(tmp_path, monkeypatch):
    code = re.search(r"```python\n(.*?)```", (FOLDER / "README.md").read_text(encoding="utf-8"), re.S)[1]
    folder = Path(shutil.copytree(FOLDER, tmp_path / "extractor"))
    config = json.loads((folder / "extractor.json").read_text(encoding="utf-8")) | {"precision": "fp32"}
    (folder / "extractor.json").write_text(json.dumps(config), encoding="utf-8")  # the card's code knows no bf16
    [row] = predicted(tmp_path, {"text": TAGGED}, extractor=folder, **TYPES)
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(code, names)
    assert "relseed" not in code
    assert torch.allclose(names["probabilities"], torch.tensor(list(row["probabilities"].values())), atol=1e-5)


def test_weights_are_safetensors_and_nothing_is_pickled():
    files = {path.suffix for path in FOLDER.rglob("*") if path.is_file()}
    assert files == {".safetensors", ".json", ".jsonl", ".md"}
