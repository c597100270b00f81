"""Parameters, outputs, commands and progress: what every stage relies on."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from relseed.pipeline.errors import UserError
from relseed.pipeline.outputs import output_file, output_folder
from relseed.pipeline.params import Section, section
from relseed.pipeline.progress import bar
from tests.graph import ROOT


class Bake(Section):
    rate: float
    rounds: int = 1


def params(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "params.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_number_that_yaml_reads_as_text_is_a_number(tmp_path):
    assert section(Bake, params(tmp_path, "bake:\n  rate: 1e-05\n")).rate == 1e-05


def test_an_unknown_key_is_an_error_that_names_it_and_the_known_ones(tmp_path):
    with pytest.raises(UserError, match=r"bake\.rat: .*'bake' has the keys rate, rounds"):
        section(Bake, params(tmp_path, "bake:\n  rate: 1.0\n  rat: 2\n"))


def test_a_missing_key_is_an_error_that_names_it(tmp_path):
    with pytest.raises(UserError, match=r"params\.yaml: bake\.rate: Field required"):
        section(Bake, params(tmp_path, "bake:\n  rounds: 2\n"))


def test_a_missing_section_or_file_is_an_error_that_says_so(tmp_path):
    with pytest.raises(UserError, match="has no section 'bake'"):
        section(Bake, params(tmp_path, "cook: {}\n"))
    with pytest.raises(UserError, match="run stages from the root"):
        section(Bake, tmp_path / "none.yaml")


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


def test_progress_off_a_terminal_is_lines_that_end_with_the_whole(capfd):
    list(bar(range(3), desc="count", unit="thing"))
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("count: 3/3 thing")
    assert "\r" not in last


def test_a_defect_keeps_its_traceback_and_a_user_error_does_not(tmp_path):
    for error, expected in (("UserError('no salt: add some')", "error: no salt: add some\n"), ("KeyError('x')", None)):
        script = tmp_path / "stage.py"
        script.write_text(
            f"from relseed.pipeline.command import run\nfrom relseed.pipeline.errors import UserError\n"
            f"def main() -> None:\n    raise {error}\nrun(main)\n",
            encoding="utf-8",
        )
        done = subprocess.run(
            [sys.executable, str(script)], capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
        )
        assert done.returncode == 1
        assert done.stderr == expected if expected else "Traceback" in done.stderr
