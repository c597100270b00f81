"""The ingest stage: one format out of all, whole or not at all."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from relseed.pipeline.errors import UserError
from stages import ingest

ROOT = Path(__file__).parents[1]
GAZETTE = ROOT / "data/gazette"
FILES = ["card.json", "relations.jsonl", "test.jsonl", "train.jsonl", "validation.jsonl"]


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder; tracking is tested elsewhere."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    configure("folder")
    return tmp_path


def configure(form: str, domain: str | None = None) -> None:
    params = {"ingest": {"format": form, "path": "source", "domain": domain}}
    Path("params.yaml").write_text(yaml.safe_dump(params))


def snapshot(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_gazette_comes_out_byte_for_byte(place: Path) -> None:
    ingest.main(GAZETTE, place / "out")
    written = snapshot(place / "out")
    assert sorted(written) == FILES
    for name in FILES[1:]:
        assert written[name] == (GAZETTE / name).read_bytes()


def test_the_card_is_written_and_printed(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ingest.main(GAZETTE, place / "out")
    card = json.loads((place / "out/card.json").read_text())
    assert card["name"] == "Gazette"
    assert card["splits"]["test"]["examples"] == 570
    assert card["labels"]["no_relation"] == {"train": 70, "validation": 34, "test": 120}
    printed = capsys.readouterr().out
    assert "Gazette · licence: CC BY 4.0" in printed
    assert ["no_relation", "70", "34", "120"] in [line.split() for line in printed.splitlines()]


def test_two_runs_write_the_same_bytes(place: Path) -> None:
    ingest.main(GAZETTE, place / "one")
    ingest.main(GAZETTE, place / "two")
    assert snapshot(place / "one") == snapshot(place / "two")


def test_what_was_ingested_can_be_ingested_again(place: Path) -> None:
    ingest.main(GAZETTE, place / "out")
    before = snapshot(place / "out")
    ingest.main(place / "out", place / "again")
    assert {**snapshot(place / "again"), "card.json": b""} == {**before, "card.json": b""}


def broken(place: Path) -> Path:
    """Gazette with its last test line cut off: the error comes after three good files."""
    source = place / "source"
    source.mkdir()
    for name in FILES[1:]:
        (source / name).write_bytes((GAZETTE / name).read_bytes())
    (source / "test.jsonl").write_bytes((GAZETTE / "test.jsonl").read_bytes()[:-40] + b"\n")
    return source


def test_a_failed_ingest_leaves_no_file_behind(place: Path) -> None:
    source = broken(place)
    with pytest.raises(UserError, match=r"test\.jsonl:570: not JSON"):
        ingest.main(source, place / "out")
    assert sorted(path.name for path in place.iterdir()) == ["params.yaml", "source"]


def test_a_failed_ingest_keeps_the_previous_output(place: Path) -> None:
    ingest.main(GAZETTE, place / "out")
    before = snapshot(place / "out")
    with pytest.raises(UserError):
        ingest.main(broken(place), place / "out")
    assert snapshot(place / "out") == before


def test_a_failure_while_writing_leaves_no_file_behind(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr(ingest, "card", full)
    with pytest.raises(OSError, match="no space"):
        ingest.main(GAZETTE, place / "out")
    assert [path.name for path in place.iterdir()] == ["params.yaml"]


def test_an_output_folder_with_other_files_is_not_replaced(place: Path) -> None:
    source = broken(place)
    with pytest.raises(UserError, match="holds files that ingest did not write"):
        ingest.main(GAZETTE, source)
    assert (source / "relations.jsonl").exists()


def test_an_output_folder_that_dvc_has_emptied_is_filled_again(place: Path) -> None:
    (place / "out").mkdir()
    (place / "out/.gitignore").write_text("/card.json\n")
    ingest.main(GAZETTE, place / "out")
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
    configure(form, "ai" if form == "crossre" else None)
    with pytest.raises(UserError, match="file not found") as caught:
        ingest.main(place / "nowhere", place / "out")
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("form", "domain", "says"),
    [
        ("crossre", None, "crossre is read one domain at a time"),
        ("crossre", "sailing", "ingest.domain: Input should be 'ai', 'literature'"),
        ("semeval", "ai", "only crossre has domains"),
        ("wiki80", None, "ingest.format: Input should be 'folder', 'semeval'"),
    ],
)
def test_unfit_parameters_are_refused(place: Path, form: str, domain: str | None, says: str) -> None:
    configure(form, domain)
    with pytest.raises(UserError) as caught:
        ingest.main(GAZETTE, place / "out")
    assert says in str(caught.value)


def test_a_domain_that_is_left_out_is_missed_by_crossre(place: Path) -> None:
    Path("params.yaml").write_text("ingest: {format: crossre, path: source}\n")
    with pytest.raises(UserError, match="crossre is read one domain at a time"):
        ingest.main(GAZETTE, place / "out")


def test_the_command_ends_with_one_line_and_status_1_where_the_data_are_wrong(place: Path) -> None:
    broken(place)
    command = [sys.executable, "-m", "stages.ingest", "source", "out"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, check=False
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: source/test.jsonl:570: not JSON")
    assert len(done.stderr.splitlines()) == 1
