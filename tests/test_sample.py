"""The few-shot draw: its rule, its hash, what it says of shortages and leaks."""

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
from relseed.tasks.relation import Example, identity
from relseed.tasks.relation.files import read_examples, read_schema
from stages import sample
from tests.graph import ROOT

SEMEVAL = ROOT.parent / "shared/data/semeval2010_task8"
GAZETTE = ROOT / "data/gazette"
with_semeval = pytest.mark.skipif(not SEMEVAL.exists(), reason="the SemEval release is not beside this checkout")


@pytest.fixture(autouse=True)
def _untracked(monkeypatch):
    monkeypatch.setenv("DISABLE_MLFLOW_INTEGRATION", "TRUE")


def sampled(tmp_path: Path, monkeypatch, dataset: Path = GAZETTE, near_duplicate: float = 0.8, **changes) -> Draw:
    """Run the stage with changed parameters; seeds/ in `tmp_path` holds its output."""
    params = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    chosen = {"sample": params["sample"] | changes, "leaks": {"near_duplicate": near_duplicate}}
    (tmp_path / "params.yaml").write_text(yaml.safe_dump(chosen), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    sample.main(dataset, Path("seeds"))
    return Draw.model_validate_json((tmp_path / "seeds/draw.json").read_text(encoding="utf-8"))


def relations_in(path: Path) -> Counter[str]:
    return Counter(example.relation for example in read_examples(path, read_schema(GAZETTE / "relations.jsonl")))


@pytest.fixture(scope="module")
def released():
    return semeval.read(SEMEVAL).splits["train"]


@with_semeval
@pytest.mark.parametrize("seed", range(1, 6))
@pytest.mark.parametrize("shots", [8, 16, 32])
def test_the_rule_gives_the_published_draws_of_semeval_in_their_order(released, shots, seed):
    published = json.loads((SEMEVAL / "splits.json").read_text(encoding="utf-8"))["kshot"][str(shots)][str(seed)]
    assert [example.id for example in draw(released, shots, seed)] == [f"semeval-{number}" for number in published]


def made_up(relations: list[str]) -> list[Example]:
    spans = {"head": {"start": 0, "end": 1}, "tail": {"start": 2, "end": 3}}
    return [
        Example.model_validate({"id": str(number), "text": "a b", "relation": relation, **spans})
        for number, relation in enumerate(relations)
    ]


@given(st.lists(st.sampled_from("pqr")), st.integers(1, 5), st.integers(1, 4))
def test_a_draw_holds_k_of_each_relation_or_all_that_there_are_and_none_twice(relations, shots, seed):
    drawn = draw(made_up(relations), shots, seed)
    expected = {relation: min(shots, count) for relation, count in Counter(relations).items()}
    assert Counter(example.relation for example in drawn) == expected
    assert len({example.id for example in drawn}) == len(drawn)


def test_draw_3_is_what_numpy_gives_that_is_seeded_and_shuffles_three_times_over():
    pool = made_up([f"r{number % 3}" for number in range(60)])
    shuffled = list(pool)
    for seed in (1, 2, 3):
        np.random.seed(seed)
        np.random.shuffle(shuffled)
    expected = {name: [one for one in shuffled if one.relation == name][:4] for name in ("r0", "r1", "r2")}
    drawn = draw(pool, 4, 3)
    assert {name: [one for one in drawn if one.relation == name] for name in expected} == expected


def test_a_smaller_draw_is_part_of_a_larger_one_with_the_same_seed():
    pool = made_up(list("pqr") * 20)
    assert {one.id for one in draw(pool, 4, 2)} <= {one.id for one in draw(pool, 9, 2)}


def test_relations_that_fall_short_are_counted_those_without_any_included():
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


def test_the_default_draws_k_of_each_relation_for_training_and_for_validation(tmp_path, monkeypatch, capsys):
    drawn = sampled(tmp_path, monkeypatch)
    assert set(relations_in(tmp_path / "seeds/train.jsonl").values()) == {8}
    assert set(relations_in(tmp_path / "seeds/validation.jsonl").values()) == {8}
    assert f"draw {drawn.hash}: 128 seeds, 128 examples for validation" in capsys.readouterr().out


def test_validation_may_be_the_whole_split(tmp_path, monkeypatch):
    assert sampled(tmp_path, monkeypatch, validation="full").validation == 184


def test_the_negative_label_can_be_left_out(tmp_path, monkeypatch):
    drawn = sampled(tmp_path, monkeypatch, negative=False, validation="full")
    assert "no_relation" not in relations_in(tmp_path / "seeds/train.jsonl")
    assert (drawn.train, drawn.validation, drawn.fewer_than_shots) == (120, 150, {})


def test_a_relation_with_fewer_than_k_says_so(tmp_path, monkeypatch, capsys):
    drawn = sampled(tmp_path, monkeypatch, shots=50)
    assert drawn.fewer_than_shots["founded_by"] == 40
    assert "founded_by: 40 of 50 seeds, the dataset has no more" in capsys.readouterr().out


def test_a_relation_with_fewer_than_k_in_validation_says_so_too(tmp_path, monkeypatch, capsys):
    drawn = sampled(tmp_path, monkeypatch, shots=16)
    assert drawn.fewer_than_shots == {}
    assert drawn.validation_fewer_than_shots["founded_by"] == 10
    assert "founded_by: 10 of 16 examples for validation" in capsys.readouterr().out
    assert sampled(tmp_path, monkeypatch, shots=16, validation="full").validation_fewer_than_shots == {}


def test_a_seed_that_stands_in_validation_is_reported_as_a_leak(tmp_path, monkeypatch, capsys):
    leaky = tmp_path / "leaky"
    leaky.mkdir()
    for name in ("relations.jsonl", "train.jsonl"):
        (leaky / name).write_bytes((GAZETTE / name).read_bytes())
    (leaky / "validation.jsonl").write_bytes((GAZETTE / "train.jsonl").read_bytes())
    drawn = sampled(tmp_path, monkeypatch, dataset=leaky)
    assert drawn.leaks.same == 128
    assert "leaks from seeds into validation: 128 same texts" in capsys.readouterr().out


def test_two_draws_differ_and_the_same_draw_repeats(tmp_path, monkeypatch):
    hashes = [sampled(tmp_path, monkeypatch, seed=seed).hash for seed in (1, 2, 1)]
    assert hashes[0] == hashes[2] != hashes[1]
