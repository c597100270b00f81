"""A stage as a command: named options, the entry that DVC names, how it ends, and its progress."""

import errno
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from relseed.pipeline.command import Entry, run
from relseed.pipeline.errors import UserError
from relseed.pipeline.progress import bar
from tests.graph import ROOT


@pytest.fixture
def call(monkeypatch) -> Callable[..., int]:
    """Runs a function as the command of a stage, with these words of a command line; gives the exit status."""
    monkeypatch.delenv("DVC_STAGE", raising=False)

    def call(main: Callable[..., None], *words: str) -> int:
        monkeypatch.setattr(sys, "argv", ["stage", *words])
        with pytest.raises(SystemExit) as end:
            run(main)
        return int(end.value.code or 0)

    return call


@pytest.fixture
def given() -> dict[str, Any]:
    """What `bake` was called with."""
    return {}


@pytest.fixture
def bake(given) -> Callable[..., None]:
    def main(oven: Entry, dough: Path, rounds: int = 1) -> None:
        given.update(oven=oven, dough=dough, rounds=rounds)

    return main


# Options


def test_every_parameter_is_an_option_of_its_name_and_of_its_type(call, bake, given):
    assert call(bake, "--rounds", "3", "--dough", "in/rye", "--oven", "left") == 0
    assert given == {"oven": "left", "dough": Path("in/rye"), "rounds": 3}


def test_an_option_of_two_words_has_a_hyphen(call):
    given = []

    def main(dataset_card: Path) -> None:
        given.append(dataset_card)

    assert call(main, "--dataset-card", "card.json") == 0
    assert given == [Path("card.json")]


def test_a_parameter_with_a_default_may_be_left_out(call, bake, given):
    assert call(bake, "--oven", "left", "--dough", "rye") == 0
    assert given["rounds"] == 1


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--oven", "left"], "Missing option '--dough'"),
        (["--oven", "left", "--dough", "rye", "spelt"], "unexpected extra argument"),
        (["--oven", "left", "--dough", "rye", "--flour", "spelt"], "No such option"),
        (["--oven", "left", "--dough", "rye", "--rounds", "many"], "Invalid value for '--rounds'"),
    ],
    ids=["missing", "without a name", "unknown", "of another type"],
)
def test_an_option_that_is_missing_or_unfit_ends_the_command_before_it_starts(call, bake, given, capsys, words, says):
    assert call(bake, *words) == 2
    assert says in " ".join(capsys.readouterr().err.split())
    assert given == {}


# The entry


@pytest.mark.parametrize(("stage", "entry"), [("bake@left", "left"), ("bake@rye_2.b-c", "rye_2.b-c")])
def test_the_entry_comes_from_the_name_of_the_stage_that_dvc_runs(call, bake, given, monkeypatch, stage, entry):
    monkeypatch.setenv("DVC_STAGE", stage)
    assert call(bake, "--dough", "rye") == 0
    assert given["oven"] == entry


def test_an_entry_that_is_given_counts_more_than_the_stage_that_dvc_runs(call, bake, given, monkeypatch):
    monkeypatch.setenv("DVC_STAGE", "bake@left")
    assert call(bake, "--oven", "right", "--dough", "rye") == 0
    assert given["oven"] == "right"


def test_without_dvc_and_without_the_option_there_is_no_entry_and_the_error_names_both(call, bake, capsys):
    assert call(bake, "--dough", "rye") == 2
    said = capsys.readouterr().err
    assert "--oven" in said
    assert "DVC_STAGE" in said


# How it ends


def test_an_error_of_the_user_is_said_alone_and_the_status_is_1(call, capsys):
    def main() -> None:
        raise UserError("no salt: add some")

    assert call(main) == 1
    assert capsys.readouterr().err == "error: no salt: add some\n"


def test_a_defect_keeps_its_plain_traceback(tmp_path):
    script = tmp_path / "stage.py"
    script.write_text(
        "from relseed.pipeline.command import run\ndef main() -> None:\n    raise KeyError('x')\nrun(main)\n",
        encoding="utf-8",
    )
    done = subprocess.run(
        [sys.executable, str(script)], capture_output=True, text=True, cwd=ROOT, env={"PYTHONPATH": str(ROOT)}
    )
    assert done.returncode == 1
    assert done.stderr.startswith("Traceback (most recent call last):")
    assert done.stderr.endswith("KeyError: 'x'\n")


# Progress


def test_progress_off_a_terminal_is_lines_that_end_with_the_whole(capfd):
    list(bar(range(3), desc="count", unit="thing"))
    last = capfd.readouterr().err.splitlines()[-1]
    assert last.startswith("count: 3/3 thing")
    assert "\r" not in last


@pytest.mark.parametrize(
    ("number", "cure"), [(errno.ENOSPC, "make room on that disk"), (errno.EROFS, "name a place that can be written to")]
)
def test_a_disk_that_takes_no_more_is_a_message_with_a_cure(call, capsys, number, cure):
    def main() -> None:
        raise OSError(number, "it takes no more", "data/candidates/x.jsonl")

    assert call(main) == 1
    assert f"it takes no more: 'data/candidates/x.jsonl': {cure}" in capsys.readouterr().err


def test_no_command_of_the_pipeline_holds_a_parameter_that_a_shell_would_split():
    stages = yaml.safe_load((ROOT / "dvc.yaml").read_text(encoding="utf-8"))["stages"].values()
    commands = [stage.get("do", stage)["cmd"] for stage in stages]
    assert not [command for command in commands if "${" in command]
