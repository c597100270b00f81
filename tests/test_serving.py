"""An extractor as an MLflow model: loaded and served where there is no checkout."""

import ast
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import mlflow
import pandas
import pytest
import requests
import yaml

from relseed import cli
from relseed.classifier.serving import write_mlflow_model
from relseed.pipeline.named import names
from relseed.tasks.task import load_task
from tests.boats import SCHEMA, SEEDS
from tests.conftest import ENVIRONMENT, run
from tests.extractors import DECISION, deciding, saved, untrained
from tests.graph import ROOT

SENTENCES = [
    {"text": "<e1>Ada Lindqvist</e1> grew up in <e2>Skagen</e2>.", "head_type": "PERSON", "tail_type": "LOCATION"},
    {"text": "In <e2>Ulm</e2> they still talk of <e1>Bo</e1>."},
]
QUESTIONS = [{"question": "Is water wet?", "passage": "Water is a liquid."}, {"question": "Is fire cold?"}]
# `-I` leaves out the working directory and PYTHONPATH; what the installation of the checkout adds goes here.
LOAD = """
import json, sys
from importlib.util import find_spec
from pathlib import Path

model, checkout, rows, params = sys.argv[1:]
sys.path[:] = [entry for entry in sys.path if Path(entry) != Path(checkout)]
sys.meta_path[:] = [finder for finder in sys.meta_path if "editable" not in getattr(finder, "__module__", "")]
assert find_spec("relseed") is None, "there is a relseed beside that of the model"

import mlflow, pandas

found = mlflow.pyfunc.load_model(model).predict(pandas.DataFrame(json.loads(rows)), params=json.loads(params))
files = [module.__file__ for name, module in sys.modules.items() if name.partition(".")[0] == "relseed"]
print(json.dumps({"files": files, "rows": found.to_dict(orient="records")}))
"""


@pytest.fixture(scope="module")
def gold(built, tmp_path_factory) -> Path:
    """The extractors of a system, away from the checkout that built them."""
    return Path(shutil.copytree(built / "models/extractor/gold", tmp_path_factory.mktemp("away") / "gold"))


@pytest.fixture(scope="module")
def yes_no(tiny_encoder, tmp_path_factory) -> Path:
    """The extractor of another task and head."""
    folder = tmp_path_factory.mktemp("away") / "yes_no"
    saved(untrained(tiny_encoder, "first_token"), folder / "seed-1")
    write_mlflow_model(folder, load_task("yes_no"), "first_token", "softmax")
    return folder


@pytest.fixture(scope="module")
def boats(tiny_encoder, tmp_path_factory) -> Path:
    """An extractor that knows a negative label, under another loss."""
    folder = tmp_path_factory.mktemp("away") / "boats"
    extractor = untrained(tiny_encoder, "typed_marker", load_task("relation"), SCHEMA, SEEDS, "factored")
    saved(
        deciding(extractor, **DECISION | {"bias": -9.0, "least_similarity": -1.0, "threshold": 0.3}), folder / "seed-1"
    )
    write_mlflow_model(folder, load_task("relation"), "typed_marker", "factored")
    return folder


def predicted(folder: Path, rows: list[dict], tmp_path: Path, **expected: float) -> list[dict]:
    """What `relseed predict` says of the same rows."""
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    cli.predict(extractor=folder, input=source, output=target, **expected)
    return [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]


def assert_same(found: list[dict], expected: list[dict]) -> None:
    assert [row["predicted"] for row in found] == [row["predicted"] for row in expected]
    for row, other in zip(found, expected, strict=True):
        assert row["probabilities"] == pytest.approx(other["probabilities"], abs=1e-5)
        assert row["probability"] == row["probabilities"][row["predicted"]]
        assert row["best"] == other["best"]["label"]
        assert row["best_probability"] == pytest.approx(other["best"]["probability"], abs=1e-5)
        assert row["unlike"] == "; ".join(other.get("unlike", []))


@pytest.mark.parametrize(
    ("model", "rows", "params"),
    [("gold", SENTENCES, {}), ("boats", SENTENCES, {"threshold": 0.0, "negatives": 0.4}), ("yes_no", QUESTIONS, {})],
)
def test_without_a_checkout_mlflow_loads_the_model_and_labels_as_predict_does(request, tmp_path, model, rows, params):
    folder = request.getfixturevalue(model)
    command = (sys.executable, "-I", "-c", LOAD, str(folder), str(ROOT), json.dumps(rows), json.dumps(params))
    found = json.loads(run(tmp_path, *command).stdout.splitlines()[-1])
    assert_same(found["rows"], predicted(folder, rows, tmp_path, **params))
    assert all(Path(file).is_relative_to(folder / "code") for file in found["files"])


@pytest.fixture
def model(boats, monkeypatch) -> mlflow.pyfunc.PyFuncModel:
    """The model of boats, loaded."""
    monkeypatch.setattr(sys, "path", [*sys.path])  # MLflow puts the model's code there
    return mlflow.pyfunc.load_model(boats)


def test_the_model_takes_a_threshold_and_a_share_of_negatives_as_params_and_else_those_of_the_checkpoint(model):
    table = pandas.DataFrame(SENTENCES)
    own, sure, negative = (
        model.predict(table, params=params) for params in (None, {"threshold": 0.9999}, {"negatives": 0.999999})
    )
    assert "no_relation" not in set(own["predicted"])
    assert set(sure["predicted"]) == {"no_relation"}
    assert list(sure["best"]) == list(own["best"]) == list(own["predicted"])
    assert sure["probabilities"].tolist() == own["probabilities"].tolist()
    assert (negative["best_probability"] < own["best_probability"]).all()


def test_a_row_that_is_like_nothing_in_training_says_why(model):
    found = model.predict(pandas.DataFrame([SENTENCES[0] | {"head_type": "PERSON", "tail_type": "PERSON"}]))
    assert found["unlike"].tolist() == ["no relation has the types PERSON -> PERSON"]


@contextmanager
def served(folder: Path, log: Path) -> Iterator[str]:
    """The address of `mlflow models serve` on a free port; it ends with the block."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ["--env-manager", "local", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command = [sys.executable, "-m", "mlflow", "models", "serve", "--model-uri", str(folder), *options]
    with log.open("w", encoding="utf-8") as output:
        server = subprocess.Popen(
            command, cwd=log.parent, env=ENVIRONMENT, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_for(server, f"http://127.0.0.1:{port}/ping", log)
        yield f"http://127.0.0.1:{port}/invocations"
    finally:
        os.killpg(server.pid, signal.SIGKILL)  # its workers, too
        server.wait()


def wait_for(server: subprocess.Popen, address: str, log: Path) -> None:
    deadline = time.monotonic() + 120
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if requests.get(address, timeout=5).ok:
                return
        except requests.ConnectionError:
            time.sleep(0.1)
    raise AssertionError(f"the server does not answer:\n{log.read_text(encoding='utf-8')}")


def test_mlflow_serves_the_model_over_http_and_says_what_is_wrong_with_a_request(gold, tmp_path):
    with served(gold, tmp_path / "server.log") as address:
        answer = requests.post(address, json={"dataframe_records": SENTENCES}, timeout=60)
        given = {"dataframe_records": SENTENCES, "params": {"threshold": 1.1}}
        unsure = requests.post(address, json=given, timeout=60)
        untagged = requests.post(address, json={"dataframe_records": [{"text": "Ada grew up."}]}, timeout=60)
        textless = requests.post(address, json={"dataframe_records": [{"head_type": "PERSON"}]}, timeout=60)
    assert_same(answer.json()["predictions"], predicted(gold, SENTENCES, tmp_path))
    assert [row["predicted"] for row in unsure.json()["predictions"]] == ["no_relation"] * 2
    assert (untagged.status_code, textless.status_code) == (400, 400)
    assert "no <e1>" in untagged.text
    assert "text" in textless.text


def test_the_files_for_mlflow_are_the_same_bytes_whenever_they_are_written(tmp_path):
    for folder in ("first", "second"):
        write_mlflow_model(tmp_path / folder, load_task("relation"), "genpt", "factored")
    first, second = (contents(tmp_path / folder) for folder in ("first", "second"))
    assert first == second


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("task", names("relseed.tasks"))
def test_the_signature_has_the_columns_of_the_task_and_which_of_them_may_be_left_out(tmp_path, task):
    write_mlflow_model(tmp_path, load_task(task), "first_token", "softmax")
    written = yaml.safe_load((tmp_path / "MLmodel").read_text(encoding="utf-8"))
    columns = {column["name"]: column["required"] for column in json.loads(written["signature"]["inputs"])}
    assert columns == load_task(task).columns


def test_requirements_are_versions_that_registries_have(tmp_path):
    write_mlflow_model(tmp_path, load_task("relation"), "typed_marker", "softmax")
    lines = (tmp_path / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert {line.partition("==")[0] for line in lines} >= {"mlflow", "torch", "transformers"}
    assert not [line for line in lines if "+" in line]


@pytest.mark.parametrize("task", names("relseed.tasks"))
@pytest.mark.parametrize("head", names("relseed.classifier.heads"))
@pytest.mark.parametrize("loss", names("relseed.classifier.losses"))
def test_the_code_beside_the_weights_is_whole_for_every_head_loss_and_task(tmp_path, head, loss, task):
    write_mlflow_model(tmp_path, load_task(task), head, loss)
    own = {f"classifier/heads/{head}.py", f"classifier/losses/{loss}.py", f"tasks/{task}/__init__.py"}
    roots = {"classifier/serving.py", *own}
    assert [file for file in reached(roots) if not (tmp_path / "code/relseed" / file).is_file()] == []


def reached(files: set[str]) -> list[str]:
    """Files of the library and all others that importing them imports."""
    known = list(files)
    for file in known:
        known += [name for name in imported(ROOT / "relseed" / file) if name not in known]
    return known


def imported(file: Path) -> list[str]:
    """The files of the library that a file imports when it is imported itself: no function has run."""
    nodes = [node for node in ast.parse(file.read_text(encoding="utf-8")).body if isinstance(node, ast.ImportFrom)]
    modules = [
        name for node in nodes for name in (node.module, *(f"{node.module}.{alias.name}" for alias in node.names))
    ]
    paths = [Path(*module.split(".")) for module in modules if module.startswith("relseed")]
    found = [ROOT / each for path in paths for each in (path.with_suffix(".py"), path / "__init__.py")]
    return [path.relative_to(ROOT / "relseed").as_posix() for path in found if path.is_file()]
