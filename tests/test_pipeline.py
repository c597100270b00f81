"""The whole graph with real DVC, git and MLflow, on a tiny encoder."""

import json
import os
import signal
import socket
import subprocess
import time
from contextlib import suppress
from pathlib import Path
from statistics import fmean

import pytest
import requests
import yaml

from tests.conftest import ENVIRONMENT, copy, run, set_params
from tests.graph import ROOT

FINETUNE = (
    "python", "-m", "stages.finetune", "--labels", "data/dataset/labels.jsonl",
    "--validation", "data/seeds/validation.jsonl", "--extractors",
)  # fmt: skip
ENTRY = {"DVC_STAGE": "finetune@gold"}


def lock(folder: Path) -> dict[str, str]:
    """The md5 that dvc.lock records for each dependency and output."""
    stages = yaml.safe_load((folder / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    return {file["path"]: file["md5"] for stage in stages.values() for file in stage["deps"] + stage["outs"]}


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_whole_graph_ends_with_a_table_and_metrics_for_the_system_and_the_baselines(built):
    metrics = json.loads((built / "metrics.json").read_text(encoding="utf-8"))
    assert set(metrics) == {"gold", "majority", "types_only", "random"}
    assert set(metrics["gold"]["micro_f1"]) == {"mean", "std", "low", "high"}
    table = (built / "results/table.md").read_text(encoding="utf-8")
    assert table in (built / "repro.log").read_text(encoding="utf-8")


def test_the_metrics_say_what_can_be_relied_on_at_the_thresholds_of_the_random_seeds(built):
    found = json.loads((built / "metrics.json").read_text(encoding="utf-8"))["gold"]["reliability"]
    configs = [built / f"models/extractor/gold/seed-{seed}/extractor.json" for seed in (1, 2)]
    decisions = [json.loads(config.read_text(encoding="utf-8"))["decision"] for config in configs]
    assert found["threshold"]["mean"] == pytest.approx(fmean(decision["threshold"] for decision in decisions))
    assert found["negatives_share"] == pytest.approx(120 / 570)
    for share in (20, 50, 80, 95):
        score = found[f"f1_at_{share}"]
        assert 0 <= score["low"] <= score["mean"] <= score["high"] <= 1
    assert found["false_alarms_per_100"]["mean"] == pytest.approx(100 * (1 - found["negatives_found"]["mean"]))


def test_extractors_are_calibrated_by_validation_and_by_every_seed_once(built):
    config = json.loads((built / "models/extractor/gold/seed-1/extractor.json").read_text(encoding="utf-8"))
    drawn = json.loads((built / "data/seeds/draw.json").read_text(encoding="utf-8"))
    fitted_on = config["decision"]["fitted_on"]
    assert sum(fitted_on.values()) == drawn["train"] + drawn["validation"]
    assert fitted_on["written"] == fitted_on["negative written"] == 0


def test_the_metrics_hold_the_draw_that_sample_printed(built):
    drawn = json.loads((built / "data/seeds/draw.json").read_text(encoding="utf-8"))["hash"]
    assert f"draw {drawn}: 128 seeds" in (built / "repro.log").read_text(encoding="utf-8")
    assert json.loads((built / "metrics.json").read_text(encoding="utf-8"))["gold"]["draw"] == drawn


def test_progress_is_plain_lines_with_time_left_where_there_is_no_terminal(built):
    log = (built / "repro.log").read_text(encoding="utf-8")
    assert "train, seed 2: 12/12 step" in log
    assert "00:00 left" in log
    assert "\r" not in log


def test_a_second_repro_has_nothing_to_do(built, tmp_path):
    assert "Data and pipelines are up to date" in run(copy(built, tmp_path / "second"), "dvc", "repro").stdout


def test_git_sees_nothing_of_what_the_stages_wrote(built):
    status = run(built, "git", "status", "--porcelain", "--untracked-files=all").stdout.split("\n")
    assert [line for line in status if line and not line.endswith("repro.log")] == []


def test_a_stage_run_again_gives_identical_bytes(built, warm, tmp_path):
    again = copy(built, tmp_path / "again")
    deciding = ("ingest", "sample", "finetune@gold", "evaluate@gold")
    run(again, "dvc", "repro", "--force", "--no-run-cache", "--single-item", *deciding, **warm)
    assert lock(again) == lock(built)


def test_each_executed_stage_left_one_run_that_names_what_it_read_and_wrote(built):
    runs = mlflow_runs(built)
    assert sorted(run.data.tags["dvc.stage"] for run in runs) == [
        "contexts", "encoder", "evaluate@gold", "explain", "finetune@gold", "ingest", "report", "sample", "tuples",
        "verifiers",
    ]  # fmt: skip
    recorded = lock(built)
    for found in runs:
        named = {tag: md5 for tag, md5 in found.data.tags.items() if tag.startswith(("dvc.reads.", "dvc.writes."))}
        assert {tag: recorded.get(tag.split(".", 2)[2]) for tag in named} == named
    [explain] = [found for found in runs if found.data.tags["stage"] == "explain"]
    assert explain.data.metrics == {"explained": 128, "rejected": 0}
    [finetune] = [found for found in runs if found.data.tags["stage"] == "finetune"]
    assert "dvc.reads.data/seeds/train.jsonl" in finetune.data.tags
    assert "dvc.writes.models/extractor/gold" in finetune.data.tags
    assert finetune.data.tags["mlflow.source.git.commit"] == run(built, "git", "rev-parse", "HEAD~1").stdout.strip()
    assert finetune.data.params["max_steps"] == "12"
    assert {"loss/seed-1", "validation_micro_f1/seed-2"} <= set(finetune.data.metrics)


def test_the_run_of_report_carries_all_parameters_and_all_final_metrics(built):
    [report] = [found for found in mlflow_runs(built) if found.data.tags["stage"] == "report"]
    assert {"sample.shots", "finetune.encoder_lr", "evaluate.resamples", "ingest.format"} <= set(report.data.params)
    metrics = json.loads((built / "metrics.json").read_text(encoding="utf-8"))
    assert report.data.metrics["gold.micro_f1.mean"] == metrics["gold"]["micro_f1"]["mean"]


def mlflow_runs(folder: Path):
    from mlflow import MlflowClient

    client = MlflowClient(tracking_uri=f"sqlite:///{folder}/mlflow.db")
    return client.search_runs([experiment.experiment_id for experiment in client.search_experiments()])


def test_the_command_of_make_ui_opens_the_runs(built, tmp_path):
    folder = copy(built, tmp_path / "ui")
    command = run(ROOT, "make", "-n", "ui").stdout.splitlines()[-1].split()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command += ["--port", str(port), "--workers", "1"]
    environment = ENVIRONMENT | {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}  # twice as fast there
    server = subprocess.Popen(command, cwd=folder, env=environment, start_new_session=True)
    try:
        found = _posted(f"http://127.0.0.1:{port}/ajax-api/2.0/mlflow/runs/search", {"experiment_ids": ["1"]})
    finally:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(timeout=30)
    assert len(found["runs"]) == len(mlflow_runs(built))


def _posted(address: str, query: dict) -> dict:
    """The response of a server that may still be starting."""
    for _ in range(120):
        with suppress(requests.ConnectionError):
            return requests.post(address, json=query, timeout=30).json()
        time.sleep(0.5)
    raise AssertionError(f"nothing answers at {address}")


def test_a_failed_stage_says_why_and_leaves_git_clean_of_data(built, warm, tmp_path):
    folder = copy(built, tmp_path / "failing")
    set_params(folder, encoder="no/such-model")
    done = run(folder, "dvc", "repro", "finetune@gold", check=False, **warm)
    assert done.returncode != 0
    assert "error: encoder 'no/such-model' could not be loaded" in done.stderr
    changed = run(folder, "git", "status", "--porcelain", "--untracked-files=all").stdout.splitlines()
    assert [line for line in changed if not line.endswith("repro.log")] == [" M params.yaml"]
    assert not list((folder / "models").glob("**/*partial*"))


def test_a_clean_clone_finds_nothing_to_do_though_no_data_has_come_with_it(built, tmp_path):
    run(tmp_path, "git", "clone", "-q", str(built), "clone")
    done = run(tmp_path / "clone", "dvc", "repro", "--dry", "--allow-missing")
    assert "Running" not in done.stdout
    for name in ("ingest", "sample", "encoder", "explain", "tuples", "finetune@gold", "evaluate@gold", "report"):
        assert f"Stage '{name}' didn't change, skipping" in done.stdout


def test_the_committed_results_are_those_of_the_committed_code(tmp_path):
    run(tmp_path, "git", "clone", "-q", "--no-hardlinks", str(ROOT), "clone")
    done = run(tmp_path / "clone", "dvc", "repro", "--dry", "--allow-missing")
    assert "Running" not in done.stdout


def test_one_system_can_be_built_by_name(built, tmp_path):
    folder = copy(built, tmp_path / "one")
    set_params(folder, evaluate={"resamples": 60})
    done = run(folder, "dvc", "repro", "--dry", "evaluate@gold")
    assert "Running stage 'evaluate@gold'" in done.stdout
    assert "'report'" not in done.stdout


@pytest.fixture(scope="module")
def longer(built, warm, tmp_path_factory) -> Path:
    """A checkout whose training is long enough to be interrupted, and what it gives undisturbed."""
    folder = copy(built, tmp_path_factory.mktemp("longer") / "checkout")
    set_params(folder, finetune={"max_steps": 60, "eval_steps": 5})
    run(folder, *FINETUNE, "models/whole", **ENTRY, **warm)
    return folder


def test_a_killed_training_goes_on_and_ends_with_the_bytes_of_an_undisturbed_one(longer, warm):
    first = subprocess.Popen([*FINETUNE, "models/killed"], cwd=longer, env=ENVIRONMENT | ENTRY, stderr=subprocess.PIPE)
    while not list((longer / ".scratch").glob("finetune-*/state.pt")):
        assert first.poll() is None, first.communicate()
        time.sleep(0.01)
    first.kill()
    first.communicate()
    assert not (longer / "models/killed/gold").exists()
    log = run(longer, *FINETUNE, "models/killed", **ENTRY, **warm).stderr
    assert int(log.partition("train, seed 1: ")[2].partition("/")[0]) > 0
    assert contents(longer / "models/killed") == contents(longer / "models/whole")
    assert {path.name for path in (longer / "models").iterdir()} == {
        ".gitignore", "encoders", "extractor", "killed", "verifiers", "whole",
    }  # fmt: skip
    assert not list((longer / ".scratch").glob("finetune-*"))
