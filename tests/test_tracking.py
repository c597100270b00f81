"""MLflow as a view of what DVC records: what a run carries, and where it lands."""

import json
import math
import os
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path
from types import ModuleType

import mlflow
import pytest
import yaml
from dvc.repo import Repo
from mlflow.entities import Run as MlflowRun

from relseed.tracking.run import flatten, tracked

REPOSITORY = Path(__file__).parent.parent
MLFLOW_SETTINGS = ("MLFLOW_TRACKING_URI", "MLFLOW_EXPERIMENT_NAME", "DISABLE_MLFLOW_INTEGRATION")
DVC_SETTINGS = ("DVC_STAGE", "DVC_EXP_NAME", "DVC_EXP_BASELINE_REV", "DVC_ROOT")
SETTINGS = MLFLOW_SETTINGS + DVC_SETTINGS
DVC = (sys.executable, "-m", "dvc")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One root with one database for all tests of what a run carries: a new database takes seconds."""
    return tmp_path_factory.mktemp("root")


@pytest.fixture(autouse=True)
def workspace(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty working folder, and an environment that names no store but `root`."""
    for name in SETTINGS:
        monkeypatch.setenv(name, "")  # so that what MLflow itself sets is taken back, too
        monkeypatch.delenv(name)
    monkeypatch.setenv("DVC_ROOT", str(root))
    monkeypatch.chdir(tmp_path)


def environment(**changes: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in SETTINGS}
    return kept | {"PYTHONPATH": str(REPOSITORY)} | changes


def command(*words: str, cwd: Path, **changes: str) -> str:
    done = subprocess.run(words, cwd=cwd, env=environment(**changes), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def git(*words: str, cwd: Path) -> str:
    return command("git", "-c", "user.name=A", "-c", "user.email=a@b.c", *words, cwd=cwd)


def runs(root: Path, where: str = "") -> list[MlflowRun]:
    client = mlflow.MlflowClient(f"sqlite:///{root}/mlflow.db")
    experiment = client.get_experiment_by_name("relseed")
    assert experiment is not None
    return list(client.search_runs([experiment.experiment_id], where))


def the_run(root: Path, stage: str) -> MlflowRun:
    (run,) = runs(root, f"tags.stage = '{stage}'")
    return run


def test_nested_values_are_flattened_with_dots_and_lists_stay_values() -> None:
    assert flatten({"a": {"b": {"c": 1}, "d": [1, {"e": 2}]}, "f": None}) == {
        "a.b.c": 1,
        "a.d": [1, {"e": 2}],
        "f": None,
    }


def test_a_run_names_its_stage_system_and_experiment(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_STAGE", "named@gold")
    monkeypatch.setenv("DVC_EXP_NAME", "lousy-sway")
    monkeypatch.setenv("DVC_EXP_BASELINE_REV", "0123abc")
    with tracked("named", params={}, system="gold"):
        pass
    run = the_run(root, "named")
    assert run.info.run_name == "named@gold"
    assert run.info.status == "FINISHED"
    expected = {
        "stage": "named",
        "system": "gold",
        "dvc.stage": "named@gold",
        "dvc.exp.name": "lousy-sway",
        "dvc.exp.baseline": "0123abc",
    }
    assert expected.items() <= run.data.tags.items()


def test_a_run_outside_experiments_belongs_to_the_workspace(root: Path) -> None:
    with tracked("outside", params={}):
        pass
    run = the_run(root, "outside")
    assert run.info.run_name == "outside"
    assert run.data.tags["dvc.exp.name"] == "workspace"
    assert "dvc.exp.baseline" not in run.data.tags


def test_a_run_names_its_commit_and_whether_files_differ_from_it(root: Path, tmp_path: Path) -> None:
    git("init", "-q", cwd=tmp_path)
    (tmp_path / "a.txt").write_text("one")
    git("add", "a.txt", cwd=tmp_path)
    git("commit", "-qm", "one", cwd=tmp_path)
    with tracked("clean", params={}):
        pass
    (tmp_path / "a.txt").write_text("two")
    with tracked("dirty", params={}):
        pass
    clean, dirty = the_run(root, "clean").data.tags, the_run(root, "dirty").data.tags
    assert clean["mlflow.source.git.commit"] == git("rev-parse", "HEAD", cwd=tmp_path)
    assert (clean["git.dirty"], dirty["git.dirty"]) == ("false", "true")


def test_parameters_are_flattened_and_long_ones_cut(root: Path) -> None:
    many = {f"p{number}": number for number in range(250)}
    with tracked("params", params={"finetune": {"encoder_lr": 2e-4, "text": "x" * 9000}, "many": many}):
        pass
    params = the_run(root, "params").data.params
    assert params["finetune.encoder_lr"] == "0.0002"
    assert set(params["finetune.text"][:5000]) == {"x"}
    assert len(params["finetune.text"]) <= 6000
    assert sum(name.startswith("many.p") for name in params) == 250


def test_metrics_with_steps_read_back_as_curves(root: Path) -> None:
    with tracked("curves", params={}) as run:
        for step in (25, 50):
            run.log_metrics({"train": {"loss": 1 / step}}, step=step)
    run_id = the_run(root, "curves").info.run_id
    history = mlflow.MlflowClient().get_metric_history(run_id, "train.loss")
    assert [(point.step, point.value) for point in history] == [(25, 0.04), (50, 0.02)]


def test_final_metrics_of_any_number_and_label_arrive_without_what_is_no_number(root: Path) -> None:
    final = {f"m{number}": number for number in range(1500)}
    with tracked("final", params={}) as run:
        run.log_metrics({"gold": final | {"Cause-Effect(e1,e2)": 0.5, "draw": "a1b2", "none": None, "nan": math.nan}})
    metrics = the_run(root, "final").data.metrics
    assert metrics["gold.Cause-Effect_e1_e2_"] == 0.5
    assert math.isnan(metrics["gold.nan"])
    assert len(metrics) == 1502


def test_a_file_to_look_at_is_attached_in_the_root(root: Path, tmp_path: Path) -> None:
    page = tmp_path / "report.html"
    page.write_text("<p>Found.</p>")
    with tracked("attached", params={}) as run:
        run.log_file(page)
    run_id = the_run(root, "attached").info.run_id
    (kept,) = (root / "mlartifacts").glob(f"{run_id}/**/report.html")
    assert kept.read_text() == "<p>Found.</p>"


def write_outputs(folder: Path) -> None:
    (folder / "data" / "seeds" / "deep" / "__pycache__").mkdir(parents=True)
    (folder / "data" / "seeds" / "train.jsonl").write_bytes(b"one\r\ntwo\n")
    (folder / "data" / "seeds" / "deep" / "ä.txt").write_text("nested")
    (folder / "data" / "seeds" / "deep" / "__pycache__" / "x.pyc").write_bytes(b"\0")
    (folder / "models" / "extractor" / "gold").mkdir(parents=True)
    (folder / "models" / "extractor" / "gold" / "model.safetensors").write_bytes(b"weights")


def test_hashes_of_files_and_folders_are_those_that_dvc_records(root: Path, tmp_path: Path) -> None:
    repository = Repo.init(str(tmp_path), no_scm=True)
    (tmp_path / ".dvcignore").write_text("__pycache__\n")
    (tmp_path / "notes.txt").write_bytes(b"one\r\ntwo\n")
    write_outputs(tmp_path)
    reads, writes = ["notes.txt", "data/seeds"], ["models/extractor/gold"]
    with tracked("hashes", params={}, reads=[Path(path) for path in reads], writes=[Path(path) for path in writes]):
        pass
    tags = the_run(root, "hashes").data.tags
    repository.add(reads + writes, no_commit=True)
    recorded = {
        path: yaml.safe_load((tmp_path / f"{path}.dvc").read_text())["outs"][0]["md5"] for path in reads + writes
    }
    assert recorded["data/seeds"].endswith(".dir")
    assert {path: tags[f"dvc.reads.{path}"] for path in reads} | {
        path: tags[f"dvc.writes.{path}"] for path in writes
    } == recorded


def test_datasets_and_models_are_found_by_the_hash_that_dvc_holds_them_under(root: Path, tmp_path: Path) -> None:
    write_outputs(tmp_path)
    with tracked("references", params={}, reads=[Path("data/seeds")], writes=[Path("models/extractor/gold")]):
        pass
    run = the_run(root, "references")
    md5 = run.data.tags["dvc.reads.data/seeds"]
    assert run.info.run_id in [found.info.run_id for found in runs(root, f"dataset.digest = '{md5}'")]
    assert run.inputs is not None
    (read,) = run.inputs.dataset_inputs
    assert (read.dataset.name, json.loads(read.dataset.source)) == ("data/seeds", {"uri": "data/seeds"})
    models = mlflow.search_logged_models(
        [run.info.experiment_id], f"params.`dvc.md5` = '{run.data.tags['dvc.writes.models/extractor/gold']}'"
    )
    assert run.info.run_id in list(models["source_run_id"])
    assert not list((root / "mlartifacts").glob("**/*.safetensors"))


def test_what_a_stage_did_not_write_is_not_recorded(root: Path) -> None:
    with tracked("absent", params={}, reads=[Path("nowhere")], writes=[Path("models/none")]):
        pass
    run = the_run(root, "absent")
    assert run.info.status == "FINISHED"
    assert not [tag for tag in run.data.tags if tag.startswith(("dvc.reads", "dvc.writes"))]


@pytest.mark.parametrize(("error", "status"), [(ValueError("its own"), "FAILED"), (KeyboardInterrupt(), "KILLED")])
def test_an_error_in_the_stage_marks_the_run_and_propagates_as_it_is(
    root: Path, error: BaseException, status: str
) -> None:
    with pytest.raises(type(error)) as caught, tracked(f"ends-{status}", params={}):
        raise error
    assert caught.value is error
    assert the_run(root, f"ends-{status}").info.status == status


def test_tracking_is_off_where_transformers_would_have_it_off(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with tracked("on", params={}):
        pass
    before = len(runs(root))
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")
    with tracked("off", params={}) as run:
        run.log_metrics({"loss": 1.0})
    assert len(runs(root)) == before


def test_a_gpu_brings_metrics_of_the_machine(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The NVIDIA library is a stand-in here; the monitor is MLflow's own."""
    nvml = ModuleType("pynvml")
    nvml.nvmlInit = lambda: None  # type: ignore[attr-defined]
    nvml.nvmlDeviceGetCount = lambda: 1  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setenv("MLFLOW_SYSTEM_METRICS_SAMPLING_INTERVAL", "0.2")
    with tracked("machine", params={}):
        time.sleep(1)
    run = the_run(root, "machine")
    assert run.info.status == "FINISHED"
    assert any(name.startswith("system/") for name in run.data.metrics)


def test_two_first_runs_at_once_are_silent_and_leave_a_healthy_database(tmp_path: Path) -> None:
    code = """
from relseed.tracking.run import tracked
with tracked("cold", params={"long": "x" * 9000}) as run:
    run.log_metrics({"loss": 1.0})
"""
    env = environment(DVC_ROOT=str(tmp_path))
    stages = [
        subprocess.Popen([sys.executable, "-c", code], env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        for _ in range(2)
    ]
    assert [stage.communicate()[0] for stage in stages] == [b""] * 2
    assert [run.info.status for run in runs(tmp_path)] == ["FINISHED"] * 2
    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_temporary_dvc_experiment_is_recorded_in_the_root_with_the_hashes_of_its_lock_file(tmp_path: Path) -> None:
    script = """
from pathlib import Path
from relseed.tracking.run import tracked
with tracked("copy", params={}, reads=[Path("in.txt")], writes=[Path("data")]):
    Path("data").mkdir()
    Path("data/out.txt").write_text(Path("in.txt").read_text())
"""
    stage = {"cmd": f"{sys.executable} duplicate.py", "deps": ["in.txt"], "params": ["a"], "outs": ["data"]}
    graph = yaml.dump({"stages": {"copy": stage}})
    files = {"duplicate.py": script, "in.txt": "text", "params.yaml": "a: 1\n", "dvc.yaml": graph}
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    git("init", "-q", cwd=tmp_path)
    command(*DVC, "init", "-q", cwd=tmp_path)
    git("add", ".", cwd=tmp_path)
    git("commit", "-qm", "one", cwd=tmp_path)
    names = {"GIT_COMMITTER_NAME": "A", "GIT_COMMITTER_EMAIL": "a@b.c", "GIT_AUTHOR_NAME": "A"}
    command(*DVC, "exp", "run", "--temp", "-n", "trial", "-S", "a=2", cwd=tmp_path, GIT_AUTHOR_EMAIL="a@b.c", **names)
    (run,) = runs(tmp_path)
    ref = git("for-each-ref", "--format=%(refname)", "refs/exps", cwd=tmp_path).splitlines()
    (trial,) = [name for name in ref if name.endswith("/trial")]
    locked = yaml.safe_load(git("show", f"{trial}:dvc.lock", cwd=tmp_path))["stages"]["copy"]
    (read,) = [item["md5"] for item in locked["deps"] if item["path"] == "in.txt"]
    expected = {
        "dvc.stage": "copy",
        "dvc.exp.name": "trial",
        "dvc.exp.baseline": git("rev-parse", "HEAD", cwd=tmp_path),
        "dvc.reads.in.txt": read,
        "dvc.writes.data": locked["outs"][0]["md5"],
    }
    assert expected.items() <= run.data.tags.items()
    assert run.info.artifact_uri.startswith(str(tmp_path / "mlartifacts"))
