"""Outputs of stages are whole or absent, and what a killed process left is removed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file, output_folder, scratch
from tests.graph import ROOT


def test_a_failing_block_leaves_the_earlier_file_and_nothing_beside_it(tmp_path):
    path = tmp_path / "out.txt"
    path.write_text("earlier", encoding="utf-8")
    with pytest.raises(RuntimeError), output_file(path) as partial:
        partial.write_text("half", encoding="utf-8")
        raise RuntimeError
    assert path.read_text(encoding="utf-8") == "earlier"
    assert list(tmp_path.iterdir()) == [path]


def test_a_failing_block_leaves_the_earlier_folder_and_nothing_beside_it(tmp_path):
    with output_folder(tmp_path / "out") as partial:
        (partial / "earlier").touch()
    with pytest.raises(RuntimeError), output_folder(tmp_path / "out", "earlier") as partial:
        (partial / "half").touch()
        raise RuntimeError
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/earlier"]


def test_what_a_killed_process_left_beside_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    living = os.getppid()
    for process in (killed.pid, living):
        left(tmp_path, process)
    with output_folder(tmp_path / "out"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"out", f".out.{living}.partial"}


def left(folder: Path, process: int) -> Path:
    """What a process that was killed while it wrote leaves beside the folder `out`."""
    partial = folder / f".out.{process}.partial"
    partial.mkdir()
    (partial / "half").touch()
    return partial


def test_what_a_killed_process_left_is_removed_by_one_of_the_same_process_id_in_a_new_container(tmp_path):
    left(tmp_path, os.getpid())
    with output_folder(tmp_path / "out") as partial:
        assert list(partial.iterdir()) == []
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_a_killed_process_left_is_removed_where_another_has_its_process_id_by_now(tmp_path, monkeypatch):
    living = left(tmp_path, os.getppid())
    monkeypatch.setattr(psutil.Process, "create_time", lambda _: living.stat().st_ctime + 60)
    with output_folder(tmp_path / "out"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("output", [output_folder, output_file])
def test_what_a_process_on_another_machine_is_writing_is_left_alone(output, tmp_path, monkeypatch):
    with output(tmp_path / "out") as theirs:
        (theirs / "half").touch() if theirs.is_dir() else theirs.write_text("half")
        with pytest.raises(UserError, match=r"another process is writing .*out"), output(tmp_path / "out"):
            pass
        monkeypatch.setattr(os, "getpid", lambda: 1)
        with output(tmp_path / "out") as ours:
            if output is output_file:
                ours.write_text("whole")
        assert theirs.exists()


FOREIGN = r"out holds files that this stage did not write and would replace \(notes\.txt\): name another folder"


def test_a_folder_with_files_that_nobody_wrote_here_is_refused_at_once_and_stays_as_it_is(tmp_path):
    (tmp_path / "out").mkdir()
    for name in ("notes.txt", "seed-1", ".gitignore"):
        (tmp_path / "out" / name).touch()
    with pytest.raises(UserError, match=FOREIGN), output_folder(tmp_path / "out", "seed-*"):
        raise AssertionError("the block must not begin")
    assert {path.name for path in tmp_path.rglob("*")} == {"out", "notes.txt", "seed-1", ".gitignore"}


@pytest.mark.parametrize("make", [Path.touch, lambda path: path.symlink_to(path.parent)])
def test_what_is_no_folder_is_not_replaced_by_one(make, tmp_path):
    make(tmp_path / "out")
    with pytest.raises(UserError, match="out is no folder"), output_folder(tmp_path / "out"):
        pass
    assert os.path.lexists(tmp_path / "out")


def test_every_stage_says_what_it_writes_into_a_folder():
    for path in sorted((ROOT / "stages").glob("*.py")):
        for call in re.findall(r"output_folder\(([^()]*(?:\([^()]*\))?[^()]*)\)", path.read_text(encoding="utf-8")):
            assert "," in call, f"{path.name}: output_folder({call}) would replace whatever is there"


def test_a_whole_folder_replaces_the_earlier_one(tmp_path):
    for name in ("first", "second"):
        with output_folder(tmp_path / "out", "first", "second") as partial:
            (partial / name).touch()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["second"]


def test_a_whole_file_replaces_the_earlier_one_and_its_folder_is_made(tmp_path):
    for content in ("first", "second"):
        with output_file(tmp_path / "new/out.txt") as partial:
            partial.write_text(content, encoding="utf-8")
    assert [path.read_text(encoding="utf-8") for path in (tmp_path / "new").iterdir()] == ["second"]


def test_what_outlives_a_run_lies_in_the_main_checkout_whichever_experiment_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DVC_ROOT", "/main")
    assert scratch().as_posix() == "/main/.scratch"
    monkeypatch.delenv("DVC_ROOT")
    assert scratch().resolve() == tmp_path / ".scratch"
