"""The benchmark of `relseed predict`: the loop written by hand does the same as ours."""

import json
from pathlib import Path

import numpy as np
import pytest

from benchmarks.predict import Plain, agreement, write_sentences
from relseed.classifier.checkpoint import save_extractor
from relseed.classifier.labelling import open_extractor
from relseed.classifier.predict import label_file
from relseed.classifier.trainer import TrainingConfig
from relseed.classifier.training import new_extractor
from relseed.pipeline.params import Params
from relseed.tasks.relation import TASK
from relseed.tasks.task import read_examples, read_schema
from relseed.training.device import seed_everything
from tests.extractors import deciding
from tests.graph import PARAMS, ROOT

GAZETTE = ROOT / "data/gazette"


@pytest.fixture
def extractor(tiny_encoder, tmp_path, monkeypatch) -> Path:
    """An extractor that has learnt nothing, whose probabilities differ from sentence to sentence all the same."""
    monkeypatch.chdir(ROOT)
    settings = PARAMS["finetune"]
    config = Params({"finetune": {key: settings[key] for key in TrainingConfig.model_fields}})
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    train = read_examples(GAZETTE / "train.jsonl", TASK, schema)
    seed_everything(1)
    built = new_extractor(
        str(tiny_encoder), "typed_marker", config.section("finetune", TrainingConfig), TASK, schema, train
    )
    folder = tmp_path / "extractor"
    folder.mkdir()
    save_extractor(deciding(built, temperature=0.5, bias=0.125, threshold=0.06), folder)
    return folder


def probabilities(path: Path) -> np.ndarray:
    lines = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    return np.array([list(line["probabilities"].values()) for line in lines])


def test_the_loop_by_hand_gives_the_probabilities_and_the_labels_of_ours(extractor, tmp_path):
    source = write_sentences(tmp_path / "few.jsonl", 40)
    ours, plain = tmp_path / "ours.jsonl", tmp_path / "plain.jsonl"
    label_file(open_extractor(extractor), source, ours, {})
    Plain(extractor).label_file(source, plain)
    np.testing.assert_allclose(probabilities(plain), probabilities(ours), atol=2e-3)
    assert len({tuple(row) for row in probabilities(ours).tolist()}) == 40
    assert agreement(ours, plain) >= 0.95


def test_sentences_grow_on_every_round_through_them(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    lines = write_sentences(tmp_path / "many.jsonl", 3000).read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["text"] for line in lines]
    assert len(set(texts)) == 3000
    assert texts[1424].startswith(f"{texts[0]} ")


def test_the_agreement_of_two_files_is_the_share_of_the_same_labels(tmp_path):
    for name, labels in (("a", "xyz"), ("b", "xyy")):
        text = "".join(json.dumps({"predicted": label}) + "\n" for label in labels)
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert agreement(tmp_path / "a", tmp_path / "b") == pytest.approx(2 / 3)
