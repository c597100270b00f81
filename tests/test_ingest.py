"""The ingest stage: one format out of all, whole or not at all."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from relseed.pipeline.errors import UserError
from relseed.tasks.relation import TASK
from relseed.tasks.task import load_task, read_examples, read_schema
from relseed.tuples.pairs import digests_of
from stages import ingest
from tests.graph import ROOT

GAZETTE, PRIMER = ROOT / "data/gazette", ROOT / "data/primer"
SPLITS = ["test.jsonl", "train.jsonl", "validation.jsonl"]
FILES = sorted(["card.json", "labels.jsonl", *SPLITS, "test_pairs.txt", "wire.jsonl"])


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; tracking is tested elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    return tmp_path


def run(path: Path, output: Path, form: str = "folder", *, domain: str | None = None, task: str = "relation") -> None:
    """Run the stage on a dataset that was published at `path`."""
    params = {"task": task, "ingest": {"format": form, "path": str(path), "domain": domain}}
    Path("params.yaml").write_text(yaml.safe_dump(params))
    ingest.main(output)


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_gazette_comes_out_byte_for_byte(place: Path) -> None:
    run(GAZETTE, place / "out")
    written = snapshot(place / "out")
    assert sorted(written) == FILES
    assert written["labels.jsonl"] == (GAZETTE / "relations.jsonl").read_bytes()
    for name in (*SPLITS, "wire.jsonl"):
        assert written[name] == (GAZETTE / name).read_bytes()


def test_yes_no_questions_come_out_byte_for_byte_with_both_labels(place: Path) -> None:
    run(PRIMER, place / "out", task="yes_no")
    assert read_schema(place / "out/labels.jsonl", load_task("yes_no")).labels == ("true", "false")
    for name in SPLITS:
        assert (place / "out" / name).read_bytes() == (PRIMER / name).read_bytes()
    assert (place / "out/wire.jsonl").read_bytes() == b""
    assert (place / "out/test_pairs.txt").read_bytes() == b""


def test_of_the_pairs_of_names_in_the_test_set_digests_are_written_alone(place: Path) -> None:
    run(GAZETTE, place / "out")
    schema = read_schema(place / "out/labels.jsonl", TASK)
    written = (place / "out/test_pairs.txt").read_text(encoding="utf-8").splitlines()
    assert written == digests_of(read_examples(place / "out/test.jsonl", TASK, schema))
    assert set(map(len, written)) == {16}


def test_what_was_written_is_read_by_the_stages_after_it(place: Path) -> None:
    run(GAZETTE, place / "out")
    task = load_task("relation")
    schema = read_schema(place / "out/labels.jsonl", task)
    assert [len(read_examples(place / "out" / name, task, schema)) for name in SPLITS] == [570, 670, 184]


def test_the_card_is_written_and_printed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run(GAZETTE, place / "out")
    card = json.loads((place / "out/card.json").read_text())
    assert (card["name"], card["task"]) == ("Gazette", "relation")
    assert card["splits"]["test"]["examples"] == 570
    assert card["labels"]["no_relation"] == {"train": 70, "validation": 34, "test": 120}
    assert card["wire"]["passages"] == 40
    assert card["wire"]["pairs"] > card["wire"]["related"] > 0
    printed = capsys.readouterr().out
    assert "Gazette · licence: CC BY 4.0" in printed
    assert "wire: 40 passages, " in printed
    assert ["no_relation", "70", "34", "120"] in [line.split() for line in printed.splitlines()]


def test_two_runs_write_the_same_bytes(place: Path) -> None:
    run(GAZETTE, place / "first")
    run(GAZETTE, place / "second")
    assert snapshot(place / "first") == snapshot(place / "second")


def edited(place: Path, name: str, *changes: tuple[str, str]) -> Path:
    """Gazette with words of one file replaced."""
    source = Path(shutil.copytree(GAZETTE, place / "source"))
    text = (source / name).read_text(encoding="utf-8")
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (source / name).write_text(text, encoding="utf-8")
    return source


def test_what_would_make_scores_wrong_is_an_error_and_nothing_is_written(place: Path) -> None:
    source = edited(place, "relations.jsonl", ('"negative": true', '"negative": false'))
    (source / "wire.jsonl").unlink()
    with pytest.raises(UserError) as caught:
        run(source, place / "out")
    first, second, *_ = str(caught.value).splitlines()
    assert first == "scores on Gazette would be wrong"
    assert second.startswith("error: 224 examples of no_relation, not declared as the negative label: say")
    assert not (place / "out").exists()


def test_what_is_merely_odd_is_printed_and_counted_on_the_card(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = edited(place, "test.jsonl", ('"relation": "leads"', '"relation": "employed_by"'))
    run(source, place / "out")
    odd = "1 label without an example in test, so that it is not measured: leads"
    assert f"note: {odd}" in capsys.readouterr().out.splitlines()
    assert json.loads((place / "out/card.json").read_text())["findings"] == [odd]


def test_an_error_in_the_passages_is_one_of_the_folder(place: Path) -> None:
    source = edited(place, "wire.jsonl", ('"relation": "parent_of"', '"relation": "aunt_of"'))
    with pytest.raises(UserError, match=r"wire\.jsonl:\d+: aunt_of of mentions \d+ and \d+: unknown label"):
        run(source, place / "out")


def broken(place: Path) -> Path:
    """Gazette with its last test line cut off: the error comes after three good files."""
    source = place / "source"
    source.mkdir()
    for name in ("relations.jsonl", *SPLITS):
        (source / name).write_bytes((GAZETTE / name).read_bytes())
    (source / "test.jsonl").write_bytes((GAZETTE / "test.jsonl").read_bytes()[:-40] + b"\n")
    return source


def test_a_failed_ingest_leaves_no_file_behind(place: Path) -> None:
    source = broken(place)
    with pytest.raises(UserError, match=r"test\.jsonl:570: not JSON"):
        run(source, place / "out")
    assert sorted(path.name for path in place.iterdir()) == ["params.yaml", "source"]


def test_a_failed_ingest_keeps_the_previous_output(place: Path) -> None:
    run(GAZETTE, place / "out")
    before = snapshot(place / "out")
    with pytest.raises(UserError):
        run(broken(place), place / "out")
    assert snapshot(place / "out") == before


def test_a_failure_while_writing_leaves_no_file_behind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(ingest, "card", full)
    with pytest.raises(OSError, match="no space"):
        run(GAZETTE, place / "out")
    assert [path.name for path in place.iterdir()] == ["params.yaml"]


def test_an_output_folder_with_other_files_is_not_replaced(place: Path) -> None:
    source = broken(place)
    with pytest.raises(UserError, match="holds files that this stage did not write"):
        run(GAZETTE, source)
    assert (source / "relations.jsonl").exists()


def test_an_output_folder_that_dvc_has_emptied_is_filled_again(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out/.gitignore").write_text("/card.json\n")
    run(GAZETTE, place / "out")
    assert sorted(snapshot(place / "out")) == FILES


@pytest.mark.parametrize(
    ("form", "says"),
    [
        ("folder", "own data is a folder"),
        ("semeval", "relseed fetch semeval"),
        ("tacred", "LDC2018T24"),
        ("tacrev", "DFKI-NLP/tacrev"),
        ("retacred", "gstoica27/Re-TACRED"),
        ("crossre", "mainlp/CrossRE"),
    ],
)
def test_each_format_reads_with_its_own_reader(place: Path, form: str, says: str) -> None:
    with pytest.raises(UserError, match="file not found") as caught:
        run(place / "nowhere", place / "out", form, domain="ai" if form == "crossre" else None)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("form", "domain", "says"),
    [
        ("crossre", None, "crossre, and it alone, has domains: ai, literature"),
        ("crossre", "sailing", "CrossRE has no domain 'sailing': it has ai, literature, music, news, politics, scie"),
        ("semeval", "ai", "crossre, and it alone, has domains"),
        ("wiki80", None, "no format of datasets 'wiki80': there are boolq, commonsenseqa, creak, crossre, "),
        ("card", None, "no format of datasets 'card': there are boolq, comm"),
    ],
)
def test_parameters_that_do_not_fit_are_errors(place: Path, form: str, domain: str | None, says: str) -> None:
    with pytest.raises(UserError) as caught:
        run(GAZETTE, place / "out", form, domain=domain)
    assert says in str(caught.value)


def test_a_domain_that_is_left_out_is_missed_by_crossre(place: Path) -> None:
    Path("params.yaml").write_text("{task: relation, ingest: {format: crossre, path: source}}\n")
    with pytest.raises(UserError, match="crossre, and it alone, has domains"):
        ingest.main(place / "out")


def test_a_format_of_another_task_is_an_error_that_names_both(place: Path) -> None:
    sentence = {"doc_key": "x", "sentence": ["Ada", "sang"], "ner": [[0, 0, "person"], [1, 1, "misc"]], "relations": []}
    for split in ("train", "dev", "test"):
        (place / f"ai-{split}.json").write_text(json.dumps(sentence))
    with pytest.raises(UserError, match=r"CrossRE \(ai\) is a dataset of the task relation: set `task` to that"):
        run(place, place / "out", "crossre", domain="ai", task="yes_no")
    assert not (place / "out").exists()


def test_the_command_ends_with_one_line_and_status_1_where_the_data_are_wrong(place: Path) -> None:
    with pytest.raises(UserError):
        run(broken(place), place / "out")
    command = [sys.executable, "-m", "stages.ingest", "--dataset", "out"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: {place}/source/test.jsonl:570: not JSON")
    assert len(done.stderr.splitlines()) == 1
