"""The few-shot draw: its rule, its hash, what it says of shortages and contamination."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from relseed.datasets import semeval
from relseed.datasets.draw import Draw, draw, shortages
from relseed.records.files import write_records
from relseed.tasks.relation import TASK, Example
from relseed.tasks.task import identity, load_task, read_examples, read_schema
from stages import sample
from tests.graph import ROOT

SEMEVAL = ROOT.parent / "shared/data/semeval2010_task8"
GAZETTE, PRIMER = ROOT / "data/gazette", ROOT / "data/primer"
with_semeval = pytest.mark.skipif(not SEMEVAL.exists(), reason="the SemEval release is not beside this checkout")


@pytest.fixture(autouse=True)
def _untracked(monkeypatch):
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")


def dataset(
    folder: Path, train: Path = GAZETTE / "train.jsonl", validation: Path = GAZETTE / "validation.jsonl"
) -> Path:
    """What the stage reads of Gazette, as ingest leaves it."""
    folder.mkdir(exist_ok=True)
    files = {"labels": GAZETTE / "relations.jsonl", "train": train, "validation": validation}
    for name, file in files.items():
        (folder / f"{name}.jsonl").write_bytes(file.read_bytes())
    return folder


def sampled(
    tmp_path: Path, monkeypatch, source: Path | None = None, near_duplicate: float = 0.8, task="relation", **changes
) -> Draw:
    """Run the stage with changed parameters; seeds/ in `tmp_path` holds its output."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    contamination = {"near_duplicate": near_duplicate}
    chosen = {"task": task, "sample": params["sample"] | changes, "contamination": contamination}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(chosen), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    sample.main(source or dataset(tmp_path / "dataset"), Path("seeds"))
    return Draw.model_validate_json((tmp_path / "seeds/draw.json").read_text(encoding="utf-8"))


def labels_in(path: Path) -> Counter[str]:
    schema = read_schema(GAZETTE / "relations.jsonl", TASK)
    return Counter(example.label for example in read_examples(path, TASK, schema))


@pytest.fixture(scope="module")
def released():
    return semeval.read(SEMEVAL, task=TASK, domain=None).splits["train"]


@with_semeval
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("shots", [8, 16, 32])
def test_the_rule_gives_the_published_draws_of_semeval_in_their_order(released, shots, seed):
    published = json.loads((SEMEVAL / "splits.json").read_text(encoding="utf-8"))["kshot"][str(shots)][str(seed)]
    assert [example.id for example in draw(released, shots, seed)] == [f"semeval-{number}" for number in published]


def made_up(labels: list[str]) -> list[Example]:
    spans = {"head": {"start": 0, "end": 1}, "tail": {"start": 2, "end": 3}}
    return [
        Example.model_validate({"id": str(number), "text": "a b", "relation": label, **spans})
        for number, label in enumerate(labels)
    ]


@given(st.lists(st.sampled_from("pqr")), st.integers(1, 5), st.integers(1, 4))
def test_a_draw_holds_k_of_each_label_or_all_that_there_are_and_none_twice(labels, shots, seed):
    drawn = draw(made_up(labels), shots, seed)
    expected = {label: min(shots, count) for label, count in Counter(labels).items()}
    assert Counter(example.label for example in drawn) == expected
    assert len({example.id for example in drawn}) == len(drawn)


def of_label(label: str, examples: list[Example]) -> list[Example]:
    return [example for example in examples if example.label == label]


def test_draw_3_is_what_numpy_gives_that_is_seeded_and_shuffles_three_times_over():
    examples = made_up([f"r{number % 3}" for number in range(60)])
    shuffled = list(examples)
    for seed in (1, 2, 3):
        np.random.seed(seed)
        np.random.shuffle(shuffled)
    expected = {label: of_label(label, shuffled)[:4] for label in ("r0", "r1", "r2")}
    drawn = draw(examples, 4, 3)
    assert {label: of_label(label, drawn) for label in expected} == expected


def test_a_smaller_draw_is_part_of_a_larger_one_with_the_same_seed():
    examples = made_up(list("pqr") * 20)
    assert {example.id for example in draw(examples, 4, 2)} <= {example.id for example in draw(examples, 9, 2)}


def test_labels_that_fall_short_are_counted_those_without_any_included():
    assert shortages(made_up(["p", "p", "q"]), ["p", "q", "r"], 2) == {"q": 1, "r": 0}


def test_the_hash_tells_draws_apart_by_their_text_and_order():
    first, second = made_up(["p", "q"])
    changed = first.model_copy(update={"text": "a c"})
    hashes = {
        identity([first, second]),
        identity([second, first]),
        identity([changed, second]),
        identity([first], [second]),
    }
    assert len(hashes) == 4


def test_the_default_draws_k_of_each_label_for_training_and_for_validation(tmp_path, monkeypatch, capsys):
    drawn = sampled(tmp_path, monkeypatch)
    assert set(labels_in(tmp_path / "seeds/train.jsonl").values()) == {8}
    assert set(labels_in(tmp_path / "seeds/validation.jsonl").values()) == {8}
    assert f"draw {drawn.hash}: 128 seeds, 128 examples for validation" in capsys.readouterr().out


def test_validation_may_be_the_whole_split(tmp_path, monkeypatch):
    assert sampled(tmp_path, monkeypatch, validation="full").validation == 184


def test_the_negative_label_can_be_left_out(tmp_path, monkeypatch):
    drawn = sampled(tmp_path, monkeypatch, negative=False, validation="full")
    assert "no_relation" not in labels_in(tmp_path / "seeds/train.jsonl")
    assert (drawn.train, drawn.validation, drawn.fewer_than_shots) == (120, 150, {})


def test_a_label_with_fewer_than_k_says_so(tmp_path, monkeypatch, capsys):
    drawn = sampled(tmp_path, monkeypatch, shots=50)
    assert drawn.fewer_than_shots["founded_by"] == 40
    assert "founded_by: 40 of 50 seeds, the dataset has no more" in capsys.readouterr().out


def test_a_label_with_fewer_than_k_in_validation_says_so_too(tmp_path, monkeypatch, capsys):
    drawn = sampled(tmp_path, monkeypatch, shots=16)
    assert drawn.fewer_than_shots == {}
    assert drawn.validation_fewer_than_shots["founded_by"] == 10
    assert "founded_by: 10 of 16 examples for validation" in capsys.readouterr().out
    assert sampled(tmp_path, monkeypatch, shots=16, validation="full").validation_fewer_than_shots == {}


def test_a_seed_that_stands_in_validation_is_reported_as_contamination(tmp_path, monkeypatch, capsys):
    train = GAZETTE / "train.jsonl"
    drawn = sampled(tmp_path, monkeypatch, dataset(tmp_path / "contaminated", train, validation=train))
    assert drawn.contamination.same == 128
    assert "seeds in validation: 128 same texts, 0 near-duplicates" in capsys.readouterr().out


def test_a_near_duplicate_counts_from_the_similarity_that_params_name(tmp_path, monkeypatch):
    changed = tmp_path / "changed.jsonl"
    records = [json.loads(line) for line in (GAZETTE / "train.jsonl").read_text(encoding="utf-8").splitlines()]
    later = [record | {"text": f"{record['text']} So they said."} for record in records]
    changed.write_text("".join(json.dumps(record) + "\n" for record in later), encoding="utf-8")
    source = dataset(tmp_path / "contaminated", validation=changed)
    found = [sampled(tmp_path, monkeypatch, source, threshold).contamination for threshold in (0.5, 1.0)]
    assert [(overlap.same, overlap.near) for overlap in found] == [(0, 128), (0, 0)]


def test_yes_no_questions_are_drawn_like_any_other_examples(tmp_path, monkeypatch):
    task = load_task("yes_no")
    source = dataset(tmp_path / "questions", PRIMER / "train.jsonl", PRIMER / "validation.jsonl")
    write_records(source / "labels.jsonl", task.fixed_schema.entries)
    drawn = sampled(tmp_path, monkeypatch, source, task="yes_no", shots=4)
    assert (drawn.train, drawn.validation) == (8, 8)
    seeds = read_examples(tmp_path / "seeds/train.jsonl", task, task.fixed_schema)
    assert Counter(seed.label for seed in seeds) == {"true": 4, "false": 4}


def test_two_draws_differ_and_the_same_draw_repeats(tmp_path, monkeypatch):
    hashes = [sampled(tmp_path, monkeypatch, seed=seed).hash for seed in (1, 2, 1)]
    assert hashes[0] == hashes[2] != hashes[1]
