"""Outputs of stages are whole or absent, and what a killed process left is removed."""

import os
import subprocess
import sys

import pytest

from relseed.pipeline.outputs import output_file, output_folder, scratch


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
    with pytest.raises(RuntimeError), output_folder(tmp_path / "out") as partial:
        (partial / "half").touch()
        raise RuntimeError
    assert [path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*")] == ["out", "out/earlier"]


def test_what_a_killed_process_left_beside_is_removed_and_what_a_living_one_writes_is_not(tmp_path):
    killed = subprocess.Popen([sys.executable, "-c", ""])
    killed.wait()
    living = os.getppid()
    for process in (killed.pid, living):
        (tmp_path / f".out.{process}.partial").mkdir()
        (tmp_path / f".out.{process}.partial/half").touch()
    with output_folder(tmp_path / "out"):
        pass
    assert {path.name for path in tmp_path.iterdir()} == {"out", f".out.{living}.partial"}


def test_a_whole_folder_replaces_the_earlier_one(tmp_path):
    for name in ("first", "second"):
        with output_folder(tmp_path / "out") as partial:
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
