"""Pre-training as a stage: what it reads and writes, on one process and on two."""

import json
import socket
import subprocess
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from transformers import AutoModel, AutoModelForMaskedLM

from relseed.explanations.explanation import Explanation
from relseed.pipeline.errors import UserError
from relseed.records.files import DataError, write_records
from relseed.tasks.relation import Example, Relation, Schema
from relseed.tasks.relation.tags import untag
from relseed.training.encoders import load_encoder, load_tokenizer, origin_of
from stages import pretrain as stage
from tests.conftest import ENVIRONMENT
from tests.graph import PARAMS, ROOT

RELATIONS = ("owns", "rows_to")
SCHEMA = Schema(relations=tuple(Relation(relation=name, definition="") for name in RELATIONS))
FILES = {"labels": "relations.jsonl", "seeds": "seeds.jsonl", "encoders": "encoders"}


def project(folder: Path, **changes: Any) -> Path:
    """Two seeds of each relation and their explanations, in a folder in which the stage runs."""
    short = {"reads": "explanations.jsonl", "max_steps": 4, "batch_size": 4, "save_steps": 1}
    entry = PARAMS["encoders"]["explained"] | short | changes
    (folder / "params.yaml").write_text(yaml.safe_dump({"encoders": {"explained": entry}}), encoding="utf-8")
    seeds = [seed(relation, number) for relation in RELATIONS for number in range(2)]
    write_records(folder / "relations.jsonl", SCHEMA.relations)
    write_records(folder / "seeds.jsonl", seeds)
    write_records(folder / "explanations.jsonl", map(explanation, seeds))
    return folder


def seed(relation: str, number: int) -> Example:
    sentence = untag(f"<e1>Ada</e1> often {verb(relation)} <e2>Ulm</e2> and Rome, they say.")
    return Example(**dict(sentence) | {"id": f"{relation}-{number}", "relation": relation})


def explanation(seed: Example) -> Explanation:
    text, trigger = f"That Ada {verb(seed.relation)} Ulm is said in so many words.", verb(seed.relation)
    return Explanation(id=f"explain/{seed.id}/0", seed=seed.id, relation=seed.relation, text=text, trigger=trigger)


def verb(relation: str) -> str:
    return relation.replace("_", " ")


@pytest.fixture
def run(tiny_encoder, tmp_path, monkeypatch):
    """Runs the stage in a project whose parameters are changed, and gives what it wrote."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_ROOT", raising=False)
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")

    def run(**changes: Any) -> Path:
        project(tmp_path, **changes)
        stage.main("explained", start=tiny_encoder, **{name: Path(file) for name, file in FILES.items()})
        return tmp_path / "encoders/explained"

    return run


def test_the_encoder_that_is_written_loads_like_any_other_with_its_head_and_its_tokenizer(run):
    written = run()
    encoder, plain = load_encoder(str(written)), AutoModel.from_pretrained(written)
    assert torch.equal(encoder.embeddings.word_embeddings.weight, plain.embeddings.word_embeddings.weight)
    _, report = AutoModelForMaskedLM.from_pretrained(written, output_loading_info=True)
    assert not report["missing_keys"]
    assert load_tokenizer(str(written)).tokenize("rows to") == ["rows", "to"]


def test_the_history_holds_both_losses_of_each_step_and_no_state_is_left(run, tmp_path):
    history = json.loads((run() / "history.json").read_text(encoding="utf-8"))
    assert [step["step"] for step in history] == [1, 2, 3, 4]
    assert all(step["mslm"] > 0 and step["scl"] > 0 for step in history)
    assert not list((tmp_path / ".scratch").glob("pretrain-*"))


def test_what_is_pre_trained_on_is_said_before(run, capsys):
    run()
    assert capsys.readouterr().out.startswith("4 texts, 4 with a relation span; ")


def test_the_encoder_says_what_it_started_from_and_what_it_was_pre_trained_on(run, tiny_encoder):
    origin = origin_of(str(run()))
    assert (origin.start, origin.pretraining) == (str(tiny_encoder), "explanations of the seeds (TKRE)")


def test_without_steps_the_encoder_stays_as_it_is(run, tiny_encoder):
    written, before = load_encoder(str(run(max_steps=0))).state_dict(), load_encoder(str(tiny_encoder)).state_dict()
    shared = [name for name in before if not name.startswith("pooler.")]
    assert all(torch.equal(before[name], written[name]) for name in shared)


def test_a_window_that_is_longer_than_the_encoder_s_positions_is_an_error_that_names_both(run, tmp_path):
    with pytest.raises(UserError, match=r"max_length is 600, .* takes 512 tokens: lower it"):
        run(max_length=600)
    assert list((tmp_path / "encoders").iterdir()) == []


def test_explanations_that_are_not_there_are_an_error_with_their_cure(run):
    with pytest.raises(DataError, match=r"other\.jsonl: file not found: build it with `dvc repro explain`"):
        run(reads="other.jsonl")


def test_two_processes_share_the_work_and_one_of_them_writes(tiny_encoder, warm, tmp_path):
    project(tmp_path)
    (tmp_path / "stages").symlink_to(ROOT / "stages")
    options = [part for name, file in FILES.items() for part in (f"--{name}", file)]
    command = ["python", "-m", "stages.pretrain", "--start", str(tiny_encoder), *options]
    # What `accelerate launch` sets for each process.
    common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": free_port(), "ACCELERATE_USE_CPU": "true"}
    environment = ENVIRONMENT | warm | common | {"DVC_STAGE": "pretrain@explained"}
    both = [
        subprocess.Popen(
            command,
            cwd=tmp_path,
            stderr=subprocess.PIPE,
            text=True,
            env=environment | {"RANK": str(rank), "LOCAL_RANK": str(rank)},
        )
        for rank in range(2)
    ]
    errors = [process.communicate(timeout=120)[1] for process in both]
    assert [process.returncode for process in both] == [0, 0], errors
    history = json.loads((tmp_path / "encoders/explained/history.json").read_text(encoding="utf-8"))
    assert [step["step"] for step in history] == [1, 2, 3, 4]
    assert load_encoder(str(tmp_path / "encoders/explained")).config.hidden_size == 32


def free_port() -> str:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return str(server.getsockname()[1])
