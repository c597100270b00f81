"""What others pull: the text that the repository carries, and checkpoints from a remote of one's own."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import dvc.api
import pytest
import requests
import yaml

from tests.conftest import copy, run, set_params
from tests.graph import ROOT, paths, pipeline

MEGABYTES = 20
SEEDS, WRITTEN = 128, 512
WEIGHTS = "models/extractor/gold/seed-1/model.safetensors"
S3 = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}


@pytest.fixture(scope="module")
def clone(tmp_path_factory) -> Path:
    """A fresh clone of the repository, as committed, that looks into the published store by default."""
    folder = tmp_path_factory.mktemp("clone") / "relseed"
    run(ROOT, "git", "clone", "-q", str(ROOT), str(folder))
    run(folder, "dvc", "config", "--local", "core.remote", "published")
    return folder


@pytest.fixture(scope="module")
def pulled(clone) -> Path:
    run(clone, "dvc", "pull", "-r", "published", "--allow-missing")
    return clone


def test_what_the_default_run_wrote_can_be_pulled_without_a_network(pulled):
    wanted = paths(out for stage in pipeline(pulled) for out in stage.outs if out.remote != "storage")
    assert len(wanted) > 12
    assert [path for path in wanted if not (pulled / path).exists()] == []
    assert [path.name for path in (pulled / "models").rglob("*") if path.is_file() and path.stat().st_size] == [
        ".gitignore"
    ]


def test_the_published_store_stays_small(clone):
    size = sum(path.stat().st_size for path in (clone / ".dvc/published").rglob("*") if path.is_file())
    assert 0 < size < MEGABYTES * 2**20


def test_one_data_set_comes_by_its_path_at_a_tag(clone, tmp_path):
    run(clone, "git", "tag", "-f", "-a", "v0", "-m", "v0")
    run(tmp_path, "dvc", "get", str(clone), "data/training/batch.jsonl", "--rev", "v0")
    text = dvc.api.read("data/training/batch.jsonl", repo=str(clone), rev="v0")
    assert (tmp_path / "batch.jsonl").read_text(encoding="utf-8") == text
    assert len(text.splitlines()) == SEEDS + WRITTEN


def test_artifacts_come_by_their_names(clone, tmp_path):
    named = yaml.safe_load((clone / "dvc.yaml").read_text(encoding="utf-8"))["artifacts"]
    assert {"explanations", "all-at-once", "one-by-one", "batch", "diverse"} <= set(named)
    run(clone, "git", "tag", "-f", "-a", "explanations@v1.0.0", "-m", "explanations")
    run(tmp_path, "dvc", "artifacts", "get", str(clone), "explanations")
    assert len((tmp_path / "explanations.jsonl").read_text(encoding="utf-8").splitlines()) == 128


@pytest.fixture
def bucket() -> Iterator[str]:
    """The address of a server that speaks S3, with a bucket."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        try:
            assert server.stderr is not None
            address = next(line.split()[-1] for line in server.stderr if "Running on" in line)
            requests.put(f"{address}/relseed", timeout=10).raise_for_status()
            yield address
        finally:
            server.kill()


def test_checkpoints_go_to_s3_and_come_back(built, bucket, tmp_path):
    mine = pushed(built, tmp_path / "mine", url="s3://relseed/store", endpointurl=bucket)
    other = fresh(mine, tmp_path / "other")
    run(other, "dvc", "pull", **S3)
    assert (other / WEIGHTS).read_bytes() == (mine / WEIGHTS).read_bytes()


def test_from_a_remote_a_clone_rebuilds_only_what_a_change_asks_for(built, warm, tmp_path):
    mine = pushed(built, tmp_path / "mine", url=str(tmp_path / "store"))
    other = fresh(mine, tmp_path / "other")
    set_params(other, evaluate={"resamples": 20})
    done = run(other, "dvc", "repro", "--pull", "--allow-missing", "evaluate@gold", **warm)
    assert "Running stage 'evaluate@gold'" in done.stdout
    assert "Running stage 'finetune@gold'" not in done.stdout
    assert (other / WEIGHTS).read_bytes() == (mine / WEIGHTS).read_bytes()


def pushed(built: Path, folder: Path, **options: str) -> Path:
    """A copy whose checkpoints lie in the remote `storage` that `options` describe."""
    copy(built, folder)
    for option, value in options.items():
        run(folder, "dvc", "remote", "modify", "--local", "storage", option, value)
    run(folder, "dvc", "push", **S3)
    return folder


def fresh(mine: Path, folder: Path) -> Path:
    """A clone that knows the remote, which git does not carry."""
    run(mine, "git", "clone", "-q", str(mine), str(folder))
    shutil.copy2(mine / ".dvc/config.local", folder / ".dvc/config.local")
    return folder
