"""Labelling sentences with a trained extractor, from the command line, from files, and without the project."""

import json
import re
import shutil
from pathlib import Path

import pytest
import torch

from relseed import cli
from relseed.pipeline.errors import UserError
from tests.conftest import run

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


def test_a_sentence_from_the_command_line_gets_a_probability_for_every_relation(capsys):
    cli.predict([TAGGED], **TYPES)
    shown = capsys.readouterr().out.splitlines()
    probabilities = {line.split()[1]: float(line.split()[0]) for line in shown[1:]}
    assert shown[0].endswith("Ada Lindqvist -> Skagen")
    assert shown[0].split()[0] == max(probabilities, key=probabilities.__getitem__)
    assert len(probabilities) == 16
    assert sum(probabilities.values()) == pytest.approx(1, abs=0.01)


def test_lines_come_back_in_their_order_with_all_that_they_held(tmp_path):
    offsets = {"text": "Bo runs Orrefors.", "head": {"start": 0, "end": 2}, "tail": {"start": 8, "end": 16}}
    first, second = predicted(tmp_path, {"id": "a", "text": TAGGED, "page": 7}, offsets)
    assert (first["id"], first["page"], first["text"]) == ("a", 7, "Ada Lindqvist grew up in Skagen.")
    assert first["head"] == {"start": 0, "end": 13}
    assert second["tail"] == offsets["tail"]
    assert second["predicted"] == max(second["probabilities"], key=second["probabilities"].__getitem__)


def test_a_sentence_is_labelled_the_same_alone_and_among_others(tmp_path):
    row = {"text": TAGGED}
    [alone] = predicted(tmp_path, row, **TYPES)
    among = predicted(tmp_path, {"text": "<e1>A</e1> b <e2>C</e2> " + "d " * 60}, row, row, **TYPES)
    assert among[1]["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-5)


def test_sentences_without_types_are_labelled_with_a_note_where_training_had_types(tmp_path, capsys):
    [row] = predicted(tmp_path, {"text": TAGGED})
    [typed] = predicted(tmp_path, {"text": TAGGED}, **TYPES)
    assert capsys.readouterr().err == "note: sentences without the entity types that training had: 1\n"
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
def test_a_badly_marked_sentence_is_refused_with_the_cure(sentence, message):
    with pytest.raises(UserError, match=message):
        cli.predict([sentence])


def test_a_bad_line_of_a_file_is_named_and_nothing_is_written(tmp_path):
    with pytest.raises(UserError, match=r"in\.jsonl:2: no <e1>"):
        predicted(tmp_path, {"text": TAGGED}, {"text": "no marks"})
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("content", ["", "\n\n"], ids=["empty", "blank lines"])
def test_a_file_without_a_sentence_is_refused(tmp_path, content):
    (tmp_path / "in.jsonl").write_text(content, encoding="utf-8")
    with pytest.raises(UserError, match=r"in\.jsonl: holds no sentence"):
        cli.predict(input=tmp_path / "in.jsonl", output=tmp_path / "out.jsonl")


@pytest.mark.parametrize("name", ["models/extractor/gold", "models/extractor/gold/seed-7"])
def test_a_folder_beside_or_above_the_extractors_is_answered_with_their_names(name):
    with pytest.raises(UserError, match=f"{name} holds no extractor: there is {FOLDER}, models/extractor/gold/seed-2"):
        cli.predict([TAGGED], extractor=Path(name))


@pytest.mark.parametrize("missing", ["head.safetensors", "model.safetensors", "relations.jsonl", "tokenizer.json"])
def test_an_extractor_that_lacks_a_file_is_refused(tmp_path, missing):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "extractor"))
    (folder / missing).unlink()
    with pytest.raises(UserError):
        cli.predict([TAGGED], extractor=folder)


def test_an_extractor_of_an_earlier_version_is_refused_with_the_cure(tmp_path):
    folder = Path(shutil.copytree(FOLDER, tmp_path / "extractor"))
    about = json.loads((folder / "extractor.json").read_text(encoding="utf-8"))
    del about["precision"]
    (folder / "extractor.json").write_text(json.dumps(about), encoding="utf-8")
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
    about = json.loads((folder / "extractor.json").read_text(encoding="utf-8")) | {"precision": "fp32"}
    (folder / "extractor.json").write_text(json.dumps(about), encoding="utf-8")  # the card's code knows no bf16
    [row] = predicted(tmp_path, {"text": TAGGED}, extractor=folder, **TYPES)
    monkeypatch.chdir(folder)
    names: dict = {}
    exec(code, names)
    assert "relseed" not in code
    assert torch.allclose(names["probabilities"], torch.tensor(list(row["probabilities"].values())), atol=1e-5)


def test_weights_are_safetensors_and_nothing_is_pickled():
    files = {path.suffix for path in FOLDER.parent.rglob("*") if path.is_file()}
    assert files == {".safetensors", ".json", ".jsonl", ".md"}
