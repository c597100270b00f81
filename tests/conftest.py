"""A checkout of the working tree with a tiny configuration, and the same after `dvc repro`."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import yaml
from filelock import FileLock

from tests.graph import ROOT

# Trouble of a machine, such as a tracking server that someone has set, must not reach the tests.
ENVIRONMENT = {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "HOME": os.environ.get("HOME", "/tmp"),
    "HF_HUB_OFFLINE": "1",
    "DISABLE_MLFLOW_INTEGRATION": "TRUE",
    "OMP_NUM_THREADS": "1",
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@example.org",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@example.org",
}
# One system that takes nothing written; as many seeds as the recorded explanations are of.
_NONE = "drafts methods drifts criteria rankings training_sets releases encoders lms seq2seq pairs dpo labellers"
TINY_ENTRIES: dict[str, Sequence[str]] = {"systems": ["gold"]} | dict.fromkeys(_NONE.split(), ())
TINY = {
    "verifiers": {"folds": 2, "max_steps": 2, "eval_steps": 2, "batch_size": 4},
    "finetune": {"max_steps": 12, "eval_steps": 3, "batch_size": 4, "seeds": [1, 2]},
    "evaluate": {"resamples": 50},
}
# Every kind of stage, each as short as can be.
_SMALL_METHOD = {"per_label": 1, "max_request_factor": 1, "max_tokens_per_example": 20}
# With all that a labeller can use: an extractor that finds demonstrations, explanations, scores of a model.
_LABELLER = {
    "llm": "smollm2",
    "reads": "data/seeds/train.jsonl",
    "demonstrations": "nearest",
    "shots": 1,
    "retriever": "models/extractor/gold",
    "reasons": True,
    "explanations": "data/explanations.jsonl",
    "answer": "score_mean",
    "items": 2,
    "max_tokens": 1,
    "seed": 1,
}
GROWN: dict[str, Any] = {
    "labellers": {"llm_scored": _LABELLER},
    "methods": {
        "one_by_one": {"per_label": 4},
        "untuned": _SMALL_METHOD,
        "tuned": _SMALL_METHOD,
        "template": {"per_label": 1},
        "reasoned": {"per_label": 12},  # as many as a recorded response is about
        "t5": {"per_label": 1, "max_tokens_per_example": 4},
        "creator": {"per_label": 5},  # so that recorded responses are asked for whole
    },
    "drifts": {"creator": {"topics": 2, "resamples": 2}},
    "criteria": {
        "accuracy": {"methods": ["one_by_one", "untuned", "tuned", "template", "reasoned"]},
        "sentiment": {"methods": ["template", "reasoned"]},
    },
    "rankings": {
        "amalrec": {
            "methods": ["template", "reasoned"],
            "weights": {"fluency": 0, "grammar": 0, "complexity": 0},
            "blend": {
                "llm": "smollm2",
                "drafts": 2,
                "methods": ["template", "reasoned"],
                "weights": {"fluency": 0, "grammar": 0, "complexity": 0},
                "max_tokens_per_example": 60,
                "per_request": 1,
                "demonstrations": 1,
            },
        }
    },
    "seq2seq": {"t5": {"max_steps": 1, "save_steps": 1, "batch_size": 1, "max_length": 32}},
    "training_sets": {"diverse": {"per_label": 2}},
    "encoders": {"explained": {"max_steps": 3, "batch_size": 4}},
    "systems": {"tkre": {"train": "data/training/diverse.jsonl", "loss": "factored"}},
    "lms": {"base": {"max_steps": 2, "max_length": 64, "save_steps": 2}},
    "dpo": {"tuned": {"max_steps": 1, "batch_size": 1, "save_steps": 1}},
}

hypothesis.settings.register_profile("repeatable", derandomize=True, deadline=None)
hypothesis.settings.load_profile("repeatable")


def run(folder: Path, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command in a checkout as a user would; its output is in the error if it fails."""
    # Far above what any takes: a busy machine is no failure, a command that hangs is one.
    done = subprocess.run(
        command, cwd=folder, env=ENVIRONMENT | environment, capture_output=True, text=True, timeout=1200
    )
    if check and done.returncode:
        raise AssertionError(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}\n{done.stderr}")
    return done


def set_params(folder: Path, **sections: dict | list | str) -> None:
    """Change values of a checkout's params.yaml, at any depth; what is no mapping replaces what is there."""
    params = _params(folder)
    _merge(params, sections)
    _write_params(folder, params)


def keep_entries(folder: Path, **names: Sequence[str]) -> None:
    """Leave only these entries of mappings (`systems`, `methods`) in a checkout's params.yaml."""
    params = _params(folder)
    for mapping, kept in names.items():
        params[mapping] = {name: params[mapping][name] for name in kept}
    _write_params(folder, params)


def _merge(params: dict, changes: dict) -> None:
    for name, value in changes.items():
        if isinstance(value, dict) and isinstance(params.get(name), dict):
            _merge(params[name], value)
        else:
            params[name] = value


def _params(folder: Path) -> dict:
    return yaml.safe_load((folder / "params.yaml").read_text(encoding="utf-8"))


def _write_params(folder: Path, params: dict) -> None:
    (folder / "params.yaml").write_text(yaml.safe_dump(params, sort_keys=False), encoding="utf-8")


def copy(checkout: Path, target: Path) -> Path:
    """A copy of a checkout that a test may change."""
    return Path(shutil.copytree(checkout, target, symlinks=True))


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let one process build the graph and test it; the other meets files that wait for it late, and short ones last."""
    items.sort(key=lambda item: (item.path.name == "test_pipeline.py", item.path.name), reverse=True)


@pytest.fixture(scope="session")
def once(tmp_path_factory, testrun_uid, worker_id) -> Callable[[str, Callable[[Path], None]], Path]:
    """Build a folder by name once for all test processes; tests change copies of it only."""
    base = tmp_path_factory.getbasetemp()
    root = base if worker_id == "master" else base.parent / testrun_uid
    root.mkdir(exist_ok=True)

    def build(name: str, fill: Callable[[Path], None]) -> Path:
        with FileLock(root / f"{name}.lock"):
            if not (root / f"{name}.done").exists():
                shutil.rmtree(root / name, ignore_errors=True)
                fill(root / name)
                (root / f"{name}.done").touch()
        return root / name

    return build


@pytest.fixture(scope="session")
def warm(once) -> dict[str, str]:
    """The environment in which `python -m stages.<verb>` starts with its libraries imported: see tests/warm."""
    return {"PATH": f"{once('warm', _warm_up)}{os.pathsep}{ENVIRONMENT['PATH']}"}


def _warm_up(folder: Path) -> None:
    """Put a `python` into the folder, and start its server, which ends with the whole run of tests."""
    folder.mkdir()
    client = (ROOT / "tests/warm/client.py").read_text(encoding="utf-8")
    (folder / "python").write_text(f"#!{sys.executable} -IS\n{client}", encoding="utf-8")
    (folder / "python").chmod(0o755)
    whole = os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()
    command = [sys.executable, ROOT / "tests/warm/server.py", folder / "socket", str(whole)]
    server = subprocess.Popen(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
    while not (folder / "socket").exists():
        assert server.poll() is None, "the server of tests/warm ended"
        time.sleep(0.05)


@pytest.fixture(scope="session")
def tiny_encoder(once) -> Path:
    """A random BERT of two narrow layers with the embedded tokenizer: quick, and otherwise like any encoder."""
    return once("encoder", _write_encoder)


def _write_encoder(folder: Path) -> None:
    import torch
    from transformers import BertConfig, BertModel

    from relseed.training.encoders import EMBEDDED, load_tokenizer

    tokenizer = load_tokenizer(EMBEDDED)
    tokenizer.save_pretrained(folder)
    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        pad_token_id=tokenizer.pad_token_id,
    )
    BertModel(config).save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_llm(once) -> Path:
    """The random causal model of tests/tiny_llm.py, which leans towards brackets and the end of lines."""
    return once("llm", _write_llm)


def _write_llm(folder: Path) -> None:
    from tests.tiny_llm import save_tiny_llm

    save_tiny_llm(folder, leaning="[]{}Ċ")


@pytest.fixture(scope="session")
def checkout(once, tiny_encoder) -> Path:
    """The working tree as git would hold it, committed, with the tiny configuration."""
    return once("checkout", lambda folder: _check_out(folder, tiny_encoder))


def _check_out(folder: Path, encoder: Path) -> None:
    listed = run(ROOT, "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard").stdout
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    (folder / "dvc.lock").unlink(missing_ok=True)
    (folder / "metrics.json").unlink(missing_ok=True)
    keep_entries(folder, **TINY_ENTRIES)
    set_params(folder, **TINY, encoder=str(encoder))
    run(folder, "git", "init", "-q")
    run(folder, "git", "add", "-A")
    run(folder, "git", "commit", "-qm", "tiny")


@pytest.fixture(scope="session")
def built(once, checkout, warm) -> Path:
    """The checkout after `dvc repro`, with its runs in MLflow and the result committed."""
    return once("built", lambda folder: _build(checkout, folder, warm))


def _build(checkout: Path, folder: Path, warm: dict[str, str]) -> None:
    copy(checkout, folder)
    done = run(folder, "dvc", "repro", DISABLE_MLFLOW_INTEGRATION="", **warm)
    (folder / "repro.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    run(folder, "git", "add", "dvc.lock", "metrics.json")
    run(folder, "git", "commit", "-qm", "built")


@pytest.fixture(scope="session")
def grown(once, built, tiny_llm, warm) -> Path:
    """The built checkout after everything else was added, tiny as it is, and `dvc repro`."""
    return once("grown", lambda folder: _grow(built, folder, tiny_llm, warm))


def _grow(built: Path, folder: Path, llm: Path, warm: dict[str, str]) -> None:
    from tests.tiny_llm import save_tiny_seq2seq

    copy(built, folder)
    shutil.copy(ROOT / "params.yaml", folder / "params.yaml")
    encoder = _params(built)["encoder"]
    keep_entries(folder, systems=["gold", "diverse", "tkre"], methods=list(GROWN["methods"]))
    keep_entries(folder, training_sets=["diverse"], criteria=list(GROWN["criteria"]), seq2seq=["t5"])
    set_params(folder, **TINY, **GROWN, encoder=encoder)
    tiny, seq2seq = {"revision": None}, str(save_tiny_seq2seq(folder / ".scratch/t5", "t5"))
    set_params(folder, lms={"base": {"start": str(llm), **tiny}}, llms={"smollm2": {"model": str(llm), **tiny}})
    set_params(folder, llms={"t5": {"model": seq2seq}}, seq2seq={"t5": {"start": seq2seq}})
    done = run(folder, "dvc", "repro", **warm)
    (folder / "repro.log").write_text(done.stdout + done.stderr, encoding="utf-8")
    run(folder, "git", "add", "dvc.lock", "metrics.json", "params.yaml")
    run(folder, "git", "commit", "-qm", "grown")
