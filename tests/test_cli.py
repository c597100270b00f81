"""The command `relseed` as a whole: what it offers, and that it starts quickly."""

import sys

from typer.testing import CliRunner

from relseed.cli import app
from tests.conftest import run


def test_without_a_command_it_shows_those_that_there_are():
    shown = CliRunner().invoke(app, [])
    assert all(
        command in shown.output
        for command in ("predict", "extract", "preview", "trace", "fetch", "review", "check", "init")
    )


def test_a_review_is_exported_and_imported():
    shown = CliRunner().invoke(app, ["review", "--help"])
    assert all(command in shown.output for command in ("export", "import"))


def test_what_needs_no_model_does_not_wait_for_the_libraries_of_models(tmp_path):
    heavy = "{'torch', 'transformers', 'mlflow', 'pandas', 'spacy'}"
    run(tmp_path, sys.executable, "-c", f"import sys, relseed.cli; assert not {heavy} & set(sys.modules)")
